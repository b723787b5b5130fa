"""AdLIF as a layer: published equations, ranges, streaming, refusals."""

import pytest
import torch
from torch import Tensor

from neurospike import hw, nn
from neurospike.errors import ArgumentError, StateError
from neurospike.functional.surrogate import FastSigmoid
from neurospike.sparse.voxel_tensor import VoxelTensor
from neurospike.testing import assert_step_equals_sequence

FEATURES = 7


def layers() -> list[nn.AdLIF]:
    torch.manual_seed(3)
    return [
        nn.AdLIF(FEATURES),
        nn.AdLIF(FEATURES, a=(-0.5, 2.0), reset="soft", detach_reset=False),
        nn.AdLIF(FEATURES, constrained=True),
        nn.AdLIF(FEATURES, discretisation="euler", a=(0.0, 0.3)),
        nn.AdLIF(FEATURES, 2.0, 9.0, 0.5, 1.0, learnable=False),
        nn.AdLIF(FEATURES, learnable=False, backend="reference"),
    ]


each_layer = pytest.mark.parametrize("layer", layers(), ids=repr)


def noise(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) * 6 + 3


def cloud(features: Tensor) -> VoxelTensor:
    """Voxels along a diagonal, as many as the features have rows."""
    rows = features.shape[-2]
    coords = torch.arange(rows, dtype=torch.int32)[:, None] * torch.tensor([0, 1, 1, 1])
    return VoxelTensor(coords.int(), features, (rows + 1,) * 3, batch_size=1)


