"""LIF, ILIF and the readout as layers: shapes, streaming, refusals."""

import math

import pytest
import torch
from torch import Tensor

from neurospike import nn
from neurospike.errors import ArgumentError, BackendUnavailableError, StateError
from neurospike.functional.surrogate import Sigmoid
from neurospike.sparse.voxel_tensor import VoxelTensor
from neurospike.testing import assert_step_equals_sequence

NEURONS = [
    nn.LIF(2.0),
    nn.LIF(1.7, 0.8, -0.2, "soft", True),
    nn.LIF(3.0, learnable_tau=True, detach_reset=False),
    nn.LIF(math.inf),
    nn.LIF(2.0, backend="reference"),
    nn.ILIF(),
    nn.ILIF(3, 0.9),
    nn.ILIF(1, 0.0, backend="reference"),
    nn.LeakyReadout(2.5),
    nn.LeakyReadout(2.0, decay_input=True, learnable_tau=True),
]
each_neuron = pytest.mark.parametrize("layer", NEURONS, ids=repr)


def noise(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) * 2 + 0.5


def cloud(features: Tensor) -> VoxelTensor:
    """Voxels along a diagonal, as many as the features have rows."""
    rows = features.shape[-2]
    coords = torch.arange(rows, dtype=torch.int32)[:, None] * torch.tensor([0, 1, 1, 1])
    return VoxelTensor(coords.int(), features, (rows + 1,) * 3, batch_size=1)


