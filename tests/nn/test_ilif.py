"""ILIF, bit for bit against a torch loop, and its two modes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from neurospike import nn
from neurospike.errors import ArgumentError
from neurospike.nn.unary import collapse, expand
from neurospike.sparse.voxel_tensor import VoxelTensor
from neurospike.testing import assert_unary_equals_integer

COORDS = torch.tensor([[0, 0, 0, 1], [0, 2, 1, 0], [0, 3, 0, 0]], dtype=torch.int32)


def loop(x: Tensor, D: int, beta: float) -> Tensor:
    h = torch.zeros_like(x[0])
    out = []
    for current in x:
        u = beta * h + current
        s = torch.floor(torch.clip(u, 0, D) + 0.5)
        h = u - s
        out.append(s)
    return torch.stack(out)


@settings(max_examples=80, deadline=None)
@given(
    steps=st.integers(1, 8),
    width=st.integers(1, 100),
    D=st.integers(1, 9),
    beta=st.sampled_from([0.0, 0.25, 0.3, 0.5, 1.0]),
    quantum=st.sampled_from([None, 0.5, 0.25, 0.125]),
    seed=st.integers(0, 2**31),
)
def test_bit_exact_against_a_torch_loop(
    steps: int, width: int, D: int, beta: float, quantum: float | None, seed: int
) -> None:
    """Inputs on a grid of halves and quarters meet every tie; some lie below 0 and above D."""
    x = torch.randn(steps, width, generator=torch.Generator().manual_seed(seed)) * D + 0.5
    if quantum is not None:
        x = (x / quantum).round() * quantum
    assert torch.equal(nn.ILIF(D, beta)(x), loop(x, D, beta))


def test_gradient_is_that_of_the_detached_reset() -> None:
    x = (torch.randn(6, 500, dtype=torch.float64) * 3 + 1).requires_grad_()
    nn.ILIF(4, 0.25)(x).sum().backward()
    u = torch.zeros(6, 500, dtype=torch.float64)
    h = torch.zeros(500, dtype=torch.float64)
    for t in range(6):
        u[t] = 0.25 * h + x[t].detach()
        h = u[t] - torch.floor(u[t].clip(0, 4) + 0.5)
    expected, later = torch.zeros_like(u), torch.zeros(500, dtype=torch.float64)
    for t in reversed(range(6)):
        later = ((u[t] > 0) & (u[t] < 4)).double() + 0.25 * later
        expected[t] = later
    assert torch.allclose(x.grad, expected, rtol=1e-14)


def test_representation_and_arguments() -> None:
    assert repr(nn.ILIF()) == "ILIF(max_spikes=4, beta=0.25)"
    assert repr(nn.spike_mode(nn.ILIF(2), "unary")).endswith("mode='unary')")
    with pytest.raises(ArgumentError, match=r"ILIF\.max_spikes: must be a whole number"):
        nn.ILIF(0)
    with pytest.raises(ArgumentError, match=r"ILIF\.max_spikes: must be a whole number"):
        nn.ILIF(2.5)
    with pytest.raises(ArgumentError, match=r"ILIF\.beta: must lie in 0\.\.1; got -0\.1"):
        nn.ILIF(4, -0.1)


@pytest.mark.parametrize("features", [(3, 2), (1, 3, 2), (5, 3, 2)])
def test_unary_voxels_come_back_in_their_own_shape(features: tuple[int, ...]) -> None:
    x = VoxelTensor(COORDS, torch.randn(features) * 3 + 1, (4, 4, 4), batch_size=1)
    integer = nn.ILIF(4)(x)
    events = nn.spike_mode(nn.ILIF(4), "unary")(x)
    assert events.virtual_steps == 4
    assert events.features.shape[0] == 4 * (features[0] if len(features) == 3 else 1)
    assert set(events.features.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(collapse(events).features, integer.features)
    assert collapse(events).virtual_steps == 1
    assert torch.equal(nn.ILIF(4)(events).features, nn.ILIF(4)(integer).features)


def test_unary_steps_fire_together() -> None:
    """A dense step (B, ...) leaves as its D events."""
    layer = nn.spike_mode(nn.ILIF(4), "unary")
    x = torch.tensor([[2.25, 9.0]])
    events, (h,) = layer.step(x, layer.init_state(x))
    assert events.tolist() == [[[1, 1]], [[1, 1]], [[0, 1]], [[0, 1]]]
    assert h.tolist() == [[0.25, 5.0]]
    assert torch.equal(layer(x[None]), events)


def test_expansion_fills_the_first_steps_and_is_undone_by_the_sum() -> None:
    s = torch.tensor([[0.0, 1.0], [3.0, 2.0]])
    events = expand(s, 3)
    assert events.tolist() == [[0, 1], [0, 0], [0, 0], [1, 1], [1, 1], [1, 0]]
    assert torch.equal(collapse(events, 3), s)
    with pytest.raises(ArgumentError, match="must be a multiple of 4 virtual steps; got 6"):
        collapse(events, 4)


def test_expansion_hands_back_the_integers_gradient() -> None:
    s = torch.tensor([[0.0, 1.0], [3.0, 2.0]], requires_grad=True)
    weight = torch.tensor([2.0, -1.0])
    (collapse(expand(s, 4), 4) * weight).sum().backward()
    assert torch.equal(s.grad, weight.expand(2, 2))


def test_unary_spikes_layer_refuses_what_is_no_count() -> None:
    layer = nn.UnarySpikes(3)
    assert repr(layer) == "UnarySpikes(3)"
    assert not hasattr(layer, "step")
    assert layer(torch.zeros(0, 2)).shape == (0, 2)
    for value in (4.0, -1.0, 0.5):
        with pytest.raises(ArgumentError, match=r"must be integers in 0\.\.3"):
            layer(torch.full((2, 2), value))
    with pytest.raises(ArgumentError, match=r"UnarySpikes\.max_spikes: must be 1 or more"):
        nn.UnarySpikes(0)


def test_every_pre_activation_is_reproduced_exactly_with_integer_weights() -> None:
    generator = torch.Generator().manual_seed(0)
    s = torch.randint(0, 5, (6, 3, 50), generator=generator).float()
    weight = torch.randint(-9, 10, (20, 50), generator=generator).float()
    events = nn.UnarySpikes(4)(s)
    assert torch.equal(collapse(events @ weight.T, 4), s @ weight.T)


@pytest.mark.parametrize("features", [(3, 2), (1, 3, 2), (5, 3, 2)])
def test_sparse_network_in_both_modes(features: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    net = nn.SpikingSequential(
        nn.SubmanifoldConv3d(2, 8, 3, bias=True),
        nn.ILIF(4),
        nn.SubmanifoldConv3d(8, 8, 3, bias=True),
        nn.SparseBatchNorm(8),
        nn.ILIF(2),
        nn.SparseConv3d(8, 4, kernel_size=2, stride=2, bias=True),
        nn.ILIF(4),
        nn.SparseGlobalPool("mean"),
        torch.nn.Linear(4, 3),
    )
    dyadic(net)
    x = VoxelTensor(COORDS, torch.randint(-4, 5, features).float(), (4, 4, 4), batch_size=1)
    y = net.eval()(x)
    assert y.shape == ((1, 3) if len(features) == 2 else (features[0], 1, 3))
    assert_unary_equals_integer(net, x, relative=1e-6)


def dyadic(net: torch.nn.Module) -> None:
    """Weights in eighths, so that every sum is exact in float32."""
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randint(-8, 9, p.shape) / 8)


def test_wrong_mode_is_refused() -> None:
    with pytest.raises(ArgumentError, match="must be one of integer, unary; got 'binary'"):
        nn.spike_mode(nn.ILIF(), "binary")


def test_images_stay_as_they_lie_in_memory() -> None:
    x = torch.randn(2, 3, 5, 4, 6) * 3
    beside = x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3).requires_grad_()
    apart = x.clone().requires_grad_()
    s, plain = nn.ILIF(3)(beside), nn.ILIF(3)(apart)
    assert torch.equal(s, plain)
    assert s.stride() == beside.stride()
    weight = torch.randn_like(x)
    (s * weight).sum().backward()
    (plain * weight).sum().backward()
    assert torch.equal(beside.grad, apart.grad)
