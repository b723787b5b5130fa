"""Reads and writes are priced however a network is spelt."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neurospike import baselines, hw
from neurospike.hw.machine import access_pj
from neurospike.hw.opponents import conventional
from neurospike.hw.prices import memory_access_pj

from .networks import Relay


def memory(module, *inputs, **counting) -> float:
    """Memory per sample on the machine that all opponents share."""
    return conventional("", module, inputs, counting).memory_pj


def word(numbers: float) -> float:
    """One float32 from a memory of so many."""
    return access_pj(32, 32 * numbers)


class Does(nn.Module):
    """A function beside parameters of its own."""

    def __init__(self, function, *weights) -> None:
        super().__init__()
        self.function = function
        self.start = nn.Identity()
        self.weights = nn.ParameterList(weights)

    def forward(self, *args: Tensor) -> Tensor:
        return self.function(*(self.start(a) for a in args), *self.weights)


class FourLinears(nn.Module):
    """Attention of nn.MultiheadAttention, spelt out."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def heads_of(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v)

    def forward(self, x: Tensor) -> Tensor:
        parts = (self.heads_of(layer(x)) for layer in (self.query, self.key, self.value))
        return self.out(self.mix(*parts).transpose(1, 2).flatten(2))


class Unfused(FourLinears):
    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return (q @ k.transpose(-1, -2)).softmax(-1) @ v


WIDTH, HEADS, TOKENS = 64, 4, 50


@pytest.mark.parametrize("batch", [1, 3])
def test_attention_costs_the_same_in_any_spelling(batch: int) -> None:
    x = torch.rand(batch, TOKENS, WIDTH)
    whole = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    module = conventional("", whole, (x, x, x))
    for spelt in (FourLinears(WIDTH, HEADS), Unfused(WIDTH, HEADS)):
        found = conventional("", spelt, x)
        assert found.operations == module.operations
        assert found.memory_pj == pytest.approx(module.memory_pj, rel=1e-3)
        assert found.arithmetic_pj == pytest.approx(module.arithmetic_pj, rel=1e-3)


def test_attention_by_hand() -> None:
    x = torch.rand(1, TOKENS, WIDTH)
    numbers, scores = TOKENS * WIDTH, HEADS * TOKENS**2
    weights = word(WIDTH**2 + WIDTH)
    projections = 4 * (numbers * WIDTH * (word(numbers) + weights) + numbers * word(numbers))
    mixing = TOKENS * numbers * (3 * word(numbers) + word(scores))
    mixing += scores * word(scores) + numbers * word(numbers)
    assert memory(FourLinears(WIDTH, HEADS), x) == pytest.approx(projections + mixing)


A = torch.rand(2, 6, 9)


def spread(x, w, b):
    return F.conv_transpose1d(x, w, b, stride=2)


LAYERS = [
    (nn.Linear(9, 5), F.linear),
    (nn.Linear(9, 5), lambda x, w, b: x @ w.T + b),
    (nn.Linear(9, 5), lambda x, w, b: torch.einsum("bci,oi->bco", x, w) + b),
    (nn.Conv1d(6, 4, 3), F.conv1d),
    (nn.Conv1d(6, 4, 3, groups=2), lambda x, w, b: F.conv1d(x, w, b, groups=2)),
    (nn.ConvTranspose1d(6, 4, 3, stride=2), spread),
]


@pytest.mark.parametrize(("layer", "function"), LAYERS, ids=lambda v: str(v)[:40])
@pytest.mark.parametrize("spikes", [False, True])
def test_functions_cost_what_their_layers_cost(layer, function, spikes: bool) -> None:
    spelt = Does(function, layer.weight, layer.bias)
    x = (A > 0.5).float() if spikes else A
    module = memory(layer, x, inputs_are_spikes=spikes)
    # A layer's bias lies in the memory of its weights, and is added there as events are; and to
    # Lemaire a spike reaches as many outputs at the border as elsewhere.
    near = 0.4 if spikes else 0.06
    assert memory(spelt, x, inputs_are_spikes=spikes) == pytest.approx(module, rel=near) != 0