@each_neuron
@pytest.mark.parametrize("shape", [(6,), (6, 3), (5, 2, 7), (4, 2, 3, 5, 5), (0, 2, 3), (3, 0, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_step_equals_sequence(layer: nn.Stateful, shape: tuple[int, ...], dtype) -> None:
    x = noise(*shape, dtype=dtype)
    y = layer(x)
    assert y.shape == x.shape
    assert y.dtype == dtype
    assert_step_equals_sequence(layer, x)


@each_neuron
@pytest.mark.parametrize("rows", [0, 1, 63])
def test_voxels_are_rows_of_a_dense_sequence(layer: nn.Stateful, rows: int) -> None:
    x = noise(4, rows, 3)
    out = layer(cloud(x))
    assert torch.equal(out.features, layer(x))
    assert out.features.shape == (4, rows, 3)
    one = layer(cloud(x[0]))
    assert one.features.shape == (rows, 3)
    assert torch.equal(one.features, layer(x[:1])[0])
    assert_step_equals_sequence(layer, cloud(x))


@each_neuron
def test_forward_keeps_nothing(layer: nn.Stateful) -> None:
    x = noise(5, 2, 7)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    assert torch.equal(layer(x), layer(x))
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


@each_neuron
def test_init_state_takes_an_input_or_its_shape(layer: nn.Stateful) -> None:
    for example in (torch.ones(3, 5), (3, 5), torch.Size([3, 5]), [3, 5]):
        (v,) = layer.init_state(example)
        assert v.shape == (3, 5)
        assert torch.equal(v, torch.full((3, 5), getattr(layer, "v_reset", 0.0)))
    (v,) = layer.init_state(torch.ones(3, 5, dtype=torch.float64))
    assert v.dtype == torch.float64
    (v,) = layer.init_state(cloud(torch.ones(4, 2)))
    assert v.shape == (4, 2)


@each_neuron
def test_gradients_through_a_loop_of_steps_are_those_of_the_sequence(layer: nn.Stateful) -> None:
    x = noise(5, 2, 7, dtype=torch.float64).requires_grad_()
    upstream = noise(5, 2, 7, dtype=torch.float64)
    (whole,) = torch.autograd.grad((layer(x) * upstream).sum(), x)
    state = layer.init_state(x[0])
    loss = torch.zeros(())
    for t in range(5):
        y, state = layer.step(x[t], state)
        loss = loss + (y * upstream[t]).sum()
    (looped,) = torch.autograd.grad(loss, x)
    assert torch.allclose(whole, looped, rtol=1e-12, atol=1e-12)


@each_neuron
def test_state_of_another_batch_is_refused(layer: nn.Stateful) -> None:
    name = type(layer).__name__
    state = layer.init_state((32, 4))
    with pytest.raises(StateError, match=f"{name}: state has batch 32, input has 16; start from"):
        layer.step(torch.ones(16, 4), state)
    with pytest.raises(StateError, match=r"state has shape \(32, 4\), input has \(32, 5\)"):
        layer.step(torch.ones(32, 5), state)
    with pytest.raises(StateError, match="state has voxels 32, input has 5"):
        layer.step(cloud(torch.ones(5, 4)), state)
    with pytest.raises(StateError, match=r"state must be \(v,\); got 2 tensors"):
        layer.step(torch.ones(32, 4), (*state, *state))


@each_neuron
def test_inputs_that_make_no_sense_are_refused(layer: nn.Stateful) -> None:
    with pytest.raises(ArgumentError, match=r"must be floating point; got torch\.int64"):
        layer(torch.ones(3, 4, dtype=torch.int64))
    with pytest.raises(ArgumentError, match="time first; got a scalar"):
        layer(torch.tensor(1.0))
    with pytest.raises(ArgumentError, match=r"one step's features \(N, C\); got \(2, 5, 4\)"):
        layer.step(cloud(torch.ones(2, 5, 4)), layer.init_state((5, 4)))


@pytest.mark.parametrize("current", [0.11, 0.13, 0.17, 0.22, 0.31, 0.42, 0.57, 0.7, 0.83, 0.95])
def test_firing_rate_follows_the_closed_form(current: float) -> None:
    tau, steps = 10.0, 1000
    s = nn.LIF(tau)(torch.full((steps, 1), current, dtype=torch.float64))
    period = math.ceil(math.log(1 - 1 / (current * tau)) / math.log(1 - 1 / tau))
    assert s.sum().item() == steps // period


def test_soft_reset_rate_is_the_mean_current_without_leak() -> None:
    s = nn.LIF(math.inf, reset="soft")(torch.full((1000, 1), 0.3, dtype=torch.float64))
    assert s.sum().item() == pytest.approx(300, abs=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau": 0.5}, r"LIF\.tau: must be 1 or more"),
        ({"tau": float("nan")}, r"LIF\.tau: must be 1 or more"),
        ({"tau": 1.0, "learnable_tau": True}, r"LIF\.tau: must be above 1 and finite"),
        ({"tau": math.inf, "learnable_tau": True}, r"LIF\.tau: must be above 1 and finite"),
        ({"tau": 2.0, "reset": "none"}, r"LIF\.reset: must be 'hard' or 'soft'; got 'none'"),
        ({"tau": 2.0, "v_reset": None}, r"LIF\.v_reset: .* give reset='soft'"),
        ({"tau": 2.0, "v_reset": 1.0}, r"LIF\.threshold: must be finite and above v_reset"),
        ({"tau": 2.0, "threshold": math.inf}, r"LIF\.threshold: must be finite"),
    ],
)
def test_lif_arguments_are_checked(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        nn.LIF(**arguments)


def test_named_backend_never_falls_back() -> None:
    layer = nn.LIF(2.0, backend="numba")
    with pytest.raises(BackendUnavailableError, match="'numba' needs float32 or float64"):
        layer(torch.ones(2, 3, dtype=torch.bfloat16))


def test_learnt_tau_stays_above_one_and_learns() -> None:
    layer = nn.LIF(1.5, learnable_tau=True)
    assert layer.tau == pytest.approx(1.5)
    optimizer = torch.optim.SGD(layer.parameters(), lr=10.0)
    x = noise(20, 8)
    for _ in range(20):
        optimizer.zero_grad()
        layer(x).sum().backward()
        optimizer.step()
        assert layer.tau >= 1
    assert layer.tau != pytest.approx(1.5)
    assert list(layer.state_dict()) == ["rate_logit"]
    assert not nn.LIF(1.5).state_dict()


def test_representation_shows_what_differs() -> None:
    assert repr(nn.LIF(2.0)) == "LIF(tau=2)"
    shown = repr(nn.LIF(2.5, reset="soft", surrogate=Sigmoid(4.0), learnable_tau=True))
    assert shown == "LIF(tau=2.5, reset='soft', surrogate=Sigmoid(alpha=4.0), learnable_tau=True)"
    assert repr(nn.LeakyReadout(2.0)) == "LeakyReadout(tau=2)"


def test_dynamics_cannot_be_set_behind_the_layers_back() -> None:
    layer = nn.LIF(2.0)
    with pytest.raises(AttributeError):
        layer.threshold = 0.5


def test_backward_refuses_an_input_changed_in_place() -> None:
    x = noise(3, 4).requires_grad_()
    current = x * 1.0
    s = nn.LIF(2.0)(current)
    current.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        s.sum().backward()


def test_readout_state_is_no_view_of_the_output() -> None:
    layer = nn.LeakyReadout(2.0)
    y, (v,) = layer.step(torch.ones(1, 2), layer.init_state((1, 2)))
    y.zero_()
    assert v.tolist() == [[1.0, 1.0]]
