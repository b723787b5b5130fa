"""Layers on vectors and dense grids, lowered and compared with torch spike for spike."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from neurospike.errors import ArgumentError, UnloweredLayerError
from neurospike.hw import emulate, lower, lowers
from neurospike.hw.neuron_models import LIFModel, Membrane, Source
from neurospike.hw.wiring import Pooled, Transposed, Whole, Window
from neurospike.nn import (
    ILIF,
    LIF,
    AdLIF,
    CubaLIF,
    LeakyReadout,
    SequenceDropout,
    SpikingSequential,
    UnarySpikes,
    spike_mode,
)
from tests.hw.lowering.loop import assert_equal, in_torch, run


def events(*shape, rate=0.5, seed=1) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return (torch.rand(*shape, generator=g) < rate).double()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def lively(*layers) -> SpikingSequential:
    """A network in float64, with statistics and biases that are not trivial."""
    net = SpikingSequential(*layers).double()
    for part in net.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            nn.init.normal_(part.running_mean, 0.0, 0.3)
            nn.init.uniform_(part.running_var, 0.05, 0.3)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0.6, 0.3)
    return net.eval()


NEURONS = {
    "lif": lambda n: LIF(2.0),
    "lif-soft": lambda n: LIF(3.0, threshold=0.7, reset="soft"),
    "lif-rest": lambda n: LIF(3.0, threshold=0.5, v_reset=-0.2, decay_input=True),
    "lif-learnt": lambda n: LIF(2.5, learnable_tau=True),
    "lif-no-leak": lambda n: LIF(float("inf")),
    "ilif": lambda n: ILIF(4, 0.25),
    "ilif-one": lambda n: ILIF(1, 0.5),
    "adlif": lambda n: AdLIF(n, tau_u=(1.0, 3.0), b=(0.0, 0.5)),
    "adlif-euler": lambda n: AdLIF(n, tau_u=(1.0, 3.0), a=0.1, b=0.1, discretisation="euler"),
    "cadlif": lambda n: AdLIF(n, constrained=True),
    "cuba": lambda n: CubaLIF(2.0, 4.0),
    "cuba-soft": lambda n: CubaLIF(1.5, 3.0, 1.5, "soft"),
    "cuba-integer": lambda n: CubaLIF(2.0, 4.0, integer_decay=True),
}


@pytest.mark.parametrize("name", NEURONS)
def test_neurons(name: str) -> None:
    neuron = NEURONS[name](7)
    net = lively(nn.Linear(5, 7), nn.BatchNorm1d(7), neuron, nn.Linear(7, 3), LeakyReadout(4.0))
    net[1].weight.data *= 3.0
    x = events(20, 1, 5)
    network = lower(net, x)
    assert [p.name for p in network.populations] == ["input", "2", "4"]
    assert [p.name for p in network.projections] == ["0", "3"]
    assert network.layout == "sequence"
    assert network.steps is None
    assert network.output is not None
    assert network.output.population == "4"
    assert_equal(network, net, x)
    other = events(9, 1, 5, rate=0.3, seed=2)
    assert_equal(network, net, other, quiet=("2",))


def test_readout_divides_its_input() -> None:
    net = lively(nn.Linear(3, 2), LeakyReadout(5.0, decay_input=True))
    assert_equal(lower(net, events(6, 1, 3)), net, events(6, 1, 3))


CONVOLUTIONS = {
    "1d": (nn.Conv1d(4, 6, 3, padding=1), (4, 9)),
    "1d-strided": (nn.Conv1d(4, 6, 4, stride=2, dilation=2, bias=False), (4, 15)),
    "2d": (nn.Conv2d(2, 4, 3), (2, 6, 7)),
    "2d-groups": (nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 2), groups=2), (4, 7, 6)),
    "2d-same": (nn.Conv2d(2, 3, (2, 4), padding="same"), (2, 5, 6)),
    "2d-valid": (nn.Conv2d(2, 3, 2, padding="valid"), (2, 5, 6)),
    "2d-depthwise": (nn.Conv2d(3, 6, 3, groups=3, dilation=2, padding=2), (3, 6, 5)),
    "3d": (nn.Conv3d(2, 3, (1, 2, 3), padding=(0, 1, 1)), (2, 3, 4, 3)),
    "1d-transposed": (nn.ConvTranspose1d(4, 6, 3, stride=2, output_padding=1), (4, 5)),
    "2d-transposed": (
        nn.ConvTranspose2d(4, 6, (3, 2), stride=2, padding=1, groups=2, dilation=(1, 2)),
        (4, 4, 5),
    ),
    "3d-transposed": (nn.ConvTranspose3d(2, 3, 2, stride=(1, 2, 1)), (2, 3, 2, 2)),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("norm", [False, True])
def test_convolutions(name: str, norm: bool) -> None:
    torch.manual_seed(1)
    conv, shape = CONVOLUTIONS[name]
    conv.reset_parameters()  # it was made at import, with whatever seed there was
    if name == "2d-same":  # torch warns of a copy that an uneven border costs, once
        warnings.filterwarnings("ignore", "Using padding='same'")
    axes = len(shape) - 1
    kind = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[axes]
    layers = [conv, kind(conv.out_channels)] if norm else [conv]
    net = lively(*layers, LIF(2.0, threshold=0.4))
    x = events(6, 1, *shape)
    network = lower(net, x)
    (projection,) = network.projections
    assert projection.kind == "conv"
    assert projection.groups == conv.groups
    assert isinstance(projection.wiring, Transposed if "transposed" in name else Window)
    assert network.populations[1].bias is None or network.populations[1].bias.ndim == 1
    assert_equal(network, net, x)


def test_a_small_image_network() -> None:
    net = lively(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        LIF(2.0),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        ILIF(3),
        nn.AdaptiveAvgPool2d((2, 1)),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(12, 10),
        nn.Identity(),
        LIF(2.0, threshold=0.2),
        SequenceDropout(0.5),
        nn.Linear(10, 3),
        LeakyReadout(3.0),
    )
    x = events(8, 1, 2, 8, 6)
    network = lower(net, x)
    assert [p.name for p in network.populations] == ["input", "2", "6", "12", "15"]
    wirings = {p.name: p.wiring for p in network.projections}
    assert wirings["4"] == Pooled((2, 2), Window((3, 3), (1, 1), (1, 1), (1, 1)))
    assert wirings["10"] == Pooled((2, 3), Whole())
    assert_equal(network, net, x)


def test_the_emulator_gives_the_model_s_output_for_every_sample() -> None:
    class Seen(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.neurons = nn.Conv2d(1, 3, 3, padding=1).double(), LIF(2.0, 0.3)
            self.rest = lively(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12, 5), LIF(2.0, 0.2))

        def forward(self, x):
            return self.rest(self.neurons(self.conv(x).expand(6, -1, -1, -1, -1))).mean(0)

    model = Seen().eval()
    x = torch.rand(3, 1, 5, 5, dtype=torch.float64)
    trace = emulate(lower(model, x, layout="static"), x)
    expected = model(x).detach().numpy()
    np.testing.assert_allclose(np.stack(trace.output), expected, rtol=1e-12)
    assert 0 < expected.mean() < 0.9


def test_pooling_of_currents_and_pooling_that_overlaps() -> None:
    net = lively(
        nn.Conv2d(2, 3, 3, padding=1),
        nn.AvgPool2d(2),
        LIF(2.0, threshold=0.2),
        nn.AvgPool2d(3, stride=1, padding=1),
        LIF(2.0, threshold=0.5),
        nn.AvgPool2d(2),
        nn.AvgPool2d((1, 2), ceil_mode=True),
        LIF(2.0, threshold=0.4),
    )
    x = events(10, 1, 2, 9, 8, rate=0.7)
    network = lower(net, x)
    assert isinstance(network.population("1.membrane").neuron, Membrane)
    wirings = {p.name: p.wiring for p in network.projections}
    assert isinstance(wirings["3"], Window)
    assert isinstance(wirings["7.in"], Pooled)
    assert wirings["7.in"].window == (2, 4)
    assert_equal(network, net, x)


@pytest.mark.parametrize("pool", [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2, 1)])
def test_the_maximum_of_binary_spikes_is_an_or(pool: nn.Module) -> None:
    net = lively(
        nn.Conv2d(2, 3, 3), LIF(2.0, threshold=0.6), pool, nn.Conv2d(3, 2, 2), LIF(2.0, 0.3)
    )
    x = events(8, 1, 2, 8, 9, rate=0.3)
    network = lower(net, x)
    assert isinstance(network.population("2").neuron, LIFModel)
    assert_equal(network, net, x)
    with pytest.raises(UnloweredLayerError, match="no binary spikes"):
        lower(lively(nn.Conv2d(2, 3, 3), ILIF(4), pool, LIF(2.0)), x)
    with pytest.raises(UnloweredLayerError, match="no binary spikes"):
        lower(lively(nn.Conv2d(2, 3, 3), pool, LIF(2.0)), x)


@pytest.mark.parametrize("mode", ["integer", "unary"])
def test_unary_events_are_the_same_network(mode) -> None:
    net = lively(
        UnarySpikes(3), nn.Linear(4, 6), nn.BatchNorm1d(6), ILIF(4), nn.Linear(6, 5), ILIF(2, 0.5)
    )
    x = events(7, 1, 4) + events(7, 1, 4, seed=3) + events(7, 1, 4, seed=4)
    spike_mode(net, mode)
    network = lower(net, x)
    assert net[3].mode == mode
    assert net[0].max_spikes == 3
    assert [p.name for p in network.projections] == ["1", "4"]
    spike_mode(net, "integer")
    net = SpikingSequential(*list(net)[1:])
    sent = run(network, x)
    for path, name in (("2", "3"), ("4", "5")):
        layers = {}
        net[int(path)].register_forward_hook(lambda _m, _a, y, k=path, d=layers: d.update({k: y}))
        net(x)
        assert (in_torch(sent[name], layers[path]) == layers[path].detach().numpy()).all()
        assert layers[path].sum() > 0


def test_real_sequences_and_static_inputs() -> None:
    net = lively(nn.Linear(4, 6), LIF(2.0, threshold=0.4), nn.Linear(6, 2), LeakyReadout(2.0))
    g = torch.Generator().manual_seed(5)
    x = torch.rand(9, 3, 4, generator=g, dtype=torch.float64)
    network = lower(net, x)
    assert isinstance(network.populations[0].neuron, Source)
    assert network.populations[0].neuron.real
    assert_equal(network, net, x[:, :1])
    assert not lower(net, events(9, 1, 4)).populations[0].neuron.real
    assert lower(net, events(9, 1, 4), inputs_are_spikes=False).populations[0].neuron.real
    with pytest.raises(ArgumentError, match="spikes must be whole"):
        lower(net, x, inputs_are_spikes=True)

    class Repeated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(1, 3, 3, padding=1).double()
            self.norm = nn.BatchNorm2d(3).double()
            self.neurons = LIF(2.0, threshold=0.3)
            self.rest = lively(nn.Flatten(), nn.Linear(75, 5), LIF(2.0, threshold=0.2))

        def forward(self, x):
            current = self.norm(self.first(x))
            spikes = self.neurons(current.unsqueeze(0).repeat(6, 1, 1, 1, 1))
            return self.rest(spikes).mean(0)

    torch.manual_seed(0)
    model = Repeated().eval()
    image = torch.rand(2, 1, 5, 5, dtype=torch.float64)
    network = lower(model, image, layout="static")
    assert (network.layout, network.steps) == ("static", 6)
    assert network.projections[0].once
    assert network.output.over_time == "mean"
    sent = assert_equal(network, model, image[:1])
    got = sent[network.output.population].mean(0)[0]
    np.testing.assert_allclose(got, model(image[:1])[0].detach().numpy(), atol=1e-12)


def test_the_input_itself_repeated() -> None:
    class Repeated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = lively(nn.Linear(4, 6), LIF(4.0, threshold=0.8))

        def forward(self, x):
            return self.net(x.expand(5, *x.shape))

    x = torch.rand(1, 4, dtype=torch.float64) * 2
    model = Repeated()
    network = lower(model, x, layout="static")
    assert network.projections[0].once
    assert network.steps == 5
    assert_equal(network, model, x)


def test_plain_torch_containers_and_linear_layers_in_a_row() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(4, 8), LIF(2.0, 0.2), nn.Linear(8, 3), nn.Linear(3, 5), LIF(2.0, 0.1)
    )
    model = model.double()
    x = events(7, 1, 4)
    network = lower(model, x)
    assert isinstance(network.population("3.membrane").neuron, Membrane)
    assert_equal(network, model, x)
    one = lower(nn.Linear(4, 3), torch.rand(2, 4))
    assert [p.name for p in one.projections] == ["linear"]
    assert one.output.population == "output"


class Residual(nn.Module):
    """Membrane shortcuts, a scaled branch, a difference, and channels joined and taken apart."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(4, 6)
        self.first, self.second, self.third = LIF(2.0, 0.4), LIF(3.0, 0.3), ILIF(3)
        self.inner = nn.Linear(6, 6)
        self.norm = nn.BatchNorm1d(6)
        self.joined = nn.Linear(15, 5)
        self.last = LIF(2.0, 0.2)
        self.gain = nn.Parameter(torch.linspace(0.5, 1.5, 6))

    def forward(self, x):
        current = self.up(x)
        first = self.first(current)
        total = current + 0.5 * self.inner(first) - 0.1
        second = self.second(total)
        normed = self.norm((total * self.gain).flatten(0, 1)).reshape(total.shape)
        third = self.third(normed / 0.5)
        mixed = torch.cat([second[..., 1:], third.flip(-1), x], -1)
        return self.last(self.joined(mixed))


