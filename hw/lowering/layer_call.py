"""One call of a layer in the watched pass, and what a rule can make of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.lowering import reading
from neurospike.hw.lowering.element_call import ElementCall, floats, whole
from neurospike.hw.lowering.nodes import Current, Floats, Labels, Reduced, Sent, Synapses, added
from neurospike.hw.network import Space
from neurospike.hw.wiring import Pointwise, Taps, Whole, Wiring


class LayerCall(ElementCall):
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
            node = self.pooled_mean(part.node)
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
        nodes = [self.pooled_mean(node) for node in self.builder.nodes_in(rows[:1])]
        if any(isinstance(node, Reduced) for node in nodes):
            return True
        one_site = rows.shape[1] <= sum(node.channels for node in nodes)
        return one_site and any(n.sites > 1 or n.space.level is not None for n in nodes)

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
        empty = None if mean.empty is None else mean.empty[part.numbers] @ weight[part.columns, 0]
        out = self.builder.like(
            mean, Reduced, space=Space(weight.shape[2]), of=current, over_sites=mean.over_sites,
            over_time=mean.over_time, empty=added(empty, None if bias is None else floats(bias)),
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
        parts = reading.grid_rows(self.builder, grid, self.where)
        synapses = []
        extra = 0
        for part in parts:
            sent = self.builder.sent(part.node, f"{self.path}.membrane", self.where)
            full, late = self._channels(part, sent, weight, delay, groups)
            synapses.append(
                Synapses(
                    name or self.path, sent.population, sent.wired(wiring),
                    sent.weighed(full * sent.factor, groups), groups, late, "conv", part.once,
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


def shape_of_window(wiring: Any) -> tuple[int, ...]:
    """Edges of a window, whichever way it is used."""
    plain = getattr(wiring, "window", wiring)
    kernel: tuple[int, ...] = plain.kernel
    return kernel
