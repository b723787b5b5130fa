"""Delay layers beside DCLS, and a training step of the SHD network beside the published one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neurospike.bench.harness import interleave, row
from neurospike.bench.memory import memory_row
from neurospike.errors import MissingExtraError
from neurospike.models import delay_net
from neurospike.models.delay_net import delay_net_loss
from neurospike.nn import LIF, DelayLinear, LeakyReadout, SequenceDropout

OURS = "neurospike"
PEER = "DCLS 0.1.1"
NET_PEER = "published network on DCLS and spikingjelly"

STEPS, BATCH, WIDTH, WINDOW = 100, 256, 256, 25
TAIL = (WINDOW - 1) // 2
DENSITIES = (0.05, 0.1)
INPUT_DENSITY = 0.03
"""Share of non-zero bins, about what SHD has at 10 ms and 140 channels."""


def run(repeats: int = 7) -> list[dict[str, Any]]:
    """A row a case: medians and how many times ours is faster, then smaller."""
    size = f"{WIDTH} -> {WIDTH}, kernel {WINDOW}, T = {STEPS}"
    rows = [
        _timed(f"delay layer forward + backward, {size}, B = {BATCH}", PEER, layers(), repeats),
        *(
            _timed(
                f"delay inference, {size}, B = {batch}, {density:.0%} of inputs spike",
                f"{PEER}, positions rounded",
                inference(batch, density),
                repeats,
            )
            for batch in (BATCH, 1)
            for density in DENSITIES
        ),
        _timed(f"SHD train step, 2 x {WIDTH}, B = {BATCH}", NET_PEER, networks(), repeats),
    ]
    memory = peak_memory_row()
    return rows if memory is None else [*rows, memory]


def layers(
    names: tuple[str, ...] = (OURS, PEER), *, device: torch.device | str = "cpu"
) -> dict[str, Callable[[], Tensor]]:
    """Callables that run one layer forward and backward, both with the same parameters.

    Raises
    ------
    MissingExtraError
        DCLS is not installed.
    """
    ours, theirs = (layer.to(device) for layer in _pair(WIDTH, WIDTH, sigma=5.0))
    x = _spikes(BATCH, WIDTH, 0.1).to(device).requires_grad_()
    upstream = torch.randn(STEPS + TAIL, BATCH, WIDTH).to(device)

    def train(layer: Callable[[Tensor], Tensor]) -> Tensor:
        x.grad = None
        y = layer(x)
        y.backward(upstream)  # type: ignore[no-untyped-call]
        return y

    found = {OURS: ours, PEER: theirs}
    return {name: (lambda layer=found[name]: train(layer)) for name in names}  # type: ignore[misc]


def inference(batch: int, density: float) -> dict[str, Callable[[], Tensor]]:
    """Callables that run one layer with rounded delays.

    DCLS runs as its users run it: version "v1", whose two taps are one at whole positions, and the
    kernel is built at every call.
    """
    ours, theirs = _pair(WIDTH, WIDTH, sigma=None)
    with torch.no_grad():
        ours.round_delays_()
        theirs.dcls.P.round_()
    x = _spikes(batch, WIDTH, density)

    def infer(layer: Callable[[Tensor], Tensor]) -> Tensor:
        with torch.no_grad():
            return layer(x)

    return {OURS: lambda: infer(ours), PEER: lambda: infer(theirs)}


def networks(
    names: tuple[str, ...] = (OURS, NET_PEER),
    *,
    device: torch.device | str = "cpu",
    dropout: float | None = None,
) -> dict[str, Callable[[], Tensor]]:
    """Callables that take one training step of the published SHD network and give its loss.

    The optimiser's step is included. Both begin with the same weights, delays and width, draw one
    dropout mask a sequence unless it is 0, and step Adam for weights and delays.
    """
    torch.manual_seed(0)
    x = _spikes(BATCH, 140, INPUT_DENSITY).to(device)
    labels = torch.randint(0, 20, (BATCH,)).to(device)
    net = delay_net("shd", dropout=dropout)
    found: dict[str, nn.Module] = {OURS: net}
    if NET_PEER in names:
        found[NET_PEER] = published_network(net)

    def trainer(model: nn.Module) -> Callable[[], Tensor]:
        optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
        clamps = [m.clamp_delays_ for m in model.modules() if isinstance(m, DelayLinear)]
        clamps += [m.dcls.clamp_parameters for m in model.modules() if isinstance(m, _Dcls)]

        def step() -> Tensor:
            optimiser.zero_grad()
            loss = delay_net_loss(model(x), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            for clamp in clamps:
                clamp()
            return loss.detach()

        return step

    return {name: trainer(found[name].to(device).train()) for name in names}


def published_network(net: nn.Sequential) -> nn.Sequential:
    """The network of arXiv:2306.17670 on its own parts, with the parameters of ``net``."""
    peers = _spikingjelly()
    parts: list[nn.Module] = []
    for layer in net:
        if isinstance(layer, DelayLinear):
            parts.append(_dcls_like(layer))
        elif isinstance(layer, nn.BatchNorm1d):
            parts.append(_Norm(layer.num_features))
        elif isinstance(layer, LIF):
            parts.append(_Node(peers, layer.tau, threshold=1.0))
        elif isinstance(layer, SequenceDropout):
            parts.append(_Reset(peers.layer.Dropout(layer.p, step_mode="m")))
        elif isinstance(layer, LeakyReadout):
            parts.append(_Node(peers, layer.tau, threshold=1e9, membranes=True))
    return nn.Sequential(*parts)


def peak_memory_row() -> dict[str, Any] | None:
    """Peak memory of a training step beyond networks and input."""
    case = f"SHD train step peak extra memory, 2 x {WIDTH}, B = {BATCH}"
    return memory_row(case, OURS, NET_PEER, _two_steps)


def _two_steps(name: str) -> Callable[[], None]:
    step = networks((name,))[name]

    def run() -> None:
        step()
        step()  # the first leaves Adam's averages and freed blocks behind

    return run


def _timed(
    case: str, peer: str, candidates: dict[str, Callable[[], Any]], repeats: int
) -> dict[str, Any]:
    timings = interleave(candidates, repeats)
    ours, theirs = timings.values()
    return row(case, peer, ours, theirs)


def _spikes(batch: int, features: int, density: float) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(STEPS, batch, features, generator=generator) < density).float()


def _pair(ins: int, outs: int, *, sigma: float | None) -> tuple[DelayLinear, _Dcls]:
    torch.manual_seed(0)
    spread = "none" if sigma is None else "gaussian"
    ours = DelayLinear(ins, outs, WINDOW, spread=spread, tail=TAIL, sigma=sigma)  # type: ignore[arg-type]
    return ours, _dcls_like(ours)


def _dcls_like(layer: DelayLinear) -> _Dcls:
    """A Dcls1d with a layer's parameters, padded for its tail."""
    gaussian, window = layer.spread == "gaussian", layer.max_delay
    dcls = _dcls()(
        layer.in_features,
        layer.out_features,
        layer.taps,
        dilated_kernel_size=window,
        bias=False,
        version="gauss" if gaussian else "v1",
    )
    with torch.no_grad():
        dcls.weight.copy_(layer.weight)
        dcls.P.copy_((window - 1 - layer.delay - window // 2)[None])
        if gaussian:
            dcls.SIG.fill_(float(layer.sigma) - 0.27).requires_grad_(False)
    return _Dcls(dcls, (window - 1, layer.tail))


class _Dcls(nn.Module):
    """Time first around DCLS, whose convolution takes it last."""

    def __init__(self, dcls: Any, padding: tuple[int, int]) -> None:
        super().__init__()
        self.dcls = dcls
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.dcls(F.pad(x.permute(1, 2, 0), self.padding))
        return y.permute(2, 0, 1)


class _Norm(nn.BatchNorm1d):
    """BatchNorm over time and batch, of a sequence (T, B, features)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, 1)).reshape(x.shape)


class _Reset(nn.Module):
    """A layer of spikingjelly, at rest before every sequence."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        self.layer.reset()
        y: Tensor = self.layer(x.contiguous())
        return y


class _Node(_Reset):
    """A LIF neuron of spikingjelly; gives its membranes where it never fires."""

    def __init__(
        self, peers: SimpleNamespace, tau: float, *, threshold: float, membranes: bool = False
    ) -> None:
        super().__init__(
            peers.neuron.LIFNode(
                tau=tau,
                decay_input=False,
                v_threshold=threshold,
                v_reset=0.0,
                detach_reset=True,
                surrogate_function=peers.surrogate.ATan(5.0),
                step_mode="m",
                store_v_seq=membranes,
            )
        )
        self.membranes = membranes

    def forward(self, x: Tensor) -> Tensor:
        spikes = super().forward(x)
        y: Tensor = self.layer.v_seq if self.membranes else spikes
        return y


def _dcls() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from DCLS.construct.modules import Dcls1d
    except ImportError as error:
        raise MissingExtraError(
            "bench.delays: compares with DCLS, which is not installed; pip install --no-deps DCLS."
        ) from error
    return Dcls1d


def _spikingjelly() -> SimpleNamespace:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from spikingjelly.activation_based import layer, neuron, surrogate
    except ImportError as error:
        raise MissingExtraError(
            "bench.delays: compares with spikingjelly, which is not installed; "
            "pip install --no-deps spikingjelly."
        ) from error
    return SimpleNamespace(layer=layer, neuron=neuron, surrogate=surrogate)
