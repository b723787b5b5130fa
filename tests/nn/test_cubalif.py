"""CubaLIF as a layer: equations, the chip's integers, streaming, refusals."""

import math
import warnings

import pytest
import torch
from torch import Tensor

from neurospike import hw, nn
from neurospike.errors import ArgumentError, StateError
from neurospike.sparse.voxel_tensor import VoxelTensor
from neurospike.testing import assert_step_equals_sequence

LAYERS = [
    nn.CubaLIF(3.0, 7.0),
    nn.CubaLIF(1.0, math.inf, 0.7, "soft"),
    nn.CubaLIF(4.0, 2.5, learnable_tau=True, detach_reset=False),
    nn.CubaLIF(5.0, 9.0, integer_decay=True),
    nn.CubaLIF(5.0, 9.0, 40.0, "soft", integer_decay=True, scale=1),
    nn.CubaLIF(5.0, 9.0, integer_decay=True, learnable_tau=True, backend="reference"),
]
each_layer = pytest.mark.parametrize("layer", LAYERS, ids=repr)


def noise(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) + 0.2


def cloud(features: Tensor) -> VoxelTensor:
    """Voxels along a diagonal, as many as the features have rows."""
    rows = features.shape[-2]
    coords = torch.arange(rows, dtype=torch.int32)[:, None] * torch.tensor([0, 1, 1, 1])
    return VoxelTensor(coords.int(), features, (rows + 1,) * 3, batch_size=1)


