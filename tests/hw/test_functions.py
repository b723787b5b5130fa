"""What a forward computes by itself is counted or refused, never zero."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from neurospike import hw
from neurospike.errors import UncountedLayerError

from .networks import Relay


class Does(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function
        self.start = nn.Identity()

    def forward(self, *args):
        return self.function(*(self.start(a) for a in args))


def macs(function, *args, **kwargs):
    return hw.count(Does(function), args, **kwargs).macs * args[0].shape[0]


A, B = torch.rand(2, 3, 4), torch.rand(2, 4, 5)


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        (torch.matmul, (A, B), 2 * 3 * 4 * 5),
        (lambda a, b: torch.einsum("bij,bjk->bik", a, b), (A, B), 120),
        (lambda a, b: torch.baddbmm(torch.zeros(2, 3, 5), a, b), (A, B), 120),
        (lambda a: a @ torch.ones(4), (A,), 24),
        (lambda a: a[0] @ torch.ones(4), (A,), 12),
        (lambda a: a[0, 0] @ torch.ones(4), (A,), 4),
        (lambda a: F.linear(a, torch.ones(7, 4), torch.ones(7)), (A,), 2 * 3 * 4 * 7),
        (lambda a: F.conv1d(a, torch.ones(5, 3, 2)), (A,), 2 * 5 * 3 * 3 * 2),
        (lambda a: F.conv_transpose1d(a, torch.ones(3, 5, 2)), (A,), 2 * 4 * 3 * 5 * 2),
        (lambda a: a * a.flip(1), (A,), 24),
        (lambda a: F.scaled_dot_product_attention(a, a, a), (A,), 2 * 2 * 3 * 3 * 4),
        (lambda a: F.layer_norm(a, (4,)), (A,), 48),
        (lambda a: F.group_norm(a, 3), (A,), 48),
        (lambda a: F.instance_norm(a), (A,), 48),
        (lambda a: F.batch_norm(a, None, None, training=True), (A,), 48),
        (lambda a: F.batch_norm(a, torch.zeros(3), torch.ones(3)), (A,), 24),
        (lambda a: F.interpolate(a, scale_factor=2, mode="linear"), (A,), 2 * 48),
    ],
)
def test_products_between_activations(function, args, expected: int) -> None:
    assert macs(function, *args) == expected


@pytest.mark.parametrize(
    ("function", "points", "share"),
    [
        (lambda a: torch.fft.rfft2(a), 64, 0.5),
        (lambda a: torch.fft.rfft(a), 8, 0.5),
        (lambda a: torch.fft.fft2(torch.complex(a, a)), 64, 1.0),
        (lambda a: torch.fft.irfft2(a[..., :5] + 0j, s=(8, 8)), 64, 0.5),
    ],
)
def test_fourier_transforms_take_5_n_log_n(function, points: int, share: float) -> None:
    # torch's own counter has no rule for them: it says 0.
    counted = hw.count(Does(function), torch.rand(2, 3, 8, 8))
    transforms = 3 * 64 / points
    operations = 2 * counted.macs + counted.acs
    assert operations == pytest.approx(5 * points * math.log2(points) * transforms * share)


def test_complex_products_are_four_real_ones() -> None:
    found = hw.count(Does(lambda a: torch.complex(a, a) * torch.complex(a, -a)), A)
    assert found.macs * 2 == 4 * 24


def complex_of(*shape):
    return torch.complex(torch.rand(*shape), torch.rand(*shape))


def test_complex_matrices_cost_what_their_numbers_cost() -> None:
    x, y = complex_of(2, 3, 4), complex_of(2, 4, 5)
    product = hw.count(Does(lambda a, b: torch.einsum("bij,bjk->bik", a, b)), (x, y))
    spelt = hw.count(Does(lambda a, b: (a[..., None] * b[:, None]).sum(2)), (x, y))
    assert product.macs == spelt.macs == 4 * 60
    assert hw.count(nn.Linear(4, 5, dtype=torch.complex64), x).macs == 4 * 60
    assert hw.count(nn.Conv1d(3, 5, 2, dtype=torch.complex64), x).macs == 4 * 3 * 30
    spread = nn.ConvTranspose1d(3, 5, 2, dtype=torch.complex64)
    assert hw.count(spread, x).macs == 4 * 4 * 30
    # Torch takes three real convolutions for a complex one, and shows them.
    assert hw.count(Does(lambda a: F.conv1d(a, complex_of(5, 3, 2))), x).macs == 3 * 3 * 30


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda n: n @ n.transpose(1, 2), 2 * 3 * 4 * 3),
        (lambda n: torch.einsum("bij,bkj->bik", n, n), 2 * 3 * 4 * 3),
        (lambda n: F.linear(n, torch.ones(7, 4, dtype=torch.long)), 2 * 3 * 4 * 7),
        (lambda n: F.conv1d(n, torch.ones(5, 3, 2, dtype=torch.long)), 2 * 5 * 3 * 3 * 2),
        (lambda n: torch._int_mm(*2 * (n.new_ones(32, 32, dtype=torch.int8),)), 32**3),
        (lambda n: n * n + n, 0),  # what indices are made with
    ],
)
def test_products_of_integer_matrices_are_counted(function, expected: int) -> None:
    assert macs(lambda a: function((10 * a).long()).float(), A) == expected


@pytest.mark.parametrize(
    "function",
    [
        lambda a: a.clone().unsqueeze_(0).squeeze_(0),
        lambda a: a.clone().transpose_(0, 1).swapaxes_(1, 2).detach_(),
        lambda a: a[0].clone().t_(),
    ],
)
def test_views_in_place_move_nothing(function) -> None:
    assert hw.count(Does(function), A).energy_pj == 0


def test_views_in_place_keep_spikes() -> None:
    events = hw.count(
        Does(lambda a: a.clone().unsqueeze_(0)[0] @ torch.ones(4, 5)), A, inputs_are_spikes=True
    )
    assert (events.macs, events.synops * 2) == (0, pytest.approx(5 * float(A.sum())))


def test_convolutions_of_spikes_reach_what_their_layers_reach() -> None:
    x = (torch.rand(2, 6, 9, 8) > 0.5).float()
    for layer, function in (
        (nn.Conv2d(6, 4, 3, stride=2, padding=1), F.conv2d),
        (nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1), F.conv_transpose2d),
    ):
        spelt = Does(lambda a, f=function, own=layer: f(a, own.weight, own.bias, 2, 1))
        expected = hw.count(layer, x, inputs_are_spikes=True)
        found = hw.count(spelt, x, inputs_are_spikes=True)
        assert found.synops == expected.synops > 0


def test_a_linear_function_of_a_vector() -> None:
    assert hw.count(Does(lambda a: F.linear(a[0, 0], torch.ones(7, 4))), A).macs * 2 == 28


def test_sums_between_activations() -> None:
    assert hw.count(Does(lambda a: a + a.flip(1)), A).acs * 2 == 24
    assert hw.count(Does(lambda a: a.sum(1)), A).acs * 2 == 24 - 8
    scattered = Does(lambda a: torch.zeros(4).index_add(0, torch.tensor([0]), a[0, 0, :1]))
    assert hw.count(scattered, A).acs * 2 == 1
    assert hw.count(Does(lambda a: F.avg_pool1d(a, 2)), A).acs * 2 == 12
    assert hw.count(Does(lambda a: torch.relu(a + 1).exp().softmax(1)), A).energy_pj == 0


def test_attention_of_spikes_counts_coincidences() -> None:
    class SpikingAttention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fire = Relay()

        def forward(self, x):
            q = k = v = self.fire(x)
            return (q @ k.transpose(-1, -2)) @ v

    x = (torch.rand(1, 4, 6, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    counted = hw.count(SpikingAttention(), x)
    coincidences = float((x @ x.transpose(-1, -2)).sum())
    assert counted.macs == 0
    assert counted.synops == coincidences + float(x.sum()) * 4


def test_an_unknown_function_is_refused() -> None:
    with pytest.raises(
        UncountedLayerError, match=r"function 'aten.linalg_qr' at the root; move it"
    ):
        hw.count(Does(lambda a: torch.linalg.qr(a).R), A)


def test_a_layer_without_a_rule_is_refused_as_the_conventions_say() -> None:
    net = nn.Sequential()
    norm = nn.LocalResponseNorm(2)
    net.backbone = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.ReLU(), norm)
    message = (
        r"no synaptic-operation rule for 'LocalResponseNorm' at backbone\.3; "
        r"register one with @counts\(LocalResponseNorm\)\."
    )
    for convention in ("exact", "paper", "neurobench", "lemaire"):
        with pytest.raises(UncountedLayerError, match=message):
            hw.count(net, torch.rand(1, 3, 4, 4), convention)
    with pytest.raises(UncountedLayerError, match="_trilinear"):
        hw.count(Does(lambda a: F.bilinear(a, a, torch.ones(2, 4, 4))), A)


def test_unknown_leaves_and_hidden_parameters_are_refused() -> None:
    class Odd(nn.Module):
        def forward(self, x):
            return x

    class Hidden(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, 3))
            self.inner = nn.ReLU()

        def forward(self, x):
            return torch.from_numpy(self.inner(x).numpy() @ self.weight.detach().numpy())

    class SlyNeuron(Relay):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = nn.Parameter(torch.ones(3, 3))

    class OtherLinear(nn.Linear):
        def forward(self, x):
            return super().forward(x) * x.sum()

    for layer in (Odd(), Hidden(), SlyNeuron(), OtherLinear(3, 3)):
        with pytest.raises(UncountedLayerError, match=f"'{type(layer).__name__}' at the root"):
            hw.count(layer, torch.rand(2, 3))


def test_a_recurrent_neuron_pays_for_its_own_matrix() -> None:
    class Recurrent(Relay):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = nn.Parameter(torch.ones(3, 3))

        def forward(self, x):
            return ((x @ self.recurrent + x) > 1).float()

    counted = hw.count(Recurrent(), torch.rand(2, 3))
    assert (counted.macs, counted.updates, counted.acs) == (9, 3, 0)


def test_users_rules() -> None:
    class Gate(nn.Module):
        def forward(self, x):
            return (x > 0).float()

    class WiderGate(Gate):
        pass

    @hw.counts(Gate)
    def gate(call):
        return hw.Operations(updates=call.values.numel(), emits="spikes", note="mine")

    net = nn.Sequential(WiderGate(), nn.Linear(3, 2, bias=False))
    counted = hw.count(net, torch.tensor([[1.0, -1.0, 2.0]]))
    assert (counted.updates, counted.synops, counted.layers[0].note) == (3, 4, "mine")
    with pytest.raises(ValueError, match=r"hw\.counts.kinds: must be subclasses"):
        hw.counts(gate)  # type: ignore[arg-type]


def test_a_container_with_its_own_matrix_is_counted() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, 7))
            self.inner = nn.ReLU()

        def forward(self, x):
            return self.inner(x) @ self.weight

    assert hw.count(Own(), torch.rand(2, 3)).macs == 21