@each_layer
@pytest.mark.parametrize("shape", [(6,), (5, 2), (4, 2, 3), (0, 2), (3, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_step_equals_sequence(layer: nn.AdLIF, shape: tuple[int, ...], dtype) -> None:
    x = noise(*shape, FEATURES, dtype=dtype)
    y = layer(x)
    assert (y.shape, y.dtype) == (x.shape, dtype)
    assert set(y.unique().tolist()) <= {0.0, 1.0}
    assert_step_equals_sequence(layer, x)


@each_layer
@pytest.mark.parametrize("rows", [0, 1, 63])
def test_voxels_are_rows_of_a_dense_sequence(layer: nn.AdLIF, rows: int) -> None:
    x = noise(4, rows, FEATURES)
    assert torch.equal(layer(cloud(x)).features, layer(x))
    assert torch.equal(layer(cloud(x[0])).features, layer(x[:1])[0])
    assert_step_equals_sequence(layer, cloud(x))


@each_layer
def test_gradients_through_a_loop_of_steps_are_those_of_the_sequence(layer: nn.AdLIF) -> None:
    x = noise(5, 2, FEATURES, dtype=torch.float64).requires_grad_()
    upstream = noise(5, 2, FEATURES, dtype=torch.float64)
    wanted = [x, *layer.parameters()]
    whole = torch.autograd.grad((layer(x) * upstream).sum(), wanted)
    state = layer.init_state(x[0])
    loss = torch.zeros(())
    for t in range(5):
        y, state = layer.step(x[t], state)
        loss = loss + (y * upstream[t]).sum()
    for a, b in zip(whole, torch.autograd.grad(loss, wanted), strict=True):
        assert (a - b).abs().max() <= 1e-6 * a.abs().max()


@pytest.mark.parametrize("discretisation", ["symplectic", "euler"])
def test_published_equations_of_se_and_ef_adlif(discretisation: str) -> None:
    torch.manual_seed(0)
    layer = nn.AdLIF(FEATURES, discretisation=discretisation).double()
    x = noise(60, 3, FEATURES, dtype=torch.float64)
    alpha, beta = (-1 / layer.tau_u).exp(), (-1 / layer.tau_w).exp()
    u = w = s = torch.zeros(3, FEATURES, dtype=torch.float64)
    expected = []
    for current in x:
        u_before, s_before = u, s
        u = alpha * u + (1 - alpha) * (current - w)
        s = (u >= 1).double()
        u = u * (1 - s)
        driven_by = (u, s) if discretisation == "symplectic" else (u_before, s_before)
        w = beta * w + (1 - beta) * 120 * (layer.a * driven_by[0] + layer.b * driven_by[1])
        expected.append(s)
    got = layer(x)
    assert torch.equal(got, torch.stack(expected))
    assert 0.01 < float(got.detach().mean()) < 0.9


def test_published_equations_of_cadlif() -> None:
    torch.manual_seed(0)
    layer = nn.AdLIF(FEATURES, threshold=0.8, constrained=True).double()
    x = noise(60, 3, FEATURES, dtype=torch.float64)
    alpha, beta = (-1 / layer.tau_u).exp(), (-1 / layer.tau_w).exp()
    u = w = s = torch.zeros(3, FEATURES, dtype=torch.float64)
    expected = []
    for current in x:
        w = beta * w + layer.a * u + layer.b * s
        u = alpha * (u - 0.8 * s) + (1 - alpha) * (current - w)
        s = (u >= 0.8).double()
        expected.append(s)
    got = layer(x)
    assert torch.equal(got, torch.stack(expected))
    assert 0.01 < float(got.detach().mean()) < 0.9


@pytest.mark.parametrize("constrained", [False, True])
def test_values_start_all_over_their_ranges_and_never_leave_them(constrained: bool) -> None:
    torch.manual_seed(0)
    layer = nn.AdLIF(2000, constrained=constrained)
    for name, (low, high) in layer.bounds.items():
        values = getattr(layer, name)
        assert values.shape == (2000,)
        assert float(values.detach().mean()) == pytest.approx((low + high) / 2, rel=0.05)
        assert float(values.detach().std()) == pytest.approx((high - low) / 12**0.5, rel=0.05)
        for far in (-1e4, 1e4):
            with torch.no_grad():
                getattr(layer, f"{name}_logit").fill_(far)
            assert low * (1 - 1e-6) <= float(getattr(layer, name).detach().min())
            assert float(getattr(layer, name).detach().max()) <= high * (1 + 1e-6)


def test_ranges_of_cadlif_are_its_decays() -> None:
    bounds = nn.AdLIF(1, constrained=True).bounds
    decays = [torch.tensor(bounds[name]).reciprocal().neg().exp() for name in ("tau_u", "tau_w")]
    assert torch.allclose(torch.stack(decays), torch.tensor([[0.36, 0.96], [0.96, 0.99]]))
    assert bounds["a"] == (0.0, 1.0)
    assert bounds["b"] == (0.0, 2.0)


def test_parameters_are_what_is_learnt() -> None:
    names = {name for name, _ in nn.AdLIF(5).named_parameters()}
    assert names == {"tau_u_logit", "tau_w_logit", "a_logit", "b_logit"}
    fixed = nn.AdLIF(5, learnable=False)
    assert not list(fixed.parameters())
    assert len(fixed.state_dict()) == 4
    part = nn.AdLIF(5, tau_u=10.0, b=0.5)
    assert {name for name, _ in part.named_parameters()} == {"tau_w_logit", "a_logit"}
    assert torch.equal(part.tau_u, torch.full((5,), 10.0))
    again = nn.AdLIF(5, tau_u=10.0, b=0.5)
    again.load_state_dict(part.state_dict())
    assert torch.equal(again.gains(), part.gains())


def test_the_symplectic_rule_stays_bounded_where_euler_diverges() -> None:
    kick = torch.zeros(2000, 1, 1, dtype=torch.float64)
    kick[0] = 0.1
    peaks = {}
    for discretisation in ("symplectic", "euler"):
        layer = nn.AdLIF(
            1, 25.0, 60.0, 2.5, 0.0, threshold=1e9, discretisation=discretisation
        ).double()
        state = layer.init_state(kick[0])
        trace = []
        for current in kick:
            _, state = layer.step(current, state)
            trace.append(float(state[0].abs()))
        peaks[discretisation] = max(trace[-200:]) / max(trace[:200])
    assert peaks["symplectic"] < 1e-6
    assert peaks["euler"] > 1e3


def test_spikes_hold_back_spikes() -> None:
    current = torch.full((300, 1, 1), 3.0)
    eager = nn.AdLIF(1, 10.0, 100.0, 0.0, 0.0)(current)
    adapted = nn.AdLIF(1, 10.0, 100.0, 0.0, 1.0)(current)
    assert adapted.sum() < eager.sum()
    gaps = adapted.flatten().nonzero().flatten().diff()
    assert gaps[0] < gaps[-1]


def test_state_and_input_are_checked() -> None:
    layer = nn.AdLIF(4)
    state = layer.init_state((32, 4))
    assert [part.shape for part in state] == [(32, 4)] * 2
    assert len(nn.AdLIF(4, discretisation="euler").init_state((2, 4))) == 3
    with pytest.raises(StateError, match="AdLIF: state has batch 32, input has 16; start from"):
        layer.step(torch.ones(16, 4), state)
    with pytest.raises(StateError, match=r"state must be \(u, w\); got 1 tensors"):
        layer.step(torch.ones(32, 4), state[:1])
    with pytest.raises(ArgumentError, match=r"last axis must be features = 4; got shape \(3, 2, 5"):
        layer(torch.ones(3, 2, 5))
    with pytest.raises(ArgumentError, match=r"must be floating point; got torch\.int64"):
        layer(torch.ones(3, 4, dtype=torch.int64))
    with pytest.raises(ArgumentError, match="time first; got a scalar"):
        layer(torch.tensor(1.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": 0}, r"AdLIF\.features: must be 1 or more; got 0"),
        ({"tau_u": 0.0}, r"AdLIF\.tau_u: must be above 0; got 0\.0"),
        ({"tau_w": (9.0, 3.0)}, r"AdLIF\.tau_w: must be a number or a range .* low first"),
        ({"a": (0.0, 1.0, 2.0)}, r"AdLIF\.a: must be a number or a range"),
        ({"b": float("nan")}, r"AdLIF\.b: must be a number or a range"),
        ({"threshold": 0.0}, r"AdLIF\.threshold: must be finite and above 0; got 0\.0"),
        ({"reset": "none"}, r"AdLIF\.reset: must be 'hard' or 'soft'; got 'none'"),
        ({"q": float("inf")}, r"AdLIF\.q: must be finite"),
        ({"discretisation": "exact"}, r"AdLIF\.discretisation: must be 'symplectic' or 'euler'"),
    ],
)
def test_arguments_are_checked(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        nn.AdLIF(**{"features": 3, **arguments})


def test_streams_and_is_counted_inside_a_chain() -> None:
    torch.manual_seed(0)
    net = nn.SpikingSequential(
        torch.nn.Linear(4, 6), nn.AdLIF(6, surrogate=FastSigmoid()), torch.nn.Linear(6, 2)
    )
    x = noise(9, 3, 4)
    assert_step_equals_sequence(net, x, relative=1e-5)
    counts = hw.count(net, x, batch_dim=1)
    assert counts.updates == 9 * 6
    spikes = float(net[1](net[0](x)).detach().sum())
    assert counts.synops == pytest.approx(spikes / 3 * 2)
