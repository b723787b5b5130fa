"""What the numbers of a forward pass are, while it is watched.

A node is a block of numbers, (steps, sites, channels) for one sample. Every number of every node
has a label of its own: ``base`` + its position in the block. A tensor of the forward pass is
known by the labels of its elements, wherever views, copies and permutations put them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import UnloweredLayerError
from neurospike.hw.lowering.registry import unlowered
from neurospike.hw.network import Kind, Space
from neurospike.hw.wiring import Edges, Pooled, Window, Wiring

Reduction = Literal["mean", "sum"]
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Synapses:
    """A projection whose target is not known yet; fields as in ``Projection``."""

    name: str
    source: str
    wiring: Wiring
    weight: Floats
    groups: int = 1
    delay: NDArray[np.int32] | None = None
    kind: Kind = "dense"
    once: bool = False

    def scaled(self, factor: Floats) -> Synapses:
        """The same with every output channel (C_out,) scaled."""
        inputs = len(self.weight)
        group = np.arange(inputs) * self.groups // max(inputs, 1)
        mine = factor.reshape(self.groups, -1)[group]
        return replace(self, weight=self.weight * mine[:, None, :])


@dataclass(eq=False)
class Node:
    """A block of numbers of one sample.

    Attributes
    ----------
    base
        Label of its first number.
    steps
        Time steps of it in this pass.
    extra
        How many of them lie behind the end of the input.
    sites
        Sites in this pass.
    space
        Where the numbers sit.
    """

    base: int
    steps: int
    extra: int
    sites: int
    space: Space

    @property
    def channels(self) -> int:
        """Numbers of a site."""
        return self.space.channels

    @property
    def per_step(self) -> int:
        """Numbers of a step."""
        return self.sites * self.space.channels

    @property
    def size(self) -> int:
        """All its numbers."""
        return self.steps * self.per_step

    def labels(self) -> Labels:
        """(steps, sites, channels) labels."""
        flat = np.arange(self.base, self.base + self.size, dtype=np.int64)
        return flat.reshape(self.steps, self.sites, self.channels)

    def split(self, labels: Labels) -> tuple[Labels, Labels]:
        """Step and number within the step, site * channels + channel, of labels of this node."""
        if self.per_step == 0:
            return np.zeros_like(labels), np.zeros_like(labels)
        if self.steps == 1:
            return np.broadcast_to(np.int64(0), labels.shape), labels - self.base
        step, number = np.divmod(labels - self.base, self.per_step)
        return step, number


@dataclass(eq=False)
class Sent(Node):
    """What a population sends: spikes or real numbers; possibly pooled.

    Attributes
    ----------
    population
        Which one.
    window
        Sites of the population that a site here is the sum of, or None.
    factor
        What that sum is scaled by.
    most
        Largest value that is sent; None for real numbers.
    """

    population: str = ""
    window: Edges | None = None
    factor: float = 1.0
    most: int | None = None

    def wired(self, then: Wiring) -> Wiring:
        """A wiring from here, as one from the population."""
        return then if self.window is None else Pooled(self.window, then)

    def weighed(self, weight: Floats, _groups: int) -> Floats:
        """Weights (channels, taps, out) of a wiring from here, as those of the population's."""
        return weight


@dataclass(eq=False)
class Columns(Sent):
    """A population on a grid (X, Y, Z), seen from above: channel z * C + c of a site (x, y).

    Attributes
    ----------
    planes
        Edge Z of the population's grid.
    where
        The layer that made it, for errors.
    """

    planes: int = 1
    where: str = ""

    def wired(self, then: Wiring) -> Wiring:
        """A window gets an axis, of as many taps as there are planes."""
        if not isinstance(then, Window):
            raise self.misread()
        return Window(
            (*then.kernel, self.planes), (*then.stride, 1), (*then.padding, 0), (*then.dilation, 1)
        )

    def weighed(self, weight: Floats, groups: int) -> Floats:
        """(Z * C, taps, out) -> (C, taps * Z, out)."""
        if groups != 1:
            raise self.misread()
        _, taps, outputs = weight.shape
        by_plane = weight.reshape(self.planes, -1, taps, outputs).transpose(1, 2, 0, 3)
        return np.ascontiguousarray(by_plane).reshape(-1, taps * self.planes, outputs)

    def misread(self) -> UnloweredLayerError:
        """The error for another reader."""
        return unlowered(
            self.where,
            "turns height into channels, which only a convolution can read, of a single group",
        )


@dataclass(eq=False)
class Current(Node):
    """A sum of synapses, biases and other currents, which no neuron has integrated yet.

    Attributes
    ----------
    parts
        What it is the sum of.
    bias
        (channels,) or (sites, channels), or None.
    owner
        The population whose current this is, once there is one.
    value
        Its numbers as sent by a population that adds nothing, once there is one.
    """

    parts: tuple[Synapses | Current, ...] = ()
    bias: Floats | None = None
    owner: str | None = None
    value: Sent | None = None

    def owned(self) -> bool:
        """Whether it, or any part of it, is the current of a population already."""
        if self.owner is not None:
            return True
        return any(isinstance(part, Current) and part.owned() for part in self.parts)

    def flat(self) -> tuple[tuple[Synapses, ...], Floats | None]:
        """All synapses and the whole bias, whoever owns parts of it."""
        synapses: list[Synapses] = []
        bias = self.bias
        for part in self.parts:
            if isinstance(part, Current):
                inner, more = part.flat()
                synapses += inner
                bias = added(bias, more)
            else:
                synapses.append(part)
        return tuple(synapses), bias


@dataclass(eq=False)
class Reduced(Node):
    """A mean or a sum over all sites or all steps of another node.

    Attributes
    ----------
    of
        The other node, none that is reduced itself.
    over_sites, over_time
        How, or None where that axis is still there.
    empty
        (channels,) what it is of no sites, or None for zeros: layers after the mean that were
        moved before it have given it their biases.
    """

    of: Any = None
    over_sites: Reduction | None = None
    over_time: Reduction | None = None
    empty: Floats | None = None


def added(a: Floats | None, b: Floats | None) -> Floats | None:
    """The sum of two biases, where None is zero."""
    if a is None or b is None:
        return b if a is None else a
    return a + b
