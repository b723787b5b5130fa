"""Tiny networks with random spikes, that the tests of counts share."""

import numpy as np
import torch

from neurospike.hw.network import Network, Population, Projection, Shortcut, Space
from neurospike.hw.neuron_models import ILIFModel, LIFModel, Membrane, ReadoutModel, Source
from neurospike.hw.pairs import pairs_of
from neurospike.hw.placement import Mesh, Placement
from neurospike.hw.sites import active_sets, site_count
from neurospike.hw.wiring import (
    Level,
    Pointwise,
    Pooled,
    Submanifold,
    Taps,
    Transposed,
    Whole,
    Window,
)
from neurospike.sparse import VoxelTensor

LIF = LIFModel(decay=0.5, threshold=1.0)
ILIF = ILIFModel(max_spikes=3)


def weight(*shape):
    return np.random.default_rng(0).normal(size=shape)


def window(kernel=3, stride=1, padding=0, dilation=1, axes=2):
    return Window((kernel,) * axes, (stride,) * axes, (padding,) * axes, (dilation,) * axes)


def dense_net():
    """Convolutions, one with groups and one strided, pooling, a linear layer and a recurrence."""
    return Network(
        (
            Population("in", Space(2, (6, 5)), Source()),
            Population("a", Space(4, (6, 5)), ILIF, bias=np.array([0.0, 1.0, 0.0, 2.0])),
            Population("b", Space(4, (3, 3)), LIF, bias=np.ones((9, 4))),
            Population("c", Space(5), LIF),
            Population("out", Space(3), ReadoutModel(decay=0.5)),
        ),
        (
            Projection("conv", "in", "a", window(padding=1), weight(2, 9, 4), kind="conv"),
            Projection("deep", "a", "b", window(stride=2, padding=1), weight(4, 9, 1), groups=4),
            Projection("fc", "b", "c", Pooled((2, 2), Whole()), weight(4, 1, 5)),
            Projection(
                "back", "c", "c", Taps(2), weight(5, 2, 5), delay=np.ones((5, 2, 5), np.int32)
            ),
            Projection(
                "more", "c", "c", Pointwise(), weight(5, 1, 5), delay=np.ones((5, 1, 5), np.int32)
            ),
            Projection("read", "c", "out", Pointwise(), weight(5, 1, 3)),
        ),
    )


def cloud(voxels=30, edge=6, seed=0, channels=2):
    g = torch.Generator().manual_seed(seed)
    rows = torch.unique(torch.randint(0, edge, (voxels, 3), generator=g), dim=0).int()
    coords = torch.cat([torch.zeros(len(rows), 1, dtype=torch.int32), rows], 1)
    return VoxelTensor(coords, torch.ones(len(rows), channels), (edge,) * 3, 1)


def voxel_net(edge=6):
    """A real stem, a strided step down, submanifold layers, a shortcut and an inverse step up."""
    down = window(2, 2, 0, 1, 3)
    half = edge // 2
    return Network(
        (
            Population("in", Space(2, (edge,) * 3, 0), Source(real=True)),
            Population("stem", Space(4, (edge,) * 3, 0), ILIF, bias=np.ones(4)),
            Population("down", Space(3, (half,) * 3, 1), ILIF),
            Population("same", Space(3, (half,) * 3, 1), ILIF),
            Population("sum", Space(3, (half,) * 3, 1), Membrane()),
            Population("up", Space(2, (edge,) * 3, 0), LIF),
        ),
        (
            Projection(
                "first", "in", "stem", Submanifold((3, 3, 3), (1, 1, 1)), weight(2, 27, 4),
                once=True,
            ),
            Projection("step", "stem", "down", down, weight(4, 8, 3)),
            Projection(
                "sub", "down", "same", Submanifold((3, 3, 3), (1, 1, 1)), weight(3, 27, 1), groups=3
            ),
            Projection("point", "same", "sum", Pointwise(), weight(3, 1, 3)),
            Projection("inverse", "same", "up", Transposed(down), weight(3, 8, 2)),
        ),
        (Shortcut("skip", "down", "sum"),),
        levels=(Level((edge,) * 3), Level((half,) * 3, 0, down)),
        layout="voxels",
    )  # fmt: skip


class Case:
    """A network, the voxels of a sample, and random spikes of every population."""

    def __init__(self, network, x=None, steps=3, seed=0, density=0.3):
        rng = np.random.default_rng(seed)
        self.network, self.x = network, x
        self.sets = active_sets(network, x) if x is not None else []
        self.pairs = {p.name: pairs_of(p, network, self.sets) for p in network.projections}
        self.spikes, self.active = {}, {}
        for population in network.populations:
            space = population.space
            shape = (steps + population.extra_steps, site_count(space, self.sets) * space.channels)
            most = population.neuron.max_spikes if isinstance(population.neuron, ILIFModel) else 1
            if isinstance(population.neuron, Source) and not population.neuron.real:
                most = 4  # more than the depth of the rows
            values = rng.integers(1, most + 1, shape) * (rng.random(shape) < density)
            if isinstance(population.neuron, Source) and population.neuron.real:
                values = values * rng.normal(size=shape)
            self.spikes[population.name] = values
            self.active[population.name] = rng.random(shape) < 0.5

    def placement(self, cores=11, mesh=None, style="compact", seed=0, host=True):
        """Every neuron in a random core."""
        rng = np.random.default_rng(seed)
        core = {
            p.name: rng.integers(0, cores, self.spikes[p.name].shape[1]).astype(np.int32)
            for p in self.network.populations
            if host or not isinstance(p.neuron, Source)
        }
        return Placement(core, cores, mesh or Mesh(2, 2, 1), style=style)
