"""LIF, forward and backward, beside spikingjelly's torch backend: time and peak memory."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch

from neurospike.bench.harness import interleave, row
from neurospike.bench.memory import memory_row
from neurospike.errors import MissingExtraError
from neurospike.nn import LIF

OURS = "neurospike"
PEER = "spikingjelly, torch backend"
TAU = 2.0
CASES = ((16, 10_000), (64, 10_000), (16, 1_000_000))
MEMORY_CASE = (16, 1_000_000)


def candidates(T: int, N: int, names: tuple[str, ...] = (OURS, PEER)) -> dict[str, Any]:
    """Callables that run one layer forward and backward on the same (T, N) input.

    Both have tau 2, threshold 1, a hard detached reset to 0, no decay of the input and the ATan
    surrogate with alpha 2.

    Raises
    ------
    MissingExtraError
        spikingjelly is not installed.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(T, N, generator=generator).requires_grad_()
    upstream = torch.randn(T, N, generator=generator)
    layers = {name: _LAYERS[name]() for name in names}

    def train(layer: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        x.grad = None
        s = layer(x)
        s.backward(upstream)  # type: ignore[no-untyped-call]
        return s

    return {name: (lambda layer=layer: train(layer)) for name, layer in layers.items()}


def run(repeats: int = 15) -> list[dict[str, Any]]:
    """A row a case: medians and how many times ours is faster, then smaller."""
    rows = []
    for T, N in CASES:
        timings = interleave(candidates(T, N), repeats)
        case = f"LIF forward + backward, T = {T}, N = {N:,}"
        rows.append(row(case, PEER, timings[OURS], timings[PEER]))
    memory = peak_memory_row()
    return rows if memory is None else [*rows, memory]


def peak_memory_row() -> dict[str, Any] | None:
    """Peak memory beyond input and upstream gradient."""
    T, N = MEMORY_CASE
    return memory_row(f"LIF peak extra memory, T = {T}, N = {N:,}", OURS, PEER, _one_large)


def _one_large(name: str) -> Callable[[], torch.Tensor]:
    candidates(2, 1000, (name,))[name]()  # compiles and imports outside of the measurement
    large: Callable[[], torch.Tensor] = candidates(*MEMORY_CASE, (name,))[name]
    return large


def _ours() -> Callable[[torch.Tensor], Any]:
    return LIF(TAU)


def spikingjelly_lif() -> Callable[[torch.Tensor], torch.Tensor]:
    """spikingjelly's neuron, at rest before every sequence.

    Raises
    ------
    MissingExtraError
        spikingjelly is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from spikingjelly.activation_based import neuron, surrogate
    except ImportError as error:
        raise MissingExtraError(
            "bench.neurons: compares with spikingjelly, which is not installed; "
            "pip install --no-deps spikingjelly."
        ) from error
    node = neuron.LIFNode(
        tau=TAU,
        decay_input=False,
        detach_reset=True,
        surrogate_function=surrogate.ATan(2.0),
        step_mode="m",
    )

    def layer(x: torch.Tensor) -> torch.Tensor:
        node.reset()
        s: torch.Tensor = node(x)
        return s

    return layer


_LAYERS: dict[str, Callable[[], Callable[[torch.Tensor], Any]]] = {
    OURS: _ours,
    PEER: spikingjelly_lif,
}