def test_shortcuts_and_functions_between_layers() -> None:
    torch.manual_seed(2)
    model = Residual().double().eval()
    x = events(12, 1, 4)
    network = lower(model, x)
    sent = assert_equal(network, model, x)
    assert set(sent) >= {"first", "second", "third", "last"}
    assert next((s.source, s.target) for s in network.shortcuts) == ("first", "second")
    assert {p.source for p in network.into("last")} == {"second", "third", "input"}
    (taken,) = [p for p in network.into("last") if p.source == "second"]
    assert (taken.weight[0] == 0).all()  # the channel that was left out
    assert (taken.weight[1:] != 0).all()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: 1 - x,
        lambda x: torch.rsub(x, 0.25, alpha=3),
        lambda x: torch.rsub(x, torch.tensor(0.5, dtype=x.dtype)),
        lambda x: torch.rsub(x, 2 * x),
    ],
)
def test_a_current_taken_from_a_number(function) -> None:
    class Inverted(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.neuron = nn.Linear(4, 6), LIF(1.5)

        def forward(self, x):
            return self.neuron(function(self.fc(x)))

    torch.manual_seed(7)
    model = Inverted().double().eval()
    x = events(9, 1, 4)
    assert_equal(lower(model, x), model, x)


def test_spikes_added_to_spikes() -> None:
    class Added(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.up, self.a, self.b = nn.Linear(4, 6), LIF(2.0, 0.3), LIF(4.0, 0.5)
            self.down, self.c = nn.Linear(6, 5), LIF(2.0, 0.5)

        def forward(self, x):
            current = self.up(x)
            return self.c(self.down(self.a(current) + self.b(current)))

    torch.manual_seed(1)
    model = Added().double()
    network = lower(model, events(10, 1, 4))
    assert [(s.source, s.target) for s in network.shortcuts] == [("a", "b")]
    assert_equal(network, model, events(10, 1, 4))


def test_mean_over_a_grid_before_and_behind_a_linear_layer() -> None:
    class Pooled2d(nn.Module):
        def __init__(self, early: bool) -> None:
            super().__init__()
            self.early = early
            self.conv, self.neurons = nn.Conv2d(2, 4, 3), LIF(2.0, 0.3)
            self.head = nn.Linear(4, 3)
            self.last = LIF(2.0, 0.1)

        def forward(self, x):
            spikes = self.neurons(self.conv(x.flatten(0, 1))[:, None])
            if self.early:
                return self.last(self.head(spikes.mean((-1, -2))))
            return self.head(spikes.mean((-1, -2)).mean(0))

    torch.manual_seed(0)
    x = events(6, 1, 2, 6, 5)
    model = Pooled2d(early=True).double()
    network = lower(model, x)
    assert network.projections[1].wiring == Pooled((4, 3), Whole())
    assert_equal(network, model, x)
    model = Pooled2d(early=False).double()
    network = lower(model, x)
    assert (network.output.over_sites, network.output.over_time) == ("mean", "mean")
    sent = assert_equal(network, model, x)
    got = sent["output"].mean((0, 1))
    np.testing.assert_allclose(got, model(x)[0].detach().numpy(), atol=1e-12)


def test_buffers_written_step_by_step_and_zeros_behind_the_end() -> None:
    class Stepped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)
            self.first, self.last = LIF(2.0, 0.2), LIF(4.0, 0.1)

        def forward(self, x):
            out = torch.zeros(len(x), x.shape[1], 4, dtype=x.dtype)
            for t in range(len(x)):
                out[t] = self.first_current[t]
            return out

        @property
        def first_current(self):
            return self._current

    class Padded(Stepped):
        def forward(self, x):
            x = torch.cat([x, x.new_zeros(3, *x.shape[1:])])
            self._current = self.a(x)
            spikes = self.first(super().forward(x))
            return self.last(self.b(spikes))

    torch.manual_seed(0)
    model = Padded().double()
    x = events(6, 1, 3)
    network = lower(model, x)
    assert [p.extra_steps for p in network.populations] == [0, 3, 3]
    assert_equal(network, model, x)


def test_users_register_rules() -> None:
    class Mine(nn.Module):
        def forward(self, x):
            return (x >= 0.3).to(x.dtype)

    model = lively(nn.Linear(4, 5), LIF(2.0, 0.3), nn.Linear(5, 6))
    model.append(Mine())
    with pytest.raises(
        UnloweredLayerError,
        match=r"no lowering rule for 'Mine' at 3; register one with @lowers\(Mine\)\.",
    ):
        lower(model, events(5, 1, 4))
    lowers(Mine)(lambda call: call.fire(LIFModel(decay=0.0, threshold=0.3)))
    assert_equal(lower(model, events(5, 1, 4)), model, events(5, 1, 4))

    class Other(LIF):
        def multi_step(self, x, v):
            y, v = super().multi_step(x, v)
            return 1 - y, v

    with pytest.raises(UnloweredLayerError, match="no lowering rule for 'Other'"):
        lower(Other(2.0), events(5, 1, 4))
    with pytest.raises(ArgumentError, match=r"lowers\.kinds"):
        lowers(3)


class Function(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function
        self.neurons = LIF(2.0)

    def forward(self, x):
        return self.function(x, self.neurons)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x, n: n(torch.relu(x)), "no lowering rule for the function 'relu'"),
        (lambda x, n: n((x > 0).double()), "unknown origin"),
        (lambda x, n: n(x[1:]), "reads 4 of the 5 steps"),
        (lambda x, n: n(x.flip(0)), "in another order"),
        (lambda x, n: n(x.transpose(0, 2)), "order is not time"),
        (lambda x, n: n(x[..., :2]), "a part of what is before it"),
        (lambda x, n: n(x * n(x)), "multiplies or divides"),
        (lambda x, n: n(x) * torch.arange(5.0)[:, None, None], "change from step to step"),
        (lambda x, n: n(x).mean(-1), "takes the mean over a part"),
        (lambda x, n: n(x)[-1], "reads 1 of the 5 steps"),
        (lambda x, n: n.step(x[0], n.init_state(x[0]))[0], "is stepped by the model's own loop"),
        (lambda x, n: (n(x), n(x)), "must be one tensor; got 2"),
        (lambda x, n: torch.ones(3), "unknown origin"),
    ],
)
def test_what_cannot_be_lowered_says_so(function, message: str) -> None:
    with pytest.raises(UnloweredLayerError, match=message):
        lower(Function(function), events(5, 1, 4))


