"""SpikingSequential: sequences and streams, shapes, states, and both kinds of spikes."""

import pytest
import torch
from torch import Tensor

from neurospike import nn
from neurospike.errors import ArgumentError, StateError
from neurospike.sparse.voxel_tensor import VoxelTensor
from neurospike.testing import assert_step_equals_sequence, assert_unary_equals_integer

Linear, Conv2d = torch.nn.Linear, torch.nn.Conv2d
COORDS = torch.tensor([[0, 0, 0, 1], [0, 2, 1, 0], [1, 3, 0, 0]], dtype=torch.int32)


class Adaptive(nn.Stateful):
    """A user's own block with two state tensors: the membrane and a threshold that climbs."""

    def init_state(self, example):
        shape = example.shape if isinstance(example, Tensor) else tuple(example)
        return torch.zeros(shape), torch.ones(shape)

    def step(self, x, state):
        v, threshold = state
        v = 0.5 * v + x
        s = (v >= threshold).to(x.dtype)
        return s, (v * (1 - s), 0.9 * threshold + 0.1 + s)

    def forward(self, x):
        state = self.init_state(x[0])
        out = []
        for current in x:
            s, state = self.step(current, state)
            out.append(s)
        return torch.stack(out)


class Residual(nn.Stateful):
    """A user's own block around a container: y = x + inner(x)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.SpikingSequential(nn.ILIF(4), Linear(width, width), nn.LIF(2.0))

    def forward(self, x):
        return x + self.inner(x)

    def init_state(self, example):
        return self.inner.init_state(example)

    def step(self, x, state):
        y, state = self.inner.step(x, state)
        return x + y, state


def dyadic(net: torch.nn.Module) -> torch.nn.Module:
    """Weights in eighths and norms that do nothing odd, so that every sum is exact."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randint(-8, 9, p.shape, generator=generator) / 8)
    return net.eval()


def quarters(*shape: int) -> Tensor:
    return torch.randint(-8, 9, shape, generator=torch.Generator().manual_seed(2)) / 4


def dense_net() -> nn.SpikingSequential:
    return nn.SpikingSequential(
        Linear(6, 16),
        torch.nn.BatchNorm1d(16),
        nn.ILIF(4),
        torch.nn.Dropout(0.5),
        Linear(16, 16),
        nn.SpikingSequential(nn.LIF(2.0), Linear(16, 8), nn.ILIF(3)),
        Linear(8, 8, bias=False),
        Residual(8),
        nn.ILIF(2),
        Linear(8, 5),
        nn.LeakyReadout(2.0),
    )


def image_net() -> nn.SpikingSequential:
    return nn.SpikingSequential(
        Conv2d(2, 4, 3, padding=1),
        nn.ILIF(4),
        torch.nn.MaxPool2d(2),
        Conv2d(4, 4, 3, stride=2, bias=True),
        torch.nn.BatchNorm2d(4),
        nn.ILIF(4),
        torch.nn.AvgPool2d(2),
        nn.ILIF(2),
        torch.nn.Identity(),
        torch.nn.Flatten(),
        Linear(4, 3),
        nn.LeakyReadout(2.0),
    )


@pytest.mark.parametrize("mode", ["integer", "unary"])
def test_step_equals_sequence(mode: str) -> None:
    for net, x in (
        (dense_net(), quarters(7, 3, 6)),
        (image_net(), quarters(4, 2, 2, 10, 10)),
        (nn.SpikingSequential(nn.LIF(2.0)), quarters(5, 3)),
        (nn.SpikingSequential(), quarters(5, 3)),
        (nn.SpikingSequential(Linear(6, 4), Adaptive(), nn.ILIF()), quarters(5, 3, 6)),
        (nn.SpikingSequential(Linear(6, 4), nn.ILIF()), quarters(5, 6)),
        (dense_net(), quarters(0, 3, 6)),
        (dense_net(), quarters(3, 0, 6)),
    ):
        assert_step_equals_sequence(nn.spike_mode(dyadic(net), mode), x, relative=1e-5)


def test_both_kinds_of_spikes_compute_the_same_bits() -> None:
    """With dyadic weights every sum is exact, so nothing may differ (BatchNorm is at its start)."""
    assert_unary_equals_integer(dyadic(dense_net()), quarters(7, 3, 6))
    assert_unary_equals_integer(dyadic(image_net()), quarters(4, 2, 2, 10, 10))
    ends_in_spikes = nn.SpikingSequential(Linear(6, 4), nn.ILIF())
    assert_unary_equals_integer(dyadic(ends_in_spikes), quarters(7, 3, 6))


def test_synapses_meet_binary_events_and_add_their_bias_once() -> None:
    net = dyadic(dense_net())
    seen: dict[str, Tensor] = {}

    def remember(name: str):
        return lambda module, inputs, output: seen.__setitem__(name, inputs[0])

    for name, layer in net.named_modules():
        if isinstance(layer, Linear):
            layer.register_forward_hook(remember(name))
    nn.spike_mode(net, "unary")(quarters(7, 3, 6))
    # Behind an ILIF: D = 4, 3 and 2 virtual steps; the Linear behind a LIF meets plain steps.
    assert {name: x.shape[0] for name, x in seen.items()} == {
        "0": 21, "4": 84, "5.1": 21, "6": 63, "7.inner.1": 84, "9": 42,
    }  # fmt: skip
    for name, x in seen.items():
        if name != "0":
            assert set(x.unique().tolist()) <= {0.0, 1.0}, name


