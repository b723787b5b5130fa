"""Recurrence with learnt delays: its definition, gradients, streaming, rounding, refusals."""

import copy
import itertools

import pytest
import torch
from torch import Tensor

from neurospike import nn
from neurospike.errors import ArgumentError, BackendUnavailableError, StateError
from neurospike.functional.delays import spread_delays
from neurospike.testing import assert_step_equals_sequence

PER = ["axon", "synapse"]
SPREADS = ["triangle", "gaussian", "none"]


def noise(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def layer_of(
    features: int, max_delay: int, *, neuron: str = "lif", dtype=torch.float64, **options
) -> nn.RecurrentDelay:
    torch.manual_seed(5)
    neurons = {
        "lif": lambda: nn.LIF(2.0, learnable_tau=True),
        "ilif": lambda: nn.ILIF(3, 0.5),
        "adlif": lambda: nn.AdLIF(features, tau_u=(1.0, 4.0), tau_w=(5.0, 20.0), q=10.0),
    }
    options.setdefault("sigma", 2.0)
    return nn.RecurrentDelay(neurons[neuron](), features, max_delay, **options).to(dtype)


def by_definition(layer: nn.RecurrentDelay, x: Tensor) -> Tensor:
    """Look back at all outputs at every step."""
    share = spread_delays(layer.delay - 1, layer.rule())
    state = layer.neuron.init_state(x[0])
    past: list[Tensor] = []
    for t, current in enumerate(x):
        for lag in range(1, min(t, layer.max_delay) + 1):
            part = share[lag - 1]
            if layer.per == "axon":
                current = current + (past[t - lag] * part) @ layer.weight.T
            else:
                current = current + past[t - lag] @ (layer.weight * part).T
        y, state = layer.neuron.step(current, state)
        past.append(y)
    return torch.stack(past)


def gradients(layer: nn.RecurrentDelay, x: Tensor, y: Tensor) -> list[Tensor]:
    loss = (y * noise(*y.shape, seed=9)).sum()
    return torch.autograd.grad(loss, [x, *layer.parameters()], materialize_grads=True)


@pytest.mark.parametrize("backend", ["numba", "reference"])
@pytest.mark.parametrize("neuron", ["lif", "ilif", "adlif"])
@pytest.mark.parametrize("per", PER)
@pytest.mark.parametrize("shape", [(1, 1, 1), (9, 3, 5), (4, 2, 17), (30, 1, 3)], ids=str)
def test_values_and_gradients_are_those_of_the_definition(
    shape: tuple[int, ...], per: str, neuron: str, backend: str
) -> None:
    for spread, max_delay in itertools.product(SPREADS, [1, 7]):
        layer = layer_of(
            shape[2], max_delay, neuron=neuron, per=per, spread=spread, backend=backend
        )
        x = (2 * noise(*shape) + 0.5).requires_grad_()
        y, expected = layer(x), by_definition(layer, x)
        assert (y - expected).abs().max() <= 1e-12 * expected.abs().max().clamp(min=1)
        for got, wanted in zip(gradients(layer, x, y), gradients(layer, x, expected), strict=True):
            assert (got - wanted).abs().max() <= 1e-10 * wanted.abs().max().clamp(min=1e-6)


@pytest.mark.parametrize("per", PER)
def test_float32_agrees_with_float64(per: str) -> None:
    layer = layer_of(17, 6, per=per)
    x = noise(20, 5, 17)
    single = copy.deepcopy(layer).float()
    got, wanted = x.float().requires_grad_(), x.requires_grad_()
    y, expected = single(got), layer(wanted)
    assert y.dtype == torch.float32
    assert torch.equal(y.double(), expected)
    for a, b in zip(gradients(single, got, y), gradients(layer, wanted, expected), strict=True):
        assert (a - b).abs().max() <= 1e-4 * b.abs().max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("neuron", ["lif", "ilif", "adlif"])
@pytest.mark.parametrize("per", PER)
@pytest.mark.parametrize("batch", [0, 1, 63])
def test_step_equals_sequence_bit_for_bit_when_rounded(batch, per, neuron, dtype) -> None:
    layer = layer_of(17, 9, neuron=neuron, per=per, dtype=dtype).round_delays_()
    x = 2 * noise(25, batch, 17, dtype=dtype) + 0.5
    assert_step_equals_sequence(layer, x)
    with torch.no_grad():
        assert_step_equals_sequence(layer, x)
        assert torch.equal(layer(x), layer(x))


@pytest.mark.parametrize("per", PER)
def test_step_equals_sequence_with_spread_delays(per: str) -> None:
    layer = layer_of(17, 9, per=per)
    assert_step_equals_sequence(layer, 2 * noise(25, 3, 17), relative=1e-5)
    wide = layer_of(4, 3, per=per, backend="reference")
    assert_step_equals_sequence(wide, 2 * noise(12, 3, 4), relative=1e-5)


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("per", PER)
def test_gradients_through_a_loop_of_steps_are_those_of_the_sequence(per, rounded) -> None:
    layer = layer_of(5, 4, per=per)
    if rounded:
        layer.round_delays_()
        layer.delay.requires_grad_(False)
    x = (2 * noise(9, 2, 5) + 0.5).requires_grad_()
    wanted = [x, *(p for p in layer.parameters() if p.requires_grad)]
    upstream = noise(9, 2, 5, seed=9)
    whole = torch.autograd.grad((layer(x) * upstream).sum(), wanted)
    state = layer.init_state(x[0])
    loss = torch.zeros((), dtype=x.dtype)
    for t, current in enumerate(x):
        y, state = layer.step(current, state)
        loss = loss + (y * upstream[t]).sum()
    for a, b in zip(whole, torch.autograd.grad(loss, wanted), strict=True):
        assert (a - b).abs().max() <= 1e-10 * a.abs().max()


@pytest.mark.parametrize("per", PER)
@pytest.mark.parametrize("backend", ["numba", "reference"])
def test_a_sequence_in_two_halves_gives_the_gradients_of_the_whole(per, backend) -> None:
    """What is on its way and the neurons' states carry gradients too."""
    layer = layer_of(6, 8, per=per, neuron="adlif", backend=backend)
    x = (2 * noise(10, 3, 6) + 0.5).requires_grad_()
    whole = gradients(layer, x, layer(x))
    pending, *state = layer.init_state(x[0])
    pending = pending.transpose(0, 1)
    parts = []
    for half in (x[:4], x[4:]):
        y, pending, state = layer._run(half, pending, tuple(state))
        parts.append(y)
    for a, b in zip(whole, gradients(layer, x, torch.cat(parts)), strict=True):
        assert (a - b).abs().max() <= 1e-10 * a.abs().max()


@pytest.mark.parametrize("per", PER)
def test_narrow_spreads_are_one_tap_at_whole_delays(per: str) -> None:
    layer = layer_of(6, 8, per=per)
    with torch.no_grad():
        layer.delay.round_()
        x = 2 * noise(30, 3, 6) + 0.5
        layer.sigma.fill_(0.05)
        narrow = layer(x)
        for spread in ("gaussian", "none"):
            layer.spread = spread
            assert torch.equal(layer(x), narrow)
        assert torch.equal(layer.shares().sum(0), torch.ones_like(layer.delay))
        assert int((layer.shares() > 1e-6).sum()) == layer.delay.numel()
        assert torch.equal(layer.round_delays_()(x), narrow)


def test_a_spike_comes_back_exactly_after_the_delay() -> None:
    for delay in (1, 2, 5):
        layer = nn.RecurrentDelay(nn.LIF(1.0), 2, 5).round_delays_()
        with torch.no_grad():
            layer.delay.fill_(delay)
            layer.weight.copy_(torch.tensor([[0.0, 0.0], [1.5, 0.0]]))
        x = torch.zeros(9, 1, 2)
        x[1, 0, 0] = 1.0
        expected = torch.zeros(9, 1, 2)
        expected[1, 0, 0] = expected[1 + delay, 0, 1] = 1.0
        assert torch.equal(layer(x), expected)


def test_delays_learn_when_to_answer() -> None:
    """One neuron must make another fire four steps later, and finds the delay by gradient."""
    torch.manual_seed(0)
    layer = nn.RecurrentDelay(nn.LIF(1.0), 2, 9, sigma=4.0)
    layer.weight.requires_grad_(False).copy_(torch.tensor([[0.0, 0.0], [3.0, 0.0]]))
    with torch.no_grad():
        layer.delay.fill_(7.0)
    optimiser = torch.optim.Adam([layer.delay], lr=0.1)
    x = torch.zeros(14, 1, 2)
    x[2, 0, 0] = 1.0
    wanted = torch.zeros(14)
    wanted[6] = 1.0
    for step in range(120):
        layer.sigma.fill_(4.0 * 0.97**step)
        loss = (layer(x)[:, 0, 1] - wanted).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        layer.clamp_delays_()
    answer = layer.round_delays_()(x)[:, 0, 1]
    assert torch.equal(answer, wanted)
    assert float(layer.delay.detach()[0]) == 4.0


def test_what_is_learnt_and_what_is_kept() -> None:
    layer = layer_of(4, 6)
    assert {name for name, _ in layer.named_parameters()} == {
        "weight",
        "delay",
        "neuron.rate_logit",
    }
    assert layer.weight.shape == (4, 4)
    assert layer.delay.shape == (4,)
    assert layer_of(4, 6, per="synapse").delay.shape == (4, 4)
    eye = layer.weight.detach() @ layer.weight.detach().T
    assert torch.allclose(eye, torch.eye(4, dtype=eye.dtype), atol=1e-6)
    many = nn.RecurrentDelay(nn.LIF(2.0), 500, 30)
    assert float(many.delay.detach().min()) >= 1
    assert float(many.delay.detach().max()) <= 30
    again = layer_of(4, 6, sigma=1.0)
    again.load_state_dict(layer.round_delays_().state_dict())
    assert bool(again.rounded)
    assert float(again.sigma) == 2.0
    with torch.no_grad():
        layer.delay.copy_(torch.tensor([-3.0, 0.2, 6.4, 99.0]))
    assert layer.clamp_delays_().delay.tolist() == [1.0, 1.0, 6.0, 6.0]


def test_rounded_delays_stay_put_and_weights_go_on_learning() -> None:
    layer = layer_of(4, 6).round_delays_()
    x = noise(9, 2, 4) + 1
    layer(x).sum().backward()
    assert layer.weight.grad is not None
    assert layer.delay.grad is None


def test_streams_inside_a_chain() -> None:
    torch.manual_seed(0)
    recurrent = nn.RecurrentDelay(nn.AdLIF(6, constrained=True), 6, 5).round_delays_()
    net = nn.SpikingSequential(torch.nn.Linear(4, 6), recurrent, torch.nn.Linear(6, 2))
    x = noise(12, 3, 4, dtype=torch.float32) * 4
    assert_step_equals_sequence(net, x, relative=1e-5)
    assert len(net.init_state((3, 4))) == 3
    assert net(x[:0]).shape == (0, 3, 2)


def test_one_backward_pass_a_run() -> None:
    layer = layer_of(4, 3)
    y = layer(noise(5, 2, 4).requires_grad_())
    y.sum().backward(retain_graph=True)
    with pytest.raises(StateError, match="can be gone back through once"):
        y.sum().backward()


def test_backends() -> None:
    half = layer_of(4, 3, neuron="ilif", dtype=torch.bfloat16)
    assert half(noise(5, 2, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16
    half.backend = "numba"
    with pytest.raises(BackendUnavailableError, match="'numba' needs float32 or float64"):
        half(noise(5, 2, 4, dtype=torch.bfloat16))
    half.backend = "cuda"
    with pytest.raises(ArgumentError, match="must be one of auto, numba, reference; got 'cuda'"):
        half(noise(5, 2, 4, dtype=torch.bfloat16))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"max_delay": 0},
            r"RecurrentDelay\.max_delay: must be a whole number of 1 or more; got 0",
        ),
        ({"max_delay": -2}, r"RecurrentDelay\.max_delay: must be a whole number of 1 or more"),
        ({"max_delay": 2.5}, r"RecurrentDelay\.max_delay: .* got 2\.5"),
        ({"features": 0}, r"RecurrentDelay\.features: must be a whole number of 1 or more; got 0"),
        ({"per": "dendrite"}, r"RecurrentDelay\.per: must be one of axon, synapse; got 'dendrite'"),
        ({"spread": "box"}, r"RecurrentDelay\.spread: must be one of gaussian, triangle, none"),
        ({"sigma": 0.0}, r"RecurrentDelay\.sigma: must be finite and above 0 steps; got 0\.0"),
        ({"neuron": nn.LeakyReadout(2.0)}, r"must be a layer that emits spikes .* LeakyReadout"),
        ({"neuron": torch.nn.ReLU()}, r"must be a layer that emits spikes .* got ReLU"),
        ({"neuron": nn.AdLIF(4)}, r"RecurrentDelay\.features: must be the neuron's own 4; got 3"),
    ],
)
def test_arguments_are_checked(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        nn.RecurrentDelay(**{"neuron": nn.LIF(2.0), "features": 3, "max_delay": 4, **arguments})


def test_inputs_states_and_delays_are_checked() -> None:
    layer = layer_of(4, 3, dtype=torch.float32)
    state = layer.init_state((32, 4))
    with pytest.raises(StateError, match="RecurrentDelay: state has batch 32, input has 16; start"):
        layer.step(torch.ones(16, 4), state)
    with pytest.raises(
        StateError, match=r"state must be \(pending, \*the neuron's\); got 1 tensors"
    ):
        layer.step(torch.ones(32, 4), state[:1])
    with pytest.raises(StateError, match="LIF: state has batch 5, input has 32"):
        layer.step(torch.ones(32, 4), (state[0], torch.zeros(5, 4)))
    with pytest.raises(ArgumentError, match=r"features\) with features = 4; got \(3, 2, 5\)"):
        layer(torch.ones(3, 2, 5))
    with pytest.raises(ArgumentError, match=r"x: must be \(T, B, features\); got \(3, 4\)"):
        layer(torch.ones(3, 4))
    with pytest.raises(ArgumentError, match=r"must have the weights' dtype torch\.float32"):
        layer(torch.ones(3, 2, 4, dtype=torch.float64))
    with pytest.raises(ArgumentError, match=r"must be floating point; got torch\.int64"):
        layer(torch.ones(3, 2, 4, dtype=torch.int64))
    with pytest.raises(ArgumentError, match=r"must be one step's input, \(B, 4\), or its shape"):
        layer.init_state((3, 2, 4))
    with torch.no_grad():
        layer.delay[0] = 3.5
    with pytest.raises(ArgumentError, match=r"delays must lie in 1\.\.3; got .*Call clamp_delays_"):
        layer(torch.ones(3, 2, 4))
    layer.clamp_delays_().round_delays_()
    with torch.no_grad():
        layer.delay[0] = 1.5
    with pytest.raises(ArgumentError, match="delays must be whole numbers after round_delays_"):
        layer(torch.ones(3, 2, 4))
    layer.delay.data[0] = 1.0
    layer.sigma.fill_(-1.0)
    with pytest.raises(ArgumentError, match=r"sigma: must be finite and above 0 steps; got -1\.0"):
        layer(torch.ones(3, 2, 4))
    unary = nn.RecurrentDelay(nn.ILIF(), 4, 3)
    nn.spike_mode(unary, "unary")
    with pytest.raises(ArgumentError, match="must not send unary events"):
        unary(torch.ones(3, 2, 4))
