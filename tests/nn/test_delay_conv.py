"""Convolutions with delays: torch's own over space and time, streaming, rounding, refusals."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from neurospike import nn
from neurospike.errors import ArgumentError, StateError
from neurospike.functional.delays import spread_delays
from neurospike.testing import assert_step_equals_sequence

CASES: list[tuple[int, dict[str, Any], tuple[int, ...]]] = [
    (1, {"kernel_size": 1}, (1,)),
    (1, {"kernel_size": 3, "padding": 1}, (7,)),
    (1, {"kernel_size": 4, "stride": 3, "dilation": 2, "padding": 2, "groups": 2}, (12,)),
    (1, {"kernel_size": 3, "per": "axon", "taps": 2, "groups": 2, "tail": 3}, (6,)),
    (1, {"kernel_size": 2, "per": "dendrite", "spread": "triangle", "tail": 8}, (5,)),
    (2, {"kernel_size": 3, "padding": 1, "tail": 2}, (4, 5)),
    (2, {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0), "taps": 2}, (5, 7)),
    (2, {"kernel_size": 2, "per": "axon", "spread": "none", "groups": 2}, (3, 3)),
]
each_case = pytest.mark.parametrize(("axes", "options", "space"), CASES, ids=str)


def noise(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def events(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return (noise(*shape, dtype=dtype) > 1).to(dtype)


def layer_of(axes: int, options: dict[str, Any], *, dtype=torch.float64):
    torch.manual_seed(5)
    kind = (nn.DelayConv1d, nn.DelayConv2d)[axes - 1]
    return kind(4, 6, max_delay=5, sigma=1.5, **options).to(dtype)


def by_torch(layer, x: Tensor) -> Tensor:
    """Torch's convolution with time as one more axis, its kernel turned around in time."""
    delay = layer.delay
    if layer.per == "dendrite":
        delay = delay.reshape(6, 1, *(1,) * layer.axes, layer.taps)
    elif layer.per == "axon":
        delay = delay.reshape(layer.groups, 1, -1, *(1,) * layer.axes, layer.taps)
        delay = delay.expand(-1, 6 // layer.groups, *(-1,) * (layer.axes + 2)).flatten(0, 1)
    share = spread_delays(delay.expand(layer.weight.shape), layer.rule())
    kernel = (layer.weight * share).sum(-1).movedim(0, 2).flip(2)
    padded = F.pad(x.movedim(0, 2), (0, 0) * layer.axes + (layer.max_delay - 1, layer.tail))
    convolve = (F.conv2d, F.conv3d)[layer.axes - 1]
    y = convolve(
        padded,
        kernel,
        stride=(1, *layer.stride),
        padding=(0, *layer.padding),
        dilation=(1, *layer.dilation),
        groups=layer.groups,
    )
    return y.movedim(2, 0)


@each_case
@pytest.mark.parametrize("batch", [1, 3])
def test_values_and_gradients_are_torchs(axes, options, space, batch) -> None:
    layer = layer_of(axes, options)
    x = noise(9, batch, 4, *space).requires_grad_()
    y, expected = layer(x), by_torch(layer, x)
    assert y.shape == expected.shape == (9 + layer.tail, batch, 6, *layer.out_space(space))
    assert (y - expected).abs().max() <= 1e-12 * expected.abs().max()
    upstream = noise(*y.shape, seed=9)
    wanted = [x, layer.weight, layer.delay]
    got = torch.autograd.grad((y * upstream).sum(), wanted)
    for a, b in zip(got, torch.autograd.grad((expected * upstream).sum(), wanted), strict=True):
        assert (a - b).abs().max() <= 1e-10 * b.abs().max().clamp(min=1e-6)


@each_case
def test_float32_and_rounded_delays_are_torchs(axes, options, space) -> None:
    layer = layer_of(axes, options, dtype=torch.float32)
    x = noise(9, 2, 4, *space, dtype=torch.float32)
    for _ in range(2):
        y, expected = layer(x), by_torch(layer, x)
        assert (y - expected).abs().max() <= 1e-5 * expected.abs().max()
        layer.round_delays_()
    assert layer.delay.detach().frac().abs().max() == 0


@each_case
@pytest.mark.parametrize("batch", [0, 1, 3])
def test_step_equals_sequence_bit_for_bit_when_rounded(axes, options, space, batch) -> None:
    options = {**options, "tail": 0}
    layer = layer_of(axes, options, dtype=torch.float32).round_delays_()
    for x in (events(12, batch, 4, *space), noise(12, batch, 4, *space, dtype=torch.float32)):
        assert_step_equals_sequence(layer, x)


@each_case
def test_step_equals_sequence_with_spread_delays(axes, options, space) -> None:
    options = {**options, "tail": 0}
    layer = layer_of(axes, options, dtype=torch.float32)
    assert_step_equals_sequence(layer, events(12, 2, 4, *space), relative=1e-5)


def test_a_tail_is_flushed_by_silent_steps() -> None:
    layer = layer_of(1, {"kernel_size": 3, "tail": 4}, dtype=torch.float32).round_delays_()
    x = events(8, 2, 4, 6)
    state, outputs = layer.init_state(x[0]), []
    for current in [*x, *torch.zeros(4, 2, 4, 6)]:
        y, state = layer.step(current, state)
        outputs.append(y)
    assert torch.equal(torch.stack(outputs), layer(x))


def test_gradients_through_a_loop_of_steps_are_those_of_the_sequence() -> None:
    for rounded in (False, True):
        layer = layer_of(1, {"kernel_size": 3, "groups": 2})
        if rounded:
            layer.round_delays_().delay.requires_grad_(False)
        x = noise(7, 2, 4, 6).requires_grad_()
        wanted = [x, *(p for p in layer.parameters() if p.requires_grad)]
        y = layer(x)
        upstream = noise(*y.shape, seed=9)
        whole = torch.autograd.grad((y * upstream).sum(), wanted)
        state, loss = layer.init_state(x[0]), torch.zeros((), dtype=x.dtype)
        for t, current in enumerate(x):
            y, state = layer.step(current, state)
            loss = loss + (y * upstream[t]).sum()
        for a, b in zip(whole, torch.autograd.grad(loss, wanted), strict=True):
            assert (a - b).abs().max() <= 1e-10 * a.abs().max()


def test_one_spike_arrives_by_each_synapse_at_its_delay() -> None:
    layer = nn.DelayConv2d(1, 1, 2, max_delay=5, tail=4).round_delays_()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]).reshape(layer.weight.shape))
        layer.delay.copy_(torch.tensor([[0.0, 1.0], [3.0, 4.0]]).reshape(layer.delay.shape))
    x = torch.zeros(1, 1, 1, 3, 3)
    x[0, 0, 0, 1, 1] = 1.0
    y = layer(x)[:, 0, 0]
    expected = torch.zeros(5, 2, 2)
    expected[0, 1, 1], expected[1, 1, 0], expected[3, 0, 1], expected[4, 0, 0] = 1, 2, 3, 4
    assert torch.equal(y, expected)


