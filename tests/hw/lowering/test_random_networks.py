"""Random graphs of layers, lowered: the loop and the emulator both give torch's output."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from neurospike.hw import emulate, lower
from neurospike.nn import LIF, DelayLinear, RecurrentDelay
from tests.hw.lowering.loop import run
from tests.hw.lowering.test_delays import rounded
from tests.hw.lowering.test_grids import NEURONS, events


class Graph(nn.Module):
    """Every operation reads one or two of the values before it; the last value is the output."""

    def __init__(self, draw: random.Random, features: int) -> None:
        super().__init__()
        self.plan, self.layers = [], nn.ModuleList()
        widths = [features]
        for _ in range(draw.randint(2, 8)):
            kind = draw.choice(
                ["linear", "neuron", "sum", "joined", "norm", "loop", "delay", "twice"]
            )
            a, b = draw.randrange(len(widths)), draw.randrange(len(widths))
            if kind == "sum":
                b = draw.choice([i for i, width in enumerate(widths) if width == widths[a]])
            layer, width = self._layer(draw, kind, widths[a], widths[b])
            self.plan.append((kind, a, b))
            self.layers.append(layer)
            widths.append(width)

    def _layer(self, draw, kind, width, other):
        out = draw.randint(2, 6)
        if kind == "linear":
            return nn.Linear(width, out), out
        if kind == "joined":
            return nn.Linear(width + other, out), out
        if kind == "delay":
            per = draw.choice(["axon", "synapse", "dendrite"])
            return DelayLinear(width, out, 4, draw.choice([1, 2]), per=per), out
        if kind == "loop":
            return RecurrentDelay(LIF(2.0, 0.5), width, 3), width
        if kind == "neuron":
            return NEURONS[draw.choice(list(NEURONS))](width), width
        return nn.BatchNorm1d(width) if kind == "norm" else nn.Identity(), width

    def forward(self, x):
        values = [x]
        for (kind, a, b), layer in zip(self.plan, self.layers, strict=True):
            if kind == "sum":
                y = values[a] - 0.7 * values[b]
            elif kind == "joined":
                y = layer(torch.cat([values[a], values[b]], -1))
            elif kind == "norm":
                y = layer(values[a].flatten(0, 1)).reshape(values[a].shape)
            else:
                y = 2.0 * values[a] if kind == "twice" else layer(values[a])
            values.append(y)
        return values[-1]


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(seed: int) -> None:
    draw = random.Random(seed)
    torch.manual_seed(seed)
    features = draw.randint(2, 5)
    model = rounded(Graph(draw, features))
    x = events(9, 1, features, seed=seed)
    network = lower(model, x, layout="sequence")
    expected = model(x)[:, 0].detach().numpy()
    name = network.output.population
    np.testing.assert_allclose(run(network, x)[name][:, 0], expected, atol=1e-9)
    emulated = np.asarray(emulate(network, x).spikes[name]).reshape(expected.shape)
    np.testing.assert_allclose(emulated, expected, atol=1e-9)
