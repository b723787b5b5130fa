"""Dense networks counted by hand, by loops, and beside other counters."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from neurospike import hw
from neurospike import nn as snn

from .networks import Relay


def spikes(*shape, seed=0, largest=3):
    return torch.randint(
        0, largest + 1, shape, generator=torch.Generator().manual_seed(seed)
    ).float()


def events_by_loop(layer, x):
    """Connections that events pass: gradients of each output say which inputs it reads."""
    ones = {name: torch.ones_like(p) for name, p in layer.named_parameters()}
    x = x.clone().requires_grad_()
    y = torch.func.functional_call(layer, ones, (x,))
    (reads,) = torch.autograd.grad(y.sum(), x)
    return float((reads * x.detach().abs()).sum())


def test_lif_network_by_hand() -> None:
    net = snn.SpikingSequential(
        snn.LIF(tau=2.0), nn.Linear(3, 4), snn.LIF(tau=2.0), nn.Linear(4, 5, bias=False)
    )
    with torch.no_grad():
        net[1].weight.fill_(1.0)
        net[1].bias.zero_()
    x = torch.zeros(2, 1, 3)
    x[0, 0] = torch.tensor([1.0, 1.0, 0.0])
    x[1, 0] = torch.tensor([0.0, 0.0, 1.0])
    counted = hw.count(net, x, batch_dim=1)
    # Three input spikes reach 4 neurons each; all 4 fire at both steps and reach 5 outputs.
    assert counted.synops == 3 * 4 + 2 * 4 * 5
    assert counted.acs == 2 * 4  # the bias of the first layer, at both steps
    assert counted.updates == 2 * 3 + 2 * 4
    assert counted.macs == 0
    assert counted.energy_pj == pytest.approx(0.9 * (12 + 40 + 8))
    assert [layer.type for layer in counted.layers] == ["LIF", "Linear", "LIF", "Linear"]
    assert counted.layers[1].density == pytest.approx(0.5)
    assert counted.spike_density == pytest.approx((3 + 8) / (6 + 8))


def test_integer_spike_counts_its_value() -> None:
    net = snn.SpikingSequential(snn.ILIF(4), nn.Linear(2, 7, bias=False))
    counted = hw.count(net, torch.tensor([[[3.0, 1.0]]]), batch_dim=1)
    assert counted.synops == (3 + 1) * 7
    assert counted.layers[1].firing_rate == 2.0


def test_sinabs_two_equal_images() -> None:
    net = nn.Sequential(Relay(), nn.Conv2d(1, 5, 2, bias=False))
    assert hw.count(net, torch.eye(3).expand(2, 1, 3, 3)).synops == 30


def test_spikingjelly_energies_of_a_linear_layer() -> None:
    x = torch.zeros(1, 12)
    x[0, :6] = 1
    spiking = hw.count(nn.Sequential(Relay(), nn.Linear(12, 2, bias=False)), x)
    assert (spiking.synops, spiking.energy_pj) == (12, pytest.approx(10.8))
    dense = hw.count(nn.Linear(12, 2, bias=False), x)
    assert (dense.macs, dense.energy_pj) == (24, pytest.approx(110.4))


def test_keras_spiking_dense_layer() -> None:
    assert hw.count(nn.Linear(784, 128, bias=False), torch.rand(3, 784)).macs == 100352


def test_values_do_not_decide() -> None:
    counted = hw.count(nn.Linear(6, 2, bias=False), torch.ones(1, 6))
    assert (counted.macs, counted.synops) == (12, 0)
    said = hw.count(nn.Linear(6, 2, bias=False), torch.ones(1, 6), inputs_are_spikes=True)
    assert (said.macs, said.synops) == (0, 12)


CONVS = [
    (nn.Conv1d(2, 4, 3, padding=1, groups=2), (3, 2, 7)),
    (nn.Conv1d(1, 1, 3, padding="same"), (1, 1, 5)),
    (nn.Conv2d(2, 3, 3), (2, 2, 8, 8)),
    (nn.Conv2d(2, 3, 3, padding=1), (2, 2, 8, 8)),
    (nn.Conv2d(2, 3, 3, stride=2, padding=1), (2, 2, 8, 8)),
    (nn.Conv2d(3, 3, (3, 1), groups=3, dilation=2, padding=(2, 0)), (1, 3, 5, 4)),
    (nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"), (1, 1, 4, 5)),
    (nn.Conv2d(1, 2, 3, padding=2, padding_mode="reflect"), (1, 1, 4, 5)),
    (nn.Conv3d(1, 2, 3, stride=2, padding=1), (1, 1, 4, 5, 3)),
    (nn.ConvTranspose1d(2, 4, 3, stride=2, groups=2), (1, 2, 6)),
    (nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1), (2, 2, 4, 5)),
    (nn.ConvTranspose3d(1, 2, 2, stride=2), (1, 1, 2, 3, 2)),
]


@pytest.mark.parametrize(("layer", "shape"), CONVS, ids=lambda v: str(v)[:60])
def test_convolution_events_and_products(layer, shape) -> None:
    x = spikes(*shape)
    counted = hw.count(nn.Sequential(Relay(), layer), x)
    assert counted.synops * shape[0] == pytest.approx(events_by_loop(layer, x))
    assert counted.acs * shape[0] == layer(x).numel()
    with FlopCounterMode(display=False) as flops:
        layer(x)
    assert hw.count(layer, x).macs * shape[0] == flops.get_total_flops() / 2


def test_convolution_fan_out_by_an_explicit_loop() -> None:
    x = torch.zeros(1, 1, 8, 8)
    for p in (0, 3, 4):
        x[0, 0, p, p] = 1
    for stride, padding, expected in ((1, 0, 19), (1, 1, 22), (2, 1, 6)):
        conv = nn.Conv2d(1, 1, 3, stride=stride, padding=padding, bias=False)
        edge = conv(x).shape[-1]
        loop = sum(
            x[0, 0, i * stride - padding + a, j * stride - padding + b].item()
            for i, j, a, b in itertools.product(range(edge), range(edge), range(3), range(3))
            if 0 <= i * stride - padding + a < 8 and 0 <= j * stride - padding + b < 8
        )
        assert hw.count(nn.Sequential(Relay(), conv), x).synops == loop == expected


def test_batch_norm_folds_into_what_stands_before_it() -> None:
    x = torch.rand(2, 3, 4, 4)
    bare = nn.Sequential(nn.Conv2d(3, 5, 1, bias=False), nn.BatchNorm2d(5))
    assert hw.count(bare, x).acs == 5 * 16
    biased = nn.Sequential(nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5))
    assert hw.count(biased, x).acs == 5 * 16
    first = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3))
    assert (hw.count(first, x).macs, hw.count(first, x).acs) == (3 * 16, 0)


@pytest.mark.parametrize(
    ("pool", "real", "spiking"),
    [
        (nn.AvgPool2d(2), 4 * 3, 16),
        (nn.AvgPool2d(3, stride=1), 4 * 8, 4 * 9),
        (nn.AvgPool2d([3, 3], stride=[1, 1]), 4 * 8, 4 * 9),
        (nn.AvgPool2d(3, ceil_mode=True), 16 - 4, 16),
        (nn.AdaptiveAvgPool2d(1), 15, 16),
        (nn.AdaptiveAvgPool2d(3), 36 - 9, 36),
        (nn.MaxPool2d(2), 0, 0),
    ],
    ids=str,
)
def test_pooling_adds(pool, real: int, spiking: int) -> None:
    ones = torch.ones(1, 1, 4, 4)
    assert hw.count(pool, ones).acs == real
    assert hw.count(nn.Sequential(Relay(), pool), ones).acs == spiking


def test_average_of_spikes_is_real_and_maximum_is_spikes() -> None:
    x = spikes(1, 1, 4, 4)
    mean = nn.Sequential(Relay(), nn.AvgPool2d(2), nn.Conv2d(1, 3, 1, bias=False))
    largest = nn.Sequential(Relay(), nn.MaxPool2d(2), nn.Conv2d(1, 3, 1, bias=False))
    assert (hw.count(mean, x).macs, hw.count(mean, x).synops) == (12, 0)
    assert hw.count(largest, x).synops == 3 * nn.functional.max_pool2d(x, 2).sum()


class SmallResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU())
        self.block = nn.Sequential(
            nn.Conv2d(32, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
        )
        self.tail = nn.Sequential(nn.Conv2d(32, 32, 3, groups=32), nn.Conv2d(32, 64, 1), nn.SiLU())
        self.tokens = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), 2, enable_nested_tensor=False
        )
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        x = self.stem(x)
        x = torch.relu(x + self.block(x))
        x = self.tail(x)
        x = self.tokens(x.flatten(2).transpose(1, 2))
        return self.head(x.mean(1))


def test_macs_equal_the_flop_counter_of_torch() -> None:
    net, x = SmallResNet().train(), torch.rand(2, 3, 32, 32)
    counted = hw.count(net, x)
    # Torch's counter knows no price of the CPU's fused attention, so it gets the unfused one.
    unfused = sdpa_kernel(SDPBackend.MATH)
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        with FlopCounterMode(display=False) as flops, torch.no_grad(), unfused:
            net.eval()(x)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    assert counted.macs * 2 == pytest.approx(flops.get_total_flops() / 2, rel=0.01)
    assert counted.synops == 0
    assert counted.updates == 0


def test_functional_batch_norm_and_residual_of_the_same_network() -> None:
    counted = hw.count(SmallResNet(), torch.rand(1, 3, 32, 32))
    shortcut = [layer for layer in counted.layers if layer.name == "" and layer.type == "add"]
    assert [layer.acs for layer in shortcut] == [32 * 16 * 16]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers(kind) -> None:
    gates, products = {nn.LSTM: (4, 3), nn.GRU: (3, 3), nn.RNN: (1, 0)}[kind]
    layer = kind(6, 5, num_layers=2, bidirectional=True)
    x = spikes(3, 2, 6)
    counted = hw.count(layer, x, batch_dim=1)
    per_step = 2 * (gates * 5 * (6 + 5) + gates * 5 * (10 + 5) + 2 * products * 5)
    assert counted.macs == 3 * per_step
    spiking = hw.count(nn.Sequential(Relay(), layer), x, batch_dim=1)
    assert spiking.synops * 2 == float(x.sum()) * gates * 5 * 2
    assert spiking.macs == counted.macs - 3 * 2 * gates * 5 * 6


@pytest.mark.parametrize("kind", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_recurrent_cells(kind) -> None:
    gates, products = {nn.LSTMCell: (4, 3), nn.GRUCell: (3, 3), nn.RNNCell: (1, 0)}[kind]
    counted = hw.count(kind(6, 5), torch.rand(2, 6))
    assert counted.macs == gates * 5 * 11 + products * 5
    assert counted.acs == 2 * gates * 5


@pytest.mark.parametrize(
    "norm",
    [
        nn.LayerNorm((4, 5, 5)),
        nn.GroupNorm(2, 4),
        nn.InstanceNorm2d(4),
        nn.InstanceNorm2d(4, affine=True),
        nn.BatchNorm2d(4, track_running_stats=False),
    ],
    ids=str,
)
def test_norms_that_take_statistics_at_inference_do_not_fold(norm) -> None:
    net = nn.Sequential(nn.Conv2d(4, 4, 1), norm)
    counted = hw.count(net, torch.rand(2, 4, 5, 5))
    assert [(row.macs, row.acs) for row in counted.layers] == [(400, 100), (200, 200)]


def test_instance_norm_with_statistics_of_training_folds() -> None:
    for norm, x in (
        (nn.InstanceNorm1d(4, track_running_stats=True), torch.rand(2, 4, 5)),
        (nn.InstanceNorm3d(4, track_running_stats=True), torch.rand(2, 4, 5, 1, 1)),
    ):
        counted = hw.count(nn.Sequential(nn.ReLU(), norm), x)
        assert (counted.macs, counted.acs) == (20, 0)


def test_the_rest_of_the_conventional_layers() -> None:
    x = torch.rand(2, 4, 6, 6)
    assert hw.count(nn.LayerNorm(6), x).macs == 2 * 144
    assert hw.count(nn.GLU(1), x).macs == 72
    assert hw.count(nn.Upsample(scale_factor=2, mode="bilinear"), x).macs == 4 * 144 * 4
    assert hw.count(nn.Upsample(scale_factor=2), x).energy_pj == 0
    assert hw.count(nn.Sequential(nn.GELU(), nn.Softmax(1), nn.PReLU()), x).energy_pj == 0
    assert hw.count(nn.Embedding(5, 3), torch.tensor([[1, 2]])).energy_pj == 0


@pytest.mark.parametrize("padding", [0, 1])
def test_synops_equal_those_of_spikingjelly(padding: int) -> None:
    peer = pytest.importorskip("spikingjelly.activation_based.op_counter")
    for layer, shape in (
        (nn.Linear(100, 50, bias=False), (4, 100)),
        (nn.Conv2d(2, 3, 3, stride=2, padding=padding, bias=False), (2, 2, 9, 8)),
    ):
        x = spikes(*shape, largest=1)
        counter = peer.SynOpCounter()
        with torch.no_grad(), peer.DispatchCounterMode([counter]):
            layer(x)
        assert hw.count(layer, x, inputs_are_spikes=True).synops * shape[0] == counter.get_total()
