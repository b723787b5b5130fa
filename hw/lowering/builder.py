"""The network as it grows: nodes, populations, projections, and levels of voxels."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from neurospike.hw.lowering.labels import ZERO
from neurospike.hw.lowering.nodes import (
    Current,
    Floats,
    Labels,
    Node,
    Sent,
    Synapses,
    added,
)
from neurospike.hw.lowering.registry import unlowered
from neurospike.hw.network import Population, Projection, Shortcut, Space
from neurospike.hw.neuron_models import (
    ILIFModel,
    Membrane,
    NeuronModel,
    Source,
    fires,
)
from neurospike.hw.wiring import Level, Pointwise, Window
from neurospike.sparse import ActiveSet

N = TypeVar("N", bound=Node)


class Builder:
    """Collects what the rules find."""

    def __init__(self) -> None:
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.shortcuts: list[Shortcut] = []
        self.levels: list[Level] = []
        self.sets: list[ActiveSet] = []
        self.steps = 1
        self._nodes: list[Node] = []
        self._bases: list[int] = []
        self._next = 0
        self._names: set[str] = set()

    # Names

    def claim(self, name: str) -> str:
        """A name for a population, projection or shortcut that no other one has."""
        found, again = name, 1
        while found in self._names:
            again += 1
            found = f"{name}#{again}"
        self._names.add(found)
        return found

    # Nodes

    def add(self, kind: type[N], *, steps: int, sites: int, space: Space, **fields: Any) -> N:
        """A new node, with labels of its own."""
        extra = fields.pop("extra", 0)
        node = kind(self._next, steps, extra, sites, space, **fields)
        self._nodes.append(node)
        self._bases.append(node.base)
        self._next += max(node.size, 1)
        return node

    def like(self, node: Node, kind: type[N], **fields: Any) -> N:
        """A new node of the same steps and sites."""
        shape = {"steps": node.steps, "extra": node.extra, "sites": node.sites, "space": node.space}
        return self.add(kind, **{**shape, **fields})

    def node_of(self, labels: Labels, where: str) -> Node:
        """The one node that all labels belong to."""
        if labels.size == 0:
            raise unlowered(where, "reads nothing: the example is empty. Give one with content.")
        low, high = int(labels.min()), int(labels.max())
        if low < 0:
            raise unlowered(
                where,
                "reads numbers of unknown origin, or a mixture with constants. Give the function "
                "that made them a layer of its own, with a rule.",
            )
        node = self._nodes[bisect.bisect_right(self._bases, low) - 1]
        if high >= node.base + node.size:
            raise unlowered(where, "reads a mixture of several layers' outputs")
        return node

    def nodes_in(self, labels: Labels) -> list[Node]:
        """The nodes that labels belong to, constants aside."""
        at = np.unique(np.searchsorted(self._bases, labels[labels > ZERO], side="right"))
        return [self._nodes[int(index) - 1] for index in at]

    # Levels of voxels

    def level_of(self, active: ActiveSet, where: str) -> int:
        """The level that a set of voxels is; the input's is fixed when a layer first meets it."""
        for index, known in enumerate(self.sets):
            if known is active or known.same_voxels(active):
                return index
        if self.sets:
            raise unlowered(
                where,
                f"meets {len(active)} voxels on a grid of {active.spatial_shape}, which neither "
                "the input nor a sparse convolution made",
            )
        self.levels.append(Level(active.spatial_shape))
        self.sets.append(active)
        self.populations[0] = replace(
            self.populations[0],
            space=replace(self.populations[0].space, shape=active.spatial_shape, level=0),
        )
        return 0

    def level_after(self, parent: int, window: Window, active: ActiveSet) -> int:
        """The level that a strided window makes of another one."""
        for index, level in enumerate(self.levels):
            if level.parent == parent and level.window == window:
                return index
        self.levels.append(Level(active.spatial_shape, parent, window))
        self.sets.append(active)
        return len(self.levels) - 1

    # Populations

    def require_binary(self, name: str) -> None:
        """If it is a source, have it refuse spikes of more than 1; neurons send no others."""
        for index, found in enumerate(self.populations):
            if found.name == name and isinstance(found.neuron, Source):
                self.populations[index] = replace(found, neuron=replace(found.neuron, binary=True))

    def integrate(self, current: Current, neuron: NeuronModel, path: str) -> Sent:
        """A population that reads a current; the first one to do so owns it."""
        name = self.claim(path)
        bias = self._connect(current, name)
        if current.owner is None:
            current.owner = name
        space = current.space
        if bias is not None and bias.ndim == 2 and (bias == bias[:1]).all():
            bias = bias[0]
        self.populations.append(Population(name, space, neuron, bias, current.extra))
        self.steps = max(self.steps, current.steps - current.extra)
        most = None
        if fires(neuron):
            most = neuron.max_spikes if isinstance(neuron, ILIFModel) else 1
        return self.like(current, Sent, population=name, most=most)

    def _connect(self, current: Current, target: str) -> Floats | None:
        """Synapses and shortcuts of a current into a population; its bias comes back."""
        if current.owner is not None:
            name = self.claim(f"{current.owner}->{target}")
            self.shortcuts.append(Shortcut(name, current.owner, target))
            return None
        bias = current.bias
        for part in current.parts:
            if isinstance(part, Current):
                bias = added(bias, self._connect(part, target))
            else:
                self.connect(part, target)
        return bias

    def connect(self, synapses: Synapses, target: str) -> None:
        """A projection into a population that is there, or about to be."""
        s = synapses
        self.projections.append(
            Projection(
                self.claim(s.name), s.source, target, s.wiring, s.weight, s.groups, s.delay, s.kind,
                s.once,
            )
        )  # fmt: skip

    def feed_back(self, synapses: Synapses, population: str) -> None:
        """Synapses into a population from itself: its current is no one else's from now on."""
        self.connect(synapses, population)
        for node in self._nodes:
            if isinstance(node, Current) and node.owner == population:
                node.owner = None

    def sent(self, node: Node, path: str, where: str) -> Sent:
        """A node as something that a population sends: a current needs one that adds nothing."""
        if isinstance(node, Sent):
            return node
        if not isinstance(node, Current):
            raise unlowered(
                where, "reads a mean or a sum over voxels or time, which is for the host"
            )
        if node.value is None:
            node.value = self.integrate(node, Membrane(), path)
        return node.value

    def current(self, node: Node, path: str, where: str) -> Current:
        """A node as a current: spikes reach each neuron through a synapse of its own."""
        if isinstance(node, Current):
            return node
        if not isinstance(node, Sent):
            raise unlowered(
                where, "reads a mean or a sum over voxels or time, which is for the host"
            )
        return self.like(node, Current, parts=(self.one_to_one(node, path),))

    def one_to_one(self, sent: Sent, path: str, factor: Floats | None = None) -> Synapses:
        """Every neuron to the one in its place."""
        channels = sent.channels
        factor = np.ones(channels) if factor is None else factor
        return Synapses(
            f"{path}.in",
            sent.population,
            sent.wired(Pointwise()),
            (sent.factor * factor).reshape(channels, 1, 1),
            groups=channels,
            kind="conv" if sent.sites > 1 or sent.space.level is not None else "sparse",
        )

    def held(self, current: Current, steps: int) -> Current:
        """The current of the first step, kept up for all steps."""
        parts, bias = current.flat()
        return self.like(
            current, Current, steps=steps, parts=tuple(replace(p, once=True) for p in parts),
            bias=bias,
        )  # fmt: skip

    def scaled(
        self, current: Current, factor: Floats, bias: Floats | None, path: str, where: str
    ) -> Current:
        """factor * current + bias; factor (channels,)."""
        if (factor == 1).all():
            return self.like(current, Current, parts=(current,), bias=bias)
        if current.owned():
            # Its synapses are in use by another population: read the sum, and scale that.
            sent = self.sent(current, f"{path}.membrane", where)
            parts: Sequence[Synapses] = (self.one_to_one(sent, path, factor),)
            own = None
        else:
            flat, own = current.flat()
            parts = [part.scaled(factor) for part in flat]
        own = None if own is None else own * factor
        return self.like(current, Current, parts=tuple(parts), bias=added(own, bias))
