"""Delay layers: definition, gradients, streaming, rounding, and what they refuse."""

import copy
import pickle

import pytest
import torch
from torch import Tensor

from neurospike import nn
from neurospike.errors import ArgumentError, StateError
from neurospike.testing import assert_step_equals_sequence, assert_unary_equals_integer

PER = ["synapse", "axon", "dendrite"]


def make(*sizes: int, **settings) -> nn.DelayLinear:
    torch.manual_seed(0)
    return nn.DelayLinear(*(sizes or (4, 3, 6)), **settings)


def events(*shape: int, density: float = 0.3, dtype: torch.dtype = torch.float32) -> Tensor:
    g = torch.Generator().manual_seed(1)
    mask = torch.rand(shape, generator=g) < density
    return (mask * torch.randint(1, 4, shape, generator=g)).to(dtype)


@pytest.mark.parametrize("per", PER)
@pytest.mark.parametrize("taps", [1, 2])
def test_a_rounded_layer_is_shifts(per: str, taps: int) -> None:
    layer = make(per=per, taps=taps, tail=2).round_delays_()
    x = torch.randn(9, 2, 4)
    shape = {"axon": (1, 4), "dendrite": (3, 1)}.get(per, (3, 4))
    late = layer.delay.detach().reshape(*shape, taps).expand(3, 4, taps)
    expected = torch.zeros(11, 2, 3)
    for o, i, k in torch.cartesian_prod(torch.arange(3), torch.arange(4), torch.arange(taps)):
        d = int(late[o, i, k])
        part = layer.weight[o, i, k].detach() * x[: 11 - d, :, i]
        expected[d : d + len(part), :, o] += part
    assert torch.allclose(layer(x), expected, atol=1e-6)


def test_shapes_and_draws() -> None:
    layer = make(50, 40, 25, taps=2)
    assert layer.weight.shape == layer.delay.shape == (40, 50, 2)
    assert 0 <= layer.delay.min() < 1 and 23 < layer.delay.max() <= 24
    assert layer.weight.abs().max() <= (6 / 100) ** 0.5 < 1.01 * layer.weight.abs().max()
    assert make(5, 4, 9, taps=3, per="axon").delay.shape == (5, 3)
    assert make(5, 4, 9, taps=3, per="dendrite").delay.shape == (4, 3)
    assert layer(torch.zeros(7, 2, 50)).shape == (7, 2, 40)
    assert float(layer.sigma) == 12.5
    assert "sigma=12.5" in repr(layer) and "rounded" in repr(make().round_delays_())


@pytest.mark.parametrize("per", PER)
@pytest.mark.parametrize("spread", ["gaussian", "triangle", "none"])
def test_gradients(per: str, spread: str) -> None:
    layer = make(3, 2, 5, taps=2, per=per, spread=spread, tail=2, sigma=1.3).double()
    x = torch.randn(7, 2, 3, dtype=torch.float64, requires_grad=True)

    def run(x: Tensor, weight: Tensor, delay: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "delay": delay}, (x,))

    assert torch.autograd.gradcheck(run, (x, layer.weight, layer.delay))


def test_gradients_of_rounded_layers() -> None:
    layer = make(3, 2, 5, taps=2, tail=2).double().round_delays_()
    x = torch.randn(7, 2, 3, dtype=torch.float64, requires_grad=True)

    def run(x: Tensor, weight: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight}, (x,))

    assert torch.autograd.gradcheck(run, (x, layer.weight))
    layer(x).sum().backward()
    assert layer.delay.grad is None

    state, outputs = layer.init_state((2, 3)), []
    for one in x:
        y, state = layer.step(one, state)
        outputs.append(y)
    by_step = torch.autograd.grad(torch.stack(outputs).square().sum(), (x, layer.weight))
    at_once = torch.autograd.grad(layer(x)[:7].square().sum(), (x, layer.weight))
    for ours, expected in zip(by_step, at_once, strict=True):
        assert torch.allclose(ours, expected)


def test_the_first_layer_asks_for_no_gradient_of_its_input() -> None:
    layer, x = make(), events(9, 2, 4)
    layer(x).sum().backward()
    assert x.grad is None and layer.delay.grad is not None
    layer.delay.requires_grad_(False)
    layer.zero_grad()
    layer(x).sum().backward()
    assert layer.delay.grad is None and layer.weight.grad is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("per", PER)