def test_without_delays_it_is_torchs_convolution() -> None:
    torch.manual_seed(0)
    layer = nn.DelayConv2d(3, 5, 3, max_delay=1, stride=2, padding=1)
    x = noise(4, 2, 3, 7, 7, dtype=torch.float32)
    expected = F.conv2d(x.flatten(0, 1), layer.weight[..., 0], stride=2, padding=1)
    assert torch.allclose(layer(x).flatten(0, 1), expected, atol=1e-5)


def test_beginning_and_checkpoints() -> None:
    torch.manual_seed(0)
    layer = nn.DelayConv1d(40, 50, 5, max_delay=9)
    bound = (6 / (40 * 5)) ** 0.5
    assert float(layer.weight.detach().abs().max()) == pytest.approx(bound, rel=0.01)
    assert float(layer.delay.detach().min()) >= 0
    assert 7.9 < float(layer.delay.detach().max()) <= 8
    assert float(layer.sigma) == 4.5
    again = nn.DelayConv1d(40, 50, 5, max_delay=9, sigma=1.0)
    again.load_state_dict(layer.round_delays_().state_dict())
    x = events(5, 1, 40, 8)
    assert torch.equal(again(x), layer(x))
    with torch.no_grad():
        layer.weight.mul_(2)
    assert torch.equal(layer(x), 2 * again(x))
    with torch.no_grad():
        layer.delay.fill_(-1)
    assert float(layer.clamp_delays_().delay.detach().max()) == 0


