"""LIF beside spikingjelly's LIFNode and snntorch's Leaky: the same spikes, the same gradients."""

import warnings
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import Tensor

from neurospike import nn
from neurospike.functional.surrogate import (
    ATan,
    FastSigmoid,
    Rectangle,
    Sigmoid,
    Surrogate,
    Triangle,
)

T, B, F = 25, 4, 513


@pytest.fixture(scope="module")
def spikingjelly() -> SimpleNamespace:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = "spikingjelly.activation_based"
        neuron = pytest.importorskip(f"{package}.neuron", reason="spikingjelly is not installed")
        surrogate = pytest.importorskip(f"{package}.surrogate")
        return SimpleNamespace(neuron=neuron, surrogate=surrogate)


@pytest.fixture(scope="module")
def snntorch() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("snntorch", reason="snntorch is not installed")


def inputs(shift: float = 0.4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(T, B, F, generator=generator) + shift
    return x.requires_grad_(), torch.randn(T, B, F, generator=generator)


def run(layer: Callable[[Tensor], Tensor], upstream: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    x.grad = None
    s = layer(x)
    s.backward(upstream)
    assert x.grad is not None
    return s.detach(), x.grad


def assert_same(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor]) -> None:
    assert 0 < theirs[0].mean() < 1
    assert torch.equal(ours[0], theirs[0])
    assert (ours[1] - theirs[1]).abs().max() <= 1e-6 * theirs[1].abs().max()


@pytest.mark.parametrize("tau", [2.0, 1.7, 10.0])
@pytest.mark.parametrize("detach_reset", [False, True])
@pytest.mark.parametrize("decay_input", [False, True])
@pytest.mark.parametrize("v_reset", [None, 0.0, -0.3, 0.1])
def test_spikingjelly_in_all_its_settings(
    spikingjelly, v_reset: float | None, decay_input: bool, detach_reset: bool, tau: float
) -> None:
    x, upstream = inputs(shift=0.4 * tau if decay_input else 0.4)
    node = spikingjelly.neuron.LIFNode(
        tau=tau,
        decay_input=decay_input,
        v_threshold=1.0,
        v_reset=v_reset,
        surrogate_function=spikingjelly.surrogate.ATan(2.0),
        detach_reset=detach_reset,
        step_mode="m",
    )
    layer = nn.LIF(
        tau,
        v_reset=v_reset or 0.0,
        reset="soft" if v_reset is None else "hard",
        decay_input=decay_input,
        detach_reset=detach_reset,
    )
    assert_same(run(layer, upstream, x), run(node, upstream, x))


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (ATan(5.0), ("ATan", 5.0)),
        (Sigmoid(4.0), ("Sigmoid", 4.0)),
        (Triangle(0.7), ("PiecewiseQuadratic", 0.7)),
        (Rectangle(0.8), ("Rect", 0.8)),
        (FastSigmoid(2.0), ("SoftSign", 2.0)),
    ],
    ids=repr,
)
def test_spikingjelly_surrogates(
    spikingjelly, ours: Surrogate, theirs: tuple[str, float], reset: str
) -> None:
    """SoftSign is alpha / 2 times our FastSigmoid, so alpha = 2 makes them one."""
    x, upstream = inputs()
    name, alpha = theirs
    node = spikingjelly.neuron.LIFNode(
        tau=1.7,
        decay_input=False,
        v_reset=0.0 if reset == "hard" else None,
        surrogate_function=getattr(spikingjelly.surrogate, name)(alpha),
        detach_reset=False,
        step_mode="m",
    )
    layer = nn.LIF(1.7, reset=reset, detach_reset=False, surrogate=ours)
    assert_same(run(layer, upstream, x), run(node, upstream, x))


@pytest.mark.parametrize("decay_input", [False, True])
def test_spikingjelly_learnt_tau(spikingjelly, decay_input: bool) -> None:
    x, upstream = inputs(shift=0.8 if decay_input else 0.4)
    node = spikingjelly.neuron.ParametricLIFNode(
        init_tau=2.5,
        decay_input=decay_input,
        surrogate_function=spikingjelly.surrogate.ATan(2.0),
        detach_reset=True,
        step_mode="m",
    )
    layer = nn.LIF(2.5, decay_input=decay_input, learnable_tau=True)
    assert_same(run(layer, upstream, x), run(node, upstream, x))
    assert layer.rate_logit.grad.item() == pytest.approx(node.w.grad.item(), rel=1e-4)


@pytest.mark.parametrize(
    ("beta", "dtype"),
    [
        (0.5, torch.float32),
        (0.75, torch.float32),
        (0.5, torch.float64),
        (0.9, torch.float64),
        (0.99, torch.float64),
    ],
)
def test_snntorch_reset_to_zero(snntorch, beta: float, dtype: torch.dtype) -> None:
    """snntorch fires on v > threshold where we fire on v >= threshold: no ties in this input.

    It resets at the start of the next step what we reset at the end of this one, which gives the
    same spikes. It multiplies by beta where we divide by tau = 1 / (1 - beta); where beta is not
    dyadic these round differently, which a slope of 25 magnifies: compare in float64.
    """
    x, upstream = (a.detach().to(dtype) for a in inputs())
    x.requires_grad_()
    leaky = snntorch.Leaky(
        beta=beta,
        reset_mechanism="zero",
        spike_grad=snntorch.surrogate.fast_sigmoid(slope=25),
    )

    def theirs(x: Tensor) -> Tensor:
        v = torch.zeros_like(x[0])
        spikes = []
        for current in x:
            s, v = leaky(current, v)
            spikes.append(s)
        return torch.stack(spikes)

    ours = nn.LIF(1 / (1 - float(leaky.beta)), surrogate=FastSigmoid(25.0))
    assert_same(run(ours, upstream, x), run(theirs, upstream, x))


def test_snntorch_differs_at_exactly_the_threshold(snntorch) -> None:
    x = torch.ones(1, 1)
    assert snntorch.Leaky(beta=0.5, reset_mechanism="zero")(x, torch.zeros(1, 1))[0].item() == 0
    assert nn.LIF(2.0)(x[None]).item() == 1