def test_a_maximum_of_the_input_takes_binary_spikes_only() -> None:
    net = lively(nn.MaxPool2d(2), nn.Conv2d(2, 3, 3), LIF(2.0, 0.2))
    x = events(4, 1, 2, 8, 8)
    network = lower(net, x)
    emulate(network, x)
    with pytest.raises(ArgumentError, match=r"sends binary spikes, .*; got 2"):
        emulate(network, 2 * x)
    emulate(lower(lively(nn.Conv2d(2, 3, 3), LIF(2.0)), x), 2 * x)


def test_bad_examples() -> None:
    net = lively(nn.Linear(4, 5), LIF(2.0))
    with pytest.raises(ArgumentError, match="model: must be a torch module; got str"):
        lower("net.safetensors", torch.ones(5, 1, 4))
    with pytest.raises(ArgumentError, match=r"must be \(T, B, C, ...\)"):
        lower(net, torch.ones(5, 4))
    with pytest.raises(ArgumentError, match="must be a tensor or a VoxelTensor"):
        lower(net, [1.0])
    with pytest.raises(ArgumentError, match="'sequence' or 'static'"):
        lower(net, torch.ones(5, 1, 4), layout="batch")
    with pytest.raises(ArgumentError, match="not empty"):
        lower(net, torch.ones(0, 1, 4))
    with pytest.raises(ArgumentError, match=r"shape \(5, 1, 3\), and torch says: mat1 and mat2"):
        lower(net, torch.ones(5, 1, 3).double())
    for layer, message in [
        (nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular"), "pads by circular"),
        (nn.BatchNorm2d(2, track_running_stats=False), "no running statistics"),
        (nn.AvgPool2d(2, padding=1, count_include_pad=False), "fewer places at the border"),
        (nn.AvgPool2d(2, divisor_override=3), "another number than its window"),
        (nn.AdaptiveAvgPool2d(3), "windows of several sizes"),
        (nn.Softmax(-1), "no lowering rule for 'Softmax'"),
    ]:
        with pytest.raises(UnloweredLayerError, match=message):
            lower(SpikingSequential(layer, LIF(2.0)).double(), events(3, 1, 2, 5, 7))


def test_a_compiled_model_is_the_model() -> None:
    net = lively(nn.Linear(4, 5), LIF(2.0))
    network = lower(torch.compile(net, backend="eager"), events(3, 1, 4))
    assert [p.name for p in network.populations] == ["input", "1"]


def test_modes_and_methods_are_put_back() -> None:
    net = lively(nn.Linear(4, 5), nn.BatchNorm1d(5), ILIF(2))
    net.train()
    lower(net, events(3, 1, 4))
    assert net.training
    assert net[1].training
    assert all("forward" not in vars(part) for part in net.modules())