def test_functions_without_a_bias_cost_exactly_what_their_layers_cost() -> None:
    for kind, size, function in ((nn.Linear, (9, 5), F.linear), (nn.Conv1d, (6, 4, 3), F.conv1d)):
        layer = kind(*size, bias=False)
        assert memory(Does(function, layer.weight), A) == pytest.approx(memory(layer, A))


BATCHED = {
    "linear": (nn.Linear(9, 5), 1),
    "attention": (nn.MultiheadAttention(9, 3, batch_first=True), 3),
    "norm": (nn.LayerNorm(9), 1),
    "spelt": (Does(lambda x, w: x @ (2 * w) * x.mean(), torch.rand(9, 5)), 1),
    "scaled": (Does(lambda x, w: w * (x @ x.transpose(1, 2)), torch.rand(6)), 1),
    "cast": (Does(lambda x, w: (x.double() @ w).float(), torch.rand(9, 5).double()), 1),
    "spectrum": (Does(lambda x, w: torch.fft.rfft(x) * w, torch.rand(5)), 1),
    "embedded": (Does(lambda x, w: F.embedding((9 * x).long(), w) @ w.T, torch.rand(9, 5)), 1),
}


@pytest.mark.parametrize("name", BATCHED)
def test_a_batch_costs_its_samples(name: str) -> None:
    module, times = BATCHED[name]
    one = memory(module, *times * [A[:1]])
    assert one > 0
    assert memory(module, *times * [A[:1].repeat(4, 1, 1)]) == pytest.approx(one)


class Recurrent(nn.Module):
    """One step of an LSTM from rest, spelt out."""

    def __init__(self, read: int, hidden: int) -> None:
        super().__init__()
        self.read, self.back = nn.Linear(read, 4 * hidden), nn.Linear(hidden, 4 * hidden)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> Tensor:
        i, f, g, o = (self.read(x) + self.back(h)).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh()


def test_recurrent_layers_cost_their_matrices() -> None:
    x, h = torch.rand(2, 40), torch.rand(2, 30)
    spelt = memory(Recurrent(40, 30), x, h, h)
    assert memory(nn.LSTMCell(40, 30), x, (h, h)) == pytest.approx(spelt, rel=0.01)
    assert memory(nn.LSTM(40, 30), x[None], batch_dim=1) == pytest.approx(spelt, rel=0.01)
    for kind in (nn.GRU, nn.RNN, nn.GRUCell, nn.RNNCell):
        shape = x if kind in (nn.GRUCell, nn.RNNCell) else x[:, None]
        assert memory(kind(40, 30), shape) > 0


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_recurrent_layers_scale_with_steps_layers_and_directions() -> None:
    x = torch.rand(5, 2, 40)
    one = memory(nn.LSTM(40, 40), x, batch_dim=1)
    assert one == pytest.approx(5 * memory(nn.LSTM(40, 40), x[:1], batch_dim=1))
    assert memory(nn.LSTM(40, 40, num_layers=2), x, batch_dim=1) == pytest.approx(2 * one)
    both = memory(nn.LSTM(40, 40, bidirectional=True), x, batch_dim=1)
    assert both == pytest.approx(2 * one)
    assert memory(nn.LSTM(40, 40, proj_size=8), x, batch_dim=1) < one


def test_events_into_sequence_layers_are_read_one_by_one() -> None:
    few, many = torch.zeros(1, 5, 8), torch.ones(1, 5, 8)
    few[0, 0, 0] = 1
    for layer in (nn.LSTM(8, 4, batch_first=True), nn.GRU(8, 4, batch_first=True)):
        net = nn.Sequential(Relay(), layer)
        gates = 4 if isinstance(layer, nn.LSTM) else 3
        reached = gates * 4
        sums, weights, inputs = word(5 * gates * 4), word(gates * 4 * (8 + 1)), word(40)
        each = inputs + reached * (weights + 2 * sums)
        assert memory(net, many) - memory(net, few) == pytest.approx(39 * each)