def test_streams_inside_a_chain() -> None:
    torch.manual_seed(0)
    conv = nn.DelayConv1d(2, 3, 3, 4, padding=1).round_delays_()
    net = nn.SpikingSequential(
        conv, nn.LIF(2.0), torch.nn.Flatten(), torch.nn.Linear(3 * 8, 2), nn.LeakyReadout(4.0)
    )
    x = events(9, 3, 2, 8)
    assert_step_equals_sequence(net, x, relative=1e-5)


def test_other_dtypes_run() -> None:
    layer = copy.deepcopy(layer_of(1, {"kernel_size": 3})).bfloat16()
    assert layer(noise(5, 2, 4, 6, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_delay": 0}, r"DelayConv1d\.max_delay: must be a whole number of 1 or more; got 0"),
        ({"max_delay": -3}, r"DelayConv1d\.max_delay: .* got -3"),
        ({"in_channels": 0}, r"DelayConv1d\.in_channels: must be a whole number of 1 or more"),
        ({"groups": 3}, r"DelayConv1d\.groups: must divide in_channels = 4; got 3"),
        ({"kernel_size": 0}, r"DelayConv1d\.kernel_size: must be a whole number of 1 or more"),
        ({"kernel_size": (3, 3)}, r"DelayConv1d\.kernel_size: must be one number or 1; got"),
        ({"stride": 0}, r"DelayConv1d\.stride: must be a whole number of 1 or more; got 0"),
        ({"padding": -1}, r"DelayConv1d\.padding: must be a whole number of 0 or more; got -1"),
        ({"tail": -1}, r"DelayConv1d\.tail: must be a whole number of 0 or more; got -1"),
        ({"taps": 0}, r"DelayConv1d\.taps: must be a whole number of 1 or more; got 0"),
        ({"per": "soma"}, r"DelayConv1d\.per: must be one of synapse, axon, dendrite; got 'soma'"),
        ({"spread": "box"}, r"DelayConv1d\.spread: must be one of gaussian, triangle, none"),
        ({"sigma": 0.0}, r"DelayConv1d\.sigma: must be finite and above 0 steps; got 0\.0"),
    ],
)
def test_arguments_are_checked(arguments: dict, message: str) -> None:
    usual = {"in_channels": 4, "out_channels": 6, "kernel_size": 3, "max_delay": 5}
    with pytest.raises(ArgumentError, match=message):
        nn.DelayConv1d(**{**usual, **arguments})


def test_inputs_states_and_delays_are_checked() -> None:
    layer = nn.DelayConv1d(4, 6, 3, 5)
    state = layer.init_state((8, 4, 9))
    assert [part.shape for part in state] == [(8, 7, 5, 6)]
    with pytest.raises(StateError, match="DelayConv1d: state has batch 8, input has 3; start from"):
        layer.step(torch.ones(3, 4, 9), state)
    with pytest.raises(StateError, match="DelayConv1d: state has shape"):
        layer.step(torch.ones(8, 4, 10), state)
    with pytest.raises(StateError, match=r"state must be \(pending,\); got 2 tensors"):
        layer.step(torch.ones(8, 4, 9), (*state, *state))
    with pytest.raises(ArgumentError, match=r"must be \(T, B, in_channels, L\); got \(3, 4, 9\)"):
        layer(torch.ones(3, 4, 9))
    with pytest.raises(ArgumentError, match=r"L\) with in_channels = 4; got \(2, 3, 5, 9\)"):
        layer(torch.ones(2, 3, 5, 9))
    with pytest.raises(ArgumentError, match=r"at least as large as the kernel \(3,\); got edges"):
        layer(torch.ones(2, 3, 4, 2))
    with pytest.raises(ArgumentError, match=r"must be floating point; got torch\.int64"):
        layer(torch.ones(2, 3, 4, 9, dtype=torch.int64))
    with pytest.raises(ArgumentError, match=r"one step's input, \(B, 4, L\), or its shape; got"):
        layer.init_state((8, 9))
    layer.delay.data[0] = 4.5
    with pytest.raises(ArgumentError, match=r"delays must lie in 0\.\.4; .*Call clamp_delays_\(\)"):
        layer(torch.ones(2, 3, 4, 9))
    layer.clamp_delays_().round_delays_()
    layer.delay.data[0] = 0.5
    with pytest.raises(ArgumentError, match="delays must be whole numbers after round_delays_"):
        layer(torch.ones(2, 3, 4, 9))