@each_layer
@pytest.mark.parametrize("shape", [(6,), (6, 3), (5, 2, 7), (4, 2, 3, 5, 5), (0, 2), (3, 0, 4)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_step_equals_sequence(layer: nn.CubaLIF, shape: tuple[int, ...], dtype) -> None:
    x = noise(*shape, dtype=dtype)
    y = layer(x)
    assert (y.shape, y.dtype) == (x.shape, dtype)
    assert_step_equals_sequence(layer, x)


@each_layer
@pytest.mark.parametrize("rows", [0, 1, 63])
def test_voxels_are_rows_of_a_dense_sequence(layer: nn.CubaLIF, rows: int) -> None:
    x = noise(4, rows, 3)
    assert torch.equal(layer(cloud(x)).features, layer(x))
    assert_step_equals_sequence(layer, cloud(x))


@each_layer
def test_gradients_through_a_loop_of_steps_are_those_of_the_sequence(layer: nn.CubaLIF) -> None:
    x = noise(5, 2, 7, dtype=torch.float64).requires_grad_()
    upstream = noise(5, 2, 7, dtype=torch.float64)
    wanted = [x, *layer.parameters()]
    whole = torch.autograd.grad((layer(x) * upstream).sum(), wanted)
    state = layer.init_state(x[0])
    loss = torch.zeros(())
    for t in range(5):
        y, state = layer.step(x[t], state)
        loss = loss + (y * upstream[t]).sum()
    for a, b in zip(whole, torch.autograd.grad(loss, wanted), strict=True):
        assert (a - b).abs().max() <= 1e-6 * a.abs().max()


def test_equations_in_real_numbers() -> None:
    layer = nn.CubaLIF(3.0, 7.0, 1.3)
    x = noise(50, 9, dtype=torch.float64)
    i = v = torch.zeros(9, dtype=torch.float64)
    for current, s in zip(x, layer(x), strict=True):
        i = (1 - 1 / 3.0) * i + current
        v = (1 - 1 / 7.0) * v + i
        assert torch.equal(s, (v >= 1.3).double())
        v = v * (1 - s)


def test_a_current_of_one_step_is_a_lif() -> None:
    x = noise(50, 9)
    assert torch.equal(nn.CubaLIF(1.0, 4.0)(x), nn.LIF(4.0)(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_integer_decay_is_the_chips_arithmetic(reset: str, dtype: torch.dtype) -> None:
    """Python's own integers, in units of the chip."""
    layer = nn.CubaLIF(13.0, 29.0, 900.0, reset, integer_decay=True, scale=1)
    keep_i, keep_v = 4096 - layer.current_decay, 4096 - layer.voltage_decay
    assert (layer.current_decay, layer.voltage_decay) == (315, 141)
    x = (noise(300, 4) * 90).round()
    x[100:110] = -3e6
    x[200:203] = 7e6
    state = layer.init_state(x[0].to(dtype))
    for n in range(4):
        i = v = 0
        steps = state
        for t in range(300):
            s, steps = layer.step(x[t].to(dtype), steps)
            i = toward_zero(i * keep_i) + int(x[t, n])
            i = max(-(2**23) + 1, min(2**23 - 1, i))
            v = toward_zero(v * keep_v) + i
            v = max(-(2**23) + 1, min(2**23 - 1, v))
            fires = v >= 900
            v = (v - 900 if reset == "soft" else 0) if fires else v
            assert (int(s[n]), int(steps[0][n]), int(steps[1][n])) == (int(fires), i, v)


def toward_zero(product: int) -> int:
    return (abs(product) >> 12) * (1 if product >= 0 else -1)


def test_integer_decay_equals_the_peers_bit_accurate_neuron() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exchange = pytest.importorskip("spikingjelly.activation_based.lava_exchange")
        peer = exchange.CubaLIFNode(315 / 4096, 141 / 4096, step_mode="m", store_v_seq=True)
    x = torch.round(noise(200, 33) * 0.3 * 4096) / 4096
    # The peer, like the chip, fires above the threshold: the next integer.
    ours = nn.CubaLIF(13.0, 29.0, 1 + 1 / 4096, integer_decay=True)
    with torch.no_grad():
        expected = peer(x)
    assert torch.equal(ours(x), expected)
    assert 0.01 < float(expected.mean()) < 0.5
    state = ours.init_state(x[0])
    for t in range(200):
        _, state = ours.step(x[t], state)
        assert torch.equal(state[1], peer.v_seq[t])


def test_integers_approach_real_numbers_as_units_shrink() -> None:
    x = noise(60, 500, dtype=torch.float64)
    taus = (4096 / 800, 4096 / 300)
    real = nn.CubaLIF(*taus)(x)
    shares = [
        float((nn.CubaLIF(*taus, integer_decay=True, scale=scale)(x) != real).double().mean())
        for scale in (16, 256, 4096)
    ]
    assert shares[0] > shares[1] > shares[2]
    assert shares[2] < 2e-3


def test_learnt_taus_move_and_stay_above_one() -> None:
    layer = nn.CubaLIF(4.0, 2.5, learnable_tau=True)
    assert {name for name, _ in layer.named_parameters()} == {"syn_rate_logit", "mem_rate_logit"}
    assert layer.tau_syn == pytest.approx(4.0)
    assert layer.tau_mem == pytest.approx(2.5)
    layer(noise(9, 3)).sum().backward()
    assert all(float(p.grad.abs()) > 0 for p in layer.parameters())
    with torch.no_grad():
        layer.syn_rate_logit.fill_(50.0)
    assert layer.tau_syn >= 1
    assert not list(nn.CubaLIF(4.0, 2.5).parameters())


def test_state_and_input_are_checked() -> None:
    layer = nn.CubaLIF(4.0, 2.5)
    state = layer.init_state((32, 4))
    assert [part.shape for part in state] == [(32, 4)] * 2
    with pytest.raises(StateError, match="CubaLIF: state has batch 32, input has 16; start from"):
        layer.step(torch.ones(16, 4), state)
    with pytest.raises(StateError, match=r"state must be \(i, v\); got 3 tensors"):
        layer.step(torch.ones(32, 4), (*state, state[0]))
    with pytest.raises(ArgumentError, match=r"must be floating point; got torch\.int64"):
        layer(torch.ones(3, 4, dtype=torch.int64))
    with pytest.raises(ArgumentError, match="integer_decay needs float32 or float64"):
        nn.CubaLIF(4.0, 2.5, integer_decay=True)(torch.ones(3, 4).bfloat16())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau_syn": 0.5}, r"CubaLIF\.tau_syn: must be 1 or more, in time steps; got 0\.5"),
        ({"tau_mem": float("nan")}, r"CubaLIF\.tau_mem: must be 1 or more"),
        ({"tau_mem": 1.0, "learnable_tau": True}, r"CubaLIF\.tau_mem: must be above 1 and finite"),
        ({"threshold": 0.0}, r"CubaLIF\.threshold: must be finite and above 0; got 0\.0"),
        ({"threshold": 0.1, "integer_decay": True, "scale": 4}, "one unit 1 / scale or more"),
        ({"reset": "none"}, r"CubaLIF\.reset: must be 'hard' or 'soft'; got 'none'"),
        ({"scale": 100}, r"CubaLIF\.scale: must be a power of two, 1 or more; got 100"),
        ({"scale": 0}, r"CubaLIF\.scale: must be a power of two"),
    ],
)
def test_arguments_are_checked(arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        nn.CubaLIF(**{"tau_syn": 4.0, "tau_mem": 5.0, **arguments})


def test_streams_and_is_counted_inside_a_chain() -> None:
    torch.manual_seed(0)
    net = nn.SpikingSequential(torch.nn.Linear(4, 6), nn.CubaLIF(3.0, 5.0), torch.nn.Linear(6, 2))
    x = noise(9, 3, 4)
    assert_step_equals_sequence(net, x, relative=1e-5)
    counts = hw.count(net, x, batch_dim=1)
    assert counts.updates == 9 * 6
    spikes = float(net[1](net[0](x)).detach().sum())
    assert counts.synops == pytest.approx(spikes / 3 * 2)