@pytest.mark.parametrize(
    ("T", "B", "ins", "outs", "max_delay", "taps", "tail"),
    [(40, 3, 17, 3, 25, 1, 0), (9, 2, 8, 6, 5, 2, 3), (5, 2, 3, 3, 9, 3, 12), (4, 1, 1, 1, 1, 1, 0),
     (3, 0, 3, 3, 4, 1, 2), (0, 2, 3, 3, 4, 1, 2)],
)  # fmt: skip
def test_step_equals_forward(T, B, ins, outs, max_delay, taps, tail, per, dtype) -> None:
    layer = make(ins, outs, max_delay, taps=taps, per=per, tail=tail, sigma=1.2).to(dtype)
    for x in (events(T, B, ins, dtype=dtype), torch.randn(T, B, ins, dtype=dtype)):
        assert_step_equals_sequence(layer, x, relative=1e-5)
        assert_step_equals_sequence(copy.deepcopy(layer).round_delays_(), x)


def test_a_chain_streams_integers_and_unary_events() -> None:
    net = nn.SpikingSequential(
        make(5, 8, 6, tail=3).round_delays_(),
        nn.ILIF(4),
        make(8, 4, 5).round_delays_(),
        nn.LIF(tau=2.0),
        torch.nn.Linear(4, 2, bias=False),
    )
    for delays in (net[0], net[2]):  # dyadic weights: sums are exact in any order
        delays.weight.data.mul_(16).round_().div_(16)
    x = events(12, 2, 5)
    assert net(x).shape == (15, 2, 2)
    assert_step_equals_sequence(net, x, relative=1e-5)
    assert_unary_equals_integer(net, x)


def test_a_loaded_checkpoint_brings_back_its_state() -> None:
    layer, x = make(sigma=2.0), events(9, 2, 4)
    before, y = copy.deepcopy(layer.state_dict()), layer(x)
    layer.round_delays_()
    layer.sigma.fill_(0.5)
    assert not torch.allclose(layer(x), y)
    rounded = make()
    rounded.load_state_dict(layer.state_dict())
    assert bool(rounded.rounded) and torch.equal(rounded(x), layer(x))
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), layer(x))
    layer.load_state_dict(before)
    assert torch.equal(layer(x), y)
    assert {"weight", "delay", "sigma", "rounded"} == set(before)


def test_changed_weights_and_delays_are_noticed() -> None:
    layer, x = make().round_delays_(), events(9, 2, 4)
    y = layer(x)
    layer.weight.data.mul_(2)
    assert torch.equal(layer(x), 2 * y)
    layer.delay.data.fill_(0.0)
    expected = x @ layer.weight.detach()[..., 0].T
    assert torch.allclose(layer(x), expected, atol=1e-6)
    layer.delay.data.fill_(0.5)
    with pytest.raises(ArgumentError, match=r"DelayLinear\.delay: delays must be whole numbers"):
        layer(x)


def test_clamping_returns_the_layer() -> None:
    layer = make()
    layer.delay.data[0, 0] = 99.0
    layer.delay.data[0, 1] = -3.0
    assert layer.clamp_delays_() is layer
    assert layer.delay[0, 0] == 5 and layer.delay[0, 1] == 0


def test_rounding_narrows_to_one_tap_at_the_nearest_step() -> None:
    layer = make(1, 1, 8)
    layer.delay.data.fill_(2.6)
    assert layer.round_delays_() is layer
    x = torch.zeros(8, 1, 1)
    x[1] = 1.0
    assert layer(x).flatten().nonzero().tolist() == [[4]]
    assert torch.equal(layer(x)[4, 0], layer.weight[0, 0])


