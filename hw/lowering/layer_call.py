"""One call of a layer in the watched pass, and what a rule can make of it."""

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
from neurospike.hw.lowering.nodes import Current, Floats, Labels, Node, Reduced, Sent, Synapses
from neurospike.hw.lowering.registry import TABLE, unlowered, unruled
from neurospike.hw.network import Space
from neurospike.hw.neuron_models import NeuronModel
from neurospike.hw.wiring import Pointwise, Taps, Whole, Wiring
from neurospike.sparse import VoxelTensor


class LayerCall:
    """One call of a layer, as a rule sees it.

    A rule returns what one of these methods returns: the labels of the layer's output.

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
        inner = LayerCall(
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
        return _placed(sent, number, shape)

    def fire_on(self, labels: Labels, neuron: NeuronModel) -> Labels:
        """Neurons behind what another method returned."""
        current = self.builder.node_of(labels, self.where)
        if not isinstance(current, Current):
            raise self.refuse("puts neurons behind what is no current")
        number, _ = reading.block(current, labels, self.where)
        return _placed(self.builder.integrate(current, neuron, self.path), number, labels.shape)

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
        return _placed(scaled, number, shape)

    def _current(self) -> tuple[Current, Labels, tuple[int, ...]]:
        """The input as a current, (steps, numbers) of its places, and its shape."""
        labels = self.labels()
        node = self._dense_mean(self.builder.node_of(labels, self.where))
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

    # Layers of synapses

    def linear(self, weight: Any, bias: Any = None, *, delay: Any = None, tail: int = 0) -> Labels:
        """The output is weight @ input + bias, over the last axis.

        ``weight`` is (out, in), or with delays (out, in, taps), ``delay`` of its shape in whole
        steps; ``tail`` is how many steps the output is longer.
        """
        w = floats(weight)
        w = w[:, :, None] if w.ndim == 2 else w
        late = None if delay is None else np.broadcast_to(whole(delay).reshape(w.shape), w.shape)
        labels = self.labels()
        rows = labels.reshape(-1, labels.shape[-1])
        if delay is None and self._meets_sites(rows):
            return self.rows(np.ascontiguousarray(w.transpose(1, 2, 0)), Pointwise(), bias)
        rows, behind = reading.trimmed(rows)
        synapses: list[Synapses] = []
        extra = 0
        for part in reading.flat_rows(self.builder, rows, self.where):
            node = self._dense_mean(part.node)
            sent = self.builder.sent(node, f"{self.path}.membrane", self.where)
            synapses += self._dense(sent, part, w[:, part.columns], late)
            extra = sent.extra
        current = self.builder.add(
            Current,
            steps=len(rows) + behind + tail,
            extra=extra + behind + tail,
            sites=1,
            space=Space(len(w)),
            parts=tuple(synapses),
            bias=None if bias is None else floats(bias),
        )
        return current.labels()

    def _meets_sites(self, rows: Labels) -> bool:
        """Whether the last axis is the channels of a site rather than a whole step."""
        nodes = [self._dense_mean(node) for node in self.builder.nodes_in(rows[:1])]
        if any(isinstance(node, Reduced) for node in nodes):
            return True
        one_site = rows.shape[1] <= sum(node.channels for node in nodes)
        return one_site and any(n.sites > 1 or n.space.level is not None for n in nodes)

    def _dense_mean(self, node: Node) -> Node:
        """A mean over all of a dense grid is a pooling with a window as large as the grid."""
        if not isinstance(node, Reduced) or node.over_sites is None or node.over_time is not None:
            return node
        inner = node.of
        if inner.space.level is not None:
            return node
        found = self.pooled(inner, inner.space.shape, mean=node.over_sites == "mean")
        found.base = node.base
        return found

    def _dense(
        self, sent: Sent, part: reading.Part, weight: Floats, delay: NDArray[np.int32] | None
    ) -> list[Synapses]:
        """Synapses of every neuron to one site: weight (out, columns, taps)."""
        site, channel = np.divmod(part.numbers, sent.channels)
        taps = weight.shape[2]
        late = None if delay is None else delay[:, part.columns].transpose(1, 2, 0)
        value = weight.transpose(1, 2, 0) * sent.factor
        if sent.space.shape == ():
            # One site needs no address, so that its taps can be the delays.
            shape = (sent.channels, taps, len(weight))
            found = [(self._filled(shape, channel, value), self._filled(shape, channel, late))]
            wiring: Wiring = Taps(taps) if taps > 1 else Whole()
        else:
            shape, at = (sent.channels, sent.sites, len(weight)), (channel, site)
            found = [
                (
                    self._filled(shape, at, value[:, tap]),
                    self._filled(shape, at, None if late is None else late[:, tap]),
                )
                for tap in range(taps)
            ]
            wiring = Whole()
        return [
            Synapses(
                self.path if tap == 0 else f"{self.path}.tap{tap}",
                sent.population,
                sent.wired(wiring),
                weights,
                delay=delays,
                once=part.once,
            )
            for tap, (weights, delays) in enumerate(found)
        ]

    def _filled(self, shape: tuple[int, ...], at: Any, values: Any) -> Any:
        """Values put where neurons are; weights of one that is read twice are summed."""
        if values is None:
            return None
        full = np.zeros(shape, values.dtype)
        keys = at if not isinstance(at, tuple) else at[0] * shape[1] + at[1]
        if len(np.unique(keys)) == len(keys):
            full[at] = values
        elif values.dtype == np.int32:
            raise self.refuse("reads one neuron twice, with delays")
        else:
            np.add.at(full, at, values)
        return full

    def rows(
        self,
        weight: Floats,
        wiring: Wiring,
        bias: Any = None,
        *,
        space: Space | None = None,
        sites: int | None = None,
    ) -> Labels:
        """Synapses between sites whose channels are the input's last axis.

        ``weight`` is (C_in, taps, C_out); ``space`` and ``sites`` are the target's, the source's
        own unless given.
        """
        labels = self.labels()
        rows = labels.reshape(-1, labels.shape[-1])
        parts = reading.site_rows(self.builder, rows, self.where)
        if len(parts) == 1 and isinstance(parts[0].node, Reduced):
            return self._rows_of_mean(parts[0], weight, bias)
        synapses = []
        steps = extra = 0
        target = space
        for part in parts:
            sent = self.builder.sent(part.node, f"{self.path}.membrane", self.where)
            full = np.zeros((sent.channels, *weight.shape[1:]))
            np.add.at(full, part.numbers, weight[part.columns] * sent.factor)
            steps, extra = len(rows) // max(sent.sites, 1), sent.extra
            synapses.append(
                Synapses(
                    self.path, sent.population, sent.wired(wiring), full, kind="conv",
                    once=part.once,
                )
            )  # fmt: skip
            if target is None:
                target = Space(weight.shape[2], sent.space.shape, sent.space.level)
                sites = sent.sites
        current = self.builder.add(
            Current,
            steps=steps,
            extra=extra,
            sites=sites or 0,
            space=target or Space(weight.shape[2]),
            parts=tuple(synapses),
            bias=None if bias is None else floats(bias),
        )
        return current.labels()

    def _rows_of_mean(self, part: reading.Part, weight: Floats, bias: Any) -> Labels:
        """A linear layer of a mean is the mean of the linear layer."""
        mean = part.node
        if not isinstance(mean, Reduced) or part.once or not isinstance(mean.of, (Sent, Current)):
            raise self.refuse("repeats a mean in time")
        if bias is not None and "sum" in (mean.over_sites, mean.over_time):
            raise self.refuse("adds a bias to a sum over voxels or time, which is for the host")
        inner = mean.of
        sent = self.builder.sent(inner, f"{self.path}.membrane", self.where)
        full = np.zeros((sent.channels, *weight.shape[1:]))
        np.add.at(full, part.numbers, weight[part.columns] * sent.factor)
        space = Space(weight.shape[2], sent.space.shape, sent.space.level)
        synapses = Synapses(self.path, sent.population, sent.wired(Pointwise()), full, kind="conv")
        current = self.builder.like(
            sent, Current, space=space, parts=(synapses,),
            bias=None if bias is None else floats(bias),
        )  # fmt: skip
        out = self.builder.like(
            mean, Reduced, space=Space(weight.shape[2]), of=current,
            over_sites=mean.over_sites, over_time=mean.over_time,
        )  # fmt: skip
        return out.labels()

    def window(
        self,
        weight: Floats,
        wiring: Wiring,
        bias: Any = None,
        *,
        groups: int = 1,
        delay: NDArray[np.int32] | None = None,
        tail: int = 0,
        name: str = "",
    ) -> Labels:
        """Synapses of a window on a dense grid, from (..., C, *space) to (..., C_out, *space).

        ``weight`` is (C_in, taps, C_out / groups), ``delay`` of its shape. The grid of the target
        is that of the output.
        """
        axes = len(shape_of_window(wiring))
        labels = self.labels()
        grid = labels.reshape(-1, *labels.shape[-1 - axes :])
        grid, behind = reading.trimmed(grid)
        parts, _ = reading.grid_rows(self.builder, grid, self.where)
        synapses = []
        extra = 0
        for part in parts:
            sent = self.builder.sent(part.node, f"{self.path}.membrane", self.where)
            full, late = self._channels(part, sent, weight, delay, groups)
            synapses.append(
                Synapses(
                    name or self.path, sent.population, sent.wired(wiring), full * sent.factor,
                    groups, late, "conv", part.once,
                )
            )  # fmt: skip
            extra = sent.extra
        out = tuple(self.output.shape[-axes:])
        current = self.builder.add(
            Current,
            steps=len(grid) + behind + tail,
            extra=extra + behind + tail,
            sites=math.prod(out),
            space=Space(weight.shape[2] * groups, out),
            parts=tuple(synapses),
            bias=None if bias is None else floats(bias),
        )
        return np.moveaxis(current.labels(), 2, 1)

    def _channels(
        self,
        part: reading.Part,
        sent: Sent,
        weight: Floats,
        delay: NDArray[np.int32] | None,
        groups: int,
    ) -> tuple[Floats, NDArray[np.int32] | None]:
        """The rows of the weights in the order of the source's channels."""
        plain = len(weight) == sent.channels and (part.numbers == np.arange(sent.channels)).all()
        if plain and (part.columns == np.arange(sent.channels)).all():
            return weight, delay
        if groups > 1 or delay is not None:
            raise self.refuse("has groups or delays, and reads channels in another order")
        full = np.zeros((sent.channels, *weight.shape[1:]))
        np.add.at(full, part.numbers, weight[part.columns])
        return full, None

    # Pooling

    def pool(self, window: tuple[int, ...]) -> Labels:
        """The output is the mean over windows that do not overlap, on a dense grid."""
        labels = self.labels()
        axes = len(window)
        grid = labels.reshape(-1, *labels.shape[-1 - axes :])
        parts, _ = reading.grid_rows(self.builder, grid, self.where)
        out = np.empty((*grid.shape[:2], math.prod(self.output.shape[-axes:])), np.int64)
        for part in parts:
            found = np.moveaxis(self.pooled(part.node, window, mean=True).labels(), 2, 1)
            out[:, part.columns] = found[:, part.numbers]
        return out

    def pooled(self, node: Node, window: tuple[int, ...], *, mean: bool) -> Sent:
        """What windows without overlap make of a node on a dense grid."""
        sent = self.builder.sent(node, f"{self.path}.membrane", self.where)
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


def shape_of_window(wiring: Any) -> tuple[int, ...]:
    """Edges of a window, whichever way it is used."""
    plain = getattr(wiring, "window", wiring)
    kernel: tuple[int, ...] = plain.kernel
    return kernel


def _placed(node: Node, number: Labels, shape: tuple[int, ...]) -> Labels:
    """Labels of a node laid out as another block of the same places was."""
    steps = np.arange(len(number))[:, None] * node.per_step
    return (node.base + steps + number).reshape(shape)