def test_element_wise_products_read_both_factors_and_write() -> None:
    n = A[0].numel()
    gate = Does(lambda x: x * x.mean(1, keepdim=True))
    expected = n * (2 * word(n) + word(9))
    assert memory(gate, A) == pytest.approx(expected)
    # A norm's squares, and its scale: two products a number.
    norm = 2 * n * (word(n) + word(18)) + n * word(n)
    assert memory(nn.LayerNorm(9), A) == pytest.approx(norm)
    assert memory(Does(lambda x: F.layer_norm(x, (9,))), A) == pytest.approx(5 * n * word(n))


def test_additions_activations_and_moves_pay_for_no_memory() -> None:
    free = Does(lambda x: torch.cat([x + x.flip(1), x.relu().softmax(1)]).mean(1).exp())
    assert memory(free, A) == 0
    assert memory(nn.Sequential(nn.AvgPool1d(3), nn.GELU()), A) == 0


def test_complex_numbers_are_two_words() -> None:
    x = torch.complex(A, A)
    layer = nn.Linear(9, 5, bias=False, dtype=torch.complex64)
    ins, weights, outs = 2 * 54, 2 * 45, 2 * 30
    expected = 4 * 54 * 5 * (word(ins) + word(weights)) + outs * word(outs)
    assert memory(layer, x) == pytest.approx(expected)
    assert memory(Does(F.linear, layer.weight), x) == pytest.approx(expected)


def test_both_sides_pay_no_more_than_dram() -> None:
    layer, x = nn.Linear(2880, 2880, bias=False), torch.rand(1, 2880)
    products, dram = 2880**2, 1950 / 2
    assert word(products) == dram
    moved = products * (dram + word(2880)) + 2880 * word(2880)
    assert memory(layer, x) == pytest.approx(moved)
    # The published convention goes on along its last line.
    line = memory_access_pj(4 * products)
    assert line > 1950
    published = hw.count(layer, x, "lemaire").layers[0].memory_pj
    held = memory_access_pj(4 * 2880)
    assert published == pytest.approx(products * (line + held) + 2880 * held)


def test_a_bias_is_stored_once_however_often_it_is_added() -> None:
    conv, x = nn.Conv2d(1, 2, 3), torch.rand(1, 1, 20, 20)
    outputs, products = 2 * 18**2, 2 * 18**2 * 9
    reads = products * (memory_access_pj(4 * 400) + memory_access_pj(4 * 20))
    found = hw.count(conv, x, "lemaire").layers[0].memory_pj
    assert found == pytest.approx(reads + outputs * memory_access_pj(4 * outputs))


@pytest.mark.parametrize("name", ["vit", "convit", "swin", "hornet", "point_transformer"])
def test_every_product_of_a_network_reads(name: str) -> None:
    points = name == "point_transformer"
    model = baselines.create(name, in_channels=3, num_classes=4, image_size=64, size="cpu")
    x = torch.rand(1, 64, 3) if points else torch.rand(1, 3, 64, 64)
    rows = hw.count(model.eval(), x, "lemaire").layers
    assert [row.name for row in rows if row.macs and not row.memory_pj] == []


def test_rules_of_users_read_too_unless_they_say_what() -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * x

    @hw.counts(Twice)
    def twice(call: hw.Call) -> hw.Operations:
        return hw.Operations(macs=call.values.numel())

    n = A[0].numel()
    assert memory(Twice(), A) == pytest.approx(3 * n * word(n))

    @hw.counts(Twice)
    def from_registers(call: hw.Call) -> hw.Operations:
        return hw.Operations(macs=call.values.numel(), accesses=())

    assert memory(Twice(), A) == 0
    for convention in ("exact", "paper", "neurobench"):
        assert hw.count(nn.LayerNorm(9), A, convention).layers[0].memory_pj == 0