def test_unary_spikes_inside_a_container() -> None:
    s = torch.randint(0, 5, (3, 2, 6)).float()
    net = dyadic(nn.SpikingSequential(nn.UnarySpikes(4), Linear(6, 5), nn.LIF(2.0)))
    plain = nn.SpikingSequential(*list(net)[1:])
    assert torch.equal(net(s), plain(s))
    assert_step_equals_sequence(net, s)
    assert torch.equal(nn.SpikingSequential(nn.UnarySpikes(4))(s), s)


def test_own_synaptic_module_is_summed_over_events() -> None:
    class Doubled(Linear):
        pass

    class Own(torch.nn.Module):
        synaptic = True

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(6, 5))
            self.bias = torch.nn.Parameter(torch.zeros(5))

        def forward(self, x):
            return x @ self.weight + self.bias

    for layer in (Doubled(6, 5), Own()):
        net = dyadic(nn.SpikingSequential(nn.ILIF(), layer, nn.LeakyReadout(2.0)))
        assert_unary_equals_integer(net, quarters(7, 3, 6))


def test_batch_norm_sees_each_integer_step_once_in_training() -> None:
    x = quarters(7, 3, 6)
    stats = []
    for mode in ("integer", "unary"):
        net = dyadic(nn.SpikingSequential(nn.ILIF(), Linear(6, 4), torch.nn.BatchNorm1d(4)))
        nn.spike_mode(net, mode).train()(x)
        stats.append(net[2].running_mean)
    assert torch.equal(*stats)


def test_gradients_are_the_same_with_both_kinds_of_spikes() -> None:
    x = quarters(7, 3, 6)
    grads = []
    for mode in ("integer", "unary"):
        net = dyadic(nn.SpikingSequential(Linear(6, 8), nn.ILIF(4), Linear(8, 5)))
        nn.spike_mode(net, mode)(x).square().sum().backward()
        grads.append([p.grad for p in net.parameters()])
    for integer, unary in zip(*grads, strict=True):
        assert torch.allclose(integer, unary, rtol=1e-5)


def test_training_reaches_every_parameter() -> None:
    net = dense_net()
    net(torch.randn(7, 3, 6)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_init_state_leaves_no_trace() -> None:
    net = dense_net().train()
    net[3].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    flags = [m.training for m in net.modules()]
    random_state = torch.get_rng_state()
    state = net.init_state((3, 6))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert [m.training for m in net.modules()] == flags
    assert torch.equal(torch.get_rng_state(), random_state)
    assert [tuple(s.shape) for s in state] == [
        (3, 16), (3, 16), (3, 8), (3, 8), (3, 8), (3, 8), (3, 5),
    ]  # fmt: skip
    assert not any(s.requires_grad for s in state)


def test_a_state_works_in_another_instance() -> None:
    """Nothing about the state is kept in the layer."""
    one, other = dyadic(dense_net()), dyadic(dense_net())
    x = quarters(3, 6)
    state = one.init_state(x)
    y, _ = one.step(x, state)
    assert torch.equal(other.step(x, state)[0], y)


def test_states_that_do_not_fit_are_refused() -> None:
    net = dense_net().eval()
    state = net.init_state((3, 6))
    for wrong in (state[:-1], (*state, state[0]), ()):
        with pytest.raises(StateError, match="which is not what the layers need; start from"):
            net.step(quarters(3, 6), wrong)
    with pytest.raises(StateError, match="ILIF: state has batch 3, input has 2"):
        net.step(quarters(2, 6), state)


def test_hidden_stateful_layers_are_refused() -> None:
    hiding = torch.nn.Sequential(Linear(6, 4), nn.LIF(2.0))
    with pytest.raises(ArgumentError, match="Sequential at 0 holds a LIF but is not Stateful"):
        nn.SpikingSequential(hiding)
    with pytest.raises(ArgumentError, match="make it a SpikingSequential"):
        nn.SpikingSequential().append(hiding)


@pytest.mark.parametrize("mode", ["integer", "unary"])
@pytest.mark.parametrize("pool", ["mean", "sum", "max"])
def test_voxels_in_and_classes_out(mode: str, pool: str) -> None:
    net = nn.SpikingSequential(
        nn.SubmanifoldConv3d(2, 8, 3),
        nn.ILIF(4),
        Linear(8, 8),
        torch.nn.BatchNorm1d(8),
        nn.LIF(2.0),
        nn.SubmanifoldConv3d(8, 8, 3, bias=True),
        nn.ILIF(2),
        nn.SparseGlobalPool(pool),
        nn.ILIF(4),
        Linear(8, 3),
        nn.LeakyReadout(2.0),
    )
    nn.spike_mode(dyadic(net), mode)
    sequence = VoxelTensor(COORDS, quarters(5, 3, 2), (4, 4, 4), batch_size=3)
    assert net(sequence).shape == (5, 3, 3)
    assert_step_equals_sequence(net, sequence, relative=1e-5)
    one = VoxelTensor(COORDS, quarters(3, 2), (4, 4, 4), batch_size=3)
    assert net(one).shape == (3, 3)
    assert torch.equal(net(one), net.step(one, net.init_state(one))[0])


def test_ordered_dict_slicing_and_representation() -> None:
    net = dense_net()
    assert isinstance(net[:3], nn.SpikingSequential)
    assert len(net) == 11
    assert repr(nn.SpikingSequential(nn.ILIF())) == (
        "SpikingSequential(\n  (0): ILIF(max_spikes=4, beta=0.25)\n)"
    )