def test_it_learns_a_delay() -> None:
    layer = make(1, 1, 12, sigma=5.0)
    layer.delay.data.fill_(1.0)
    layer.weight.data.fill_(1.0)
    x = events(200, 4, 1, density=0.1)
    target = torch.cat([torch.zeros(8, 4, 1), x[:-8]])
    optimiser = torch.optim.Adam([layer.delay], lr=0.2)
    for turn in range(120):
        layer.sigma.fill_(5.0 * 0.1 ** (turn / 120))
        loss = (layer(x) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        layer.clamp_delays_()
    assert (layer.delay - 8).abs().item() < 0.2
    assert torch.equal(layer.round_delays_()(x), target)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_delay": 0}, "max_delay: must be a whole number of 1 or more; got 0"),
        ({"max_delay": -3}, "max_delay: must be a whole number of 1 or more; got -3"),
        ({"max_delay": 2.5}, "max_delay: must be a whole number of 1 or more; got 2.5"),
        ({"taps": 0}, "taps: must be a whole number of 1 or more; got 0"),
        ({"tail": -1}, "tail: must be a whole number of 0 or more; got -1"),
        ({"in_features": 0}, "in_features: must be a whole number of 1 or more; got 0"),
        ({"per": "neuron"}, "per: must be one of synapse, axon, dendrite; got 'neuron'"),
        ({"spread": "box"}, "spread: must be one of gaussian, triangle, none; got 'box'"),
        ({"sigma": 0.0}, "sigma: must be finite and above 0 steps; got 0.0"),
        ({"sigma": -1.0}, "sigma: must be finite and above 0 steps; got -1.0"),
    ],
)
def test_bad_arguments(settings, message) -> None:
    with pytest.raises(ArgumentError, match=rf"DelayLinear\.{message}"):
        nn.DelayLinear(**({"in_features": 3, "out_features": 2, "max_delay": 5} | settings))


@pytest.mark.parametrize("sigma", [0.0, -0.3, float("nan"), float("inf")])
def test_a_sigma_that_is_set_to_nonsense(sigma: float) -> None:
    layer = make()
    layer.sigma.fill_(sigma)
    with pytest.raises(ArgumentError, match=r"DelayLinear\.sigma: must be finite and above 0"):
        layer(events(4, 1, 4))


@pytest.mark.parametrize("delay", [5.01, 300.0, -0.01, float("nan")])
def test_delays_out_of_range(delay: float) -> None:
    layer = make()
    layer.delay.data[1, 2, 0] = delay
    x = events(4, 1, 4)
    for use in (lambda: layer(x), lambda: layer.step(x[0], layer.init_state(x[0])),
                layer.round_delays_):  # fmt: skip
        with pytest.raises(ArgumentError, match=r"delays must lie in 0\.\.5; .*clamp_delays_\(\)"):
            use()


def test_a_loaded_delay_out_of_range_is_refused_when_used() -> None:
    layer, longer = make(4, 3, 6), make(4, 3, 60)
    for rounded in (False, True):
        layer.load_state_dict((longer.round_delays_() if rounded else longer).state_dict())
        with pytest.raises(ArgumentError, match=r"DelayLinear\.delay: delays must lie in 0\.\.5"):
            layer(events(4, 1, 4))


@pytest.mark.parametrize("rounded", [False, True])
def test_bad_inputs(rounded: bool) -> None:
    layer = make().round_delays_() if rounded else make()
    with pytest.raises(ArgumentError, match=r"DelayLinear\.x: must be floating point; got torch"):
        layer(torch.zeros(5, 2, 4, dtype=torch.int64))
    with pytest.raises(ArgumentError, match=r"in_features = 4; got \(5, 2, 3\)"):
        layer(torch.zeros(5, 2, 3))
    with pytest.raises(ArgumentError, match=r"must be \(T, B, in_features\)"):
        layer(torch.zeros(5, 4))
    with pytest.raises(ArgumentError, match=r"must have the weights' dtype torch.float32"):
        layer(torch.zeros(5, 2, 4, dtype=torch.float64))
    with pytest.raises(ArgumentError, match=r"DelayLinear\.example: must be one step's input"):
        layer.init_state((5, 2, 4))
    state = layer.init_state((3, 4))
    with pytest.raises(StateError, match=r"DelayLinear: state has batch 3, input has 2"):
        layer.step(torch.zeros(2, 4), state)
    with pytest.raises(StateError, match=r"state must be \(pending,\); got 2 tensors"):
        layer.step(torch.zeros(3, 4), state * 2)
    with pytest.raises(StateError, match=r"state has shape"):
        layer.step(torch.zeros(3, 4), (torch.zeros(3, 4),))


def test_steps_leave_their_state_alone() -> None:
    layer, x = make().round_delays_(), events(4, 2, 4)
    state = layer.init_state(x[0])
    _, after = layer.step(x[0], state)
    kept = after[0].clone()
    layer.step(x[1], after)
    assert torch.equal(after[0], kept) and not state[0].any()
