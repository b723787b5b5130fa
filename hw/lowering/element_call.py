"""What a rule can make of a call whose numbers stay in their places, or are pooled."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurospike.hw.lowering import reading
from neurospike.hw.lowering.builder import Builder
from neurospike.hw.lowering.labels import LabelStore
from neurospike.hw.lowering.nodes import Columns, Current, Floats, Labels, Node, Reduced, Sent
from neurospike.hw.lowering.registry import TABLE, unlowered, unruled
from neurospike.hw.network import Space
from neurospike.hw.neuron_models import NeuronModel
from neurospike.sparse import VoxelTensor


class ElementCall:
    """One call of a layer; ``LayerCall`` adds the synapses.

    Attributes
    ----------
    layer
        The module that was called.
    path
        Where it is in the model; names what it becomes.
    args, kwargs
        What it was called with.
    output
        What it returned.
    where
        The layer in words, for errors.
    """

    def __init__(
        self,
        builder: Builder,
        store: LabelStore,
        *,
        layer: nn.Module,
        path: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        output: Any,
    ) -> None:
        self.builder = builder
        self.store = store
        self.layer = layer
        self.path = path or type(layer).__name__.lower()
        self.args = args
        self.kwargs = kwargs
        self.output = output
        self.where = f"'{type(layer).__name__}' at {path or 'the root'}"

    @property
    def input(self) -> Any:
        """The first input, a tensor or a VoxelTensor."""
        return self.args[0] if self.args else next(iter(self.kwargs.values()))

    def labels(self) -> Labels:
        """The labels of the first input, in its shape."""
        values = self.input.features if isinstance(self.input, VoxelTensor) else self.input
        if not isinstance(values, Tensor):
            raise unlowered(self.where, f"reads {type(values).__name__}, not a tensor")
        found: Labels = self.store.of(values).numpy()
        return found

    def refuse(self, because: str) -> Exception:
        """The error that says why this call cannot be lowered."""
        return unlowered(self.where, because)

    def delegate(self, layer: nn.Module, name: str) -> Labels:
        """What the rule of a layer inside this one makes of the same input."""
        rule = TABLE.find(layer)
        path = f"{self.path}.{name}"
        if rule is None:
            raise unruled(layer, path)
        inner = type(self)(
            self.builder,
            self.store,
            layer=layer,
            path=path,
            args=self.args,
            kwargs=self.kwargs,
            output=self.output,
        )
        labels: Labels = rule(inner)
        return labels

    # Layers that keep every number in its place

    def unchanged(self) -> Labels:
        """The output is the input; it may have another shape."""
        return self.labels()

    def fire(self, neuron: NeuronModel) -> Labels:
        """Neurons in the place of every number: one population, named by the path."""
        current, number, shape = self._current()
        steps = shape[0] if isinstance(self.input, Tensor) or len(shape) == 3 else 1
        if steps != len(number):
            raise self.refuse("is a neuron whose input does not have time as its first axis")
        sent = self.builder.integrate(current, neuron, self.path)
        return placed(sent, number, shape)

    def fire_on(self, labels: Labels, neuron: NeuronModel) -> Labels:
        """Neurons behind what another method returned."""
        current = self.builder.node_of(labels, self.where)
        if not isinstance(current, Current):
            raise self.refuse("puts neurons behind what is no current")
        number, _ = reading.block(current, labels, self.where)
        return placed(self.builder.integrate(current, neuron, self.path), number, labels.shape)

    def channelwise(self, value: Any, *, axis: int = -1) -> Floats:
        """(channels,) of a parameter with one number for every place along an axis of the input."""
        current, number, shape = self._current()
        spread = self._spread(value, shape, axis, number, current)
        if (spread != spread[:1]).any():
            raise self.refuse("has neurons of one channel with other parameters at other sites")
        first: Floats = spread[0]
        return first

    def scale(self, factor: Any, bias: Any = None, *, axis: int | None = None) -> Labels:
        """The output is factor * input + bias.

        ``factor`` and ``bias`` are numbers or tensors that broadcast to the input, or with ``axis``
        one number for every place along that axis.
        """
        current, number, shape = self._current()
        spread = [
            None if value is None else self._spread(value, shape, axis, number, current)
            for value in (factor, bias)
        ]
        factors, biases = spread
        if factors is None or (factors != factors[:1]).any():
            raise self.refuse("scales the sites of a channel differently; its weights are shared")
        if biases is not None and (biases == biases[:1]).all():
            biases = biases[0]
        if biases is not None and biases.ndim == 2 and current.space.level is not None:
            raise self.refuse("adds other numbers to other voxels of a channel")
        scaled = self.builder.scaled(current, factors[0], biases, self.path, self.where)
        return placed(scaled, number, shape)

    def _current(self) -> tuple[Current, Labels, tuple[int, ...]]:
        """The input as a current, (steps, numbers) of its places, and its shape."""
        labels = self.labels()
        node = self.pooled_mean(self.builder.node_of(labels, self.where))
        number, once = reading.block(node, labels, self.where)
        current = self.builder.current(node, self.path, self.where)
        if once:
            current = self.builder.held(current, len(number))
        return current, number, labels.shape

    def _spread(
        self, value: Any, shape: tuple[int, ...], axis: int | None, number: Labels, current: Current
    ) -> Floats:
        """(sites, channels) of a value that broadcasts to the input, the same at every step."""
        array = floats(value)
        if axis is not None:
            array = array.reshape([-1 if a == axis % len(shape) else 1 for a in range(len(shape))])
        rows = np.broadcast_to(array, shape).reshape(number.shape)
        if (rows != rows[:1]).any():
            raise self.refuse("computes with constants that change from step to step")
        out = np.empty(current.per_step)
        out[number[0]] = rows[0]
        return out.reshape(current.sites, current.channels)

    def pooled_mean(self, node: Node) -> Node:
        """A mean over all of a dense grid is a pooling with a window as large as the grid."""
        if not isinstance(node, Reduced) or node.over_sites is None or node.over_time is not None:
            return node
        inner = node.of
        if inner.space.level is not None:
            return node
        found = self.pooled(inner, inner.space.shape, mean=node.over_sites == "mean")
        found.base = node.base
        return found

    # Pooling

    def pool(self, window: tuple[int, ...]) -> Labels:
        """The output is the mean over windows that do not overlap, on a dense grid."""
        labels = self.labels()
        axes = len(window)
        grid = labels.reshape(-1, *labels.shape[-1 - axes :])
        parts = reading.grid_rows(self.builder, grid, self.where)
        out = np.empty((*grid.shape[:2], math.prod(self.output.shape[-axes:])), np.int64)
        for part in parts:
            found = np.moveaxis(self.pooled(part.node, window, mean=True).labels(), 2, 1)
            out[:, part.columns] = found[:, part.numbers]
        return out

    def pooled(self, node: Node, window: tuple[int, ...], *, mean: bool) -> Sent:
        """What windows without overlap make of a node on a dense grid."""
        sent = self.builder.sent(node, f"{self.path}.membrane", self.where)
        if isinstance(sent, Columns):
            raise sent.misread()
        coarse = tuple(edge // w for edge, w in zip(sent.space.shape, window, strict=True))
        before = sent.window or (1,) * len(window)
        return self.builder.like(
            sent,
            Sent,
            sites=math.prod(coarse),
            space=Space(sent.channels, coarse),
            population=sent.population,
            window=tuple(a * b for a, b in zip(before, window, strict=True)),
            factor=sent.factor / (math.prod(window) if mean else 1),
        )


def floats(value: Any) -> Floats:
    """Numbers as float64."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", torch.float64).numpy()
    return np.asarray(value, dtype=np.float64)


def whole(value: Any) -> NDArray[np.int32]:
    """Delays as integers."""
    return np.rint(floats(value)).astype(np.int32)


def placed(node: Node, number: Labels, shape: tuple[int, ...]) -> Labels:
    """Labels of a node laid out as another block of the same places was."""
    steps = np.arange(len(number))[:, None] * node.per_step
    return (node.base + steps + number).reshape(shape)
