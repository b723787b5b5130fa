"""What a forward computes between layers: moves of numbers, sums, scalings, means."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neurospike.hw.lowering import reading
from neurospike.hw.lowering.builder import Builder
from neurospike.hw.lowering.element_call import floats, placed
from neurospike.hw.lowering.labels import UNKNOWN, ZERO, LabelStore
from neurospike.hw.lowering.layer_call import LayerCall
from neurospike.hw.lowering.nodes import Current, Labels, Node, Reduced, Reduction
from neurospike.hw.network import Space

COPIES = frozenset({"clone", "_to_copy", "lift_fresh", "detach", "alias", "contiguous"})
CONSTANTS = frozenset(
    (
        "zeros_like", "ones_like", "full_like", "empty_like", "new_zeros", "new_ones", "new_full",
        "new_empty", "new_empty_strided",
    )
)  # fmt: skip
"""They take a tensor's shape, not its numbers."""

MOVES = frozenset(
    (
        "cat", "stack", "index", "index_select", "gather", "take", "roll", "flip", "repeat",
        "index_copy", "slice_scatter", "select_scatter", "_unsafe_view", "_reshape_copy",
        "_reshape_alias", "view_copy", "expand_copy", "im2col", "pixel_shuffle", "pixel_unshuffle",
    )
)  # fmt: skip


class FunctionCall(LayerCall):
    """One call of a function between layers, lowered as if it were a layer."""

    def __init__(
        self,
        builder: Builder,
        store: LabelStore,
        *,
        name: str,
        path: str,
        layer: nn.Module,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        output: Any,
    ) -> None:
        super().__init__(
            builder,
            store,
            layer=layer,
            path=f"{path}.{name}".lstrip("."),
            args=args,
            kwargs=kwargs,
            output=output,
        )
        self.where = f"the function '{name}' at {path or 'the root'}"
        self.name = name

    def lowered(self, func: Any) -> Labels | Tensor | None:
        """The labels of the function's output, or None where there is no rule."""
        name, args = self.name, self.args
        if name in COPIES:
            return self.store.of(args[0])
        if name in MOVES:
            moved = func(*_labelled(args, self.store), **_labelled(self.kwargs, self.store))
            return moved if isinstance(moved, Tensor) else None
        if name == "constant_pad_nd":
            fill = ZERO if len(args) < 3 or args[2] == 0 else UNKNOWN
            found: Tensor = func(self.store.of(args[0]), args[1], fill)
            return found
        if name in ("add", "sub"):
            return self._sum(-1.0 if name == "sub" else 1.0)
        if name == "rsub":  # of x and y it is y - alpha * x
            first, second, *alpha = args
            self.args = (second, first)
            self.kwargs = {**self.kwargs, **({"alpha": alpha[0]} if alpha else {})}
            return self._sum(-1.0)
        if name in ("mul", "div"):
            return self._product(inverse=name == "div")
        if name == "neg":
            return self.scale(-1.0)
        if name in ("mean", "sum"):
            return self._reduced("mean" if name == "mean" else "sum")
        return None

    def _sum(self, sign: float) -> Labels:
        a, b = self.args[:2]
        sign *= float(self.kwargs.get("alpha", 1.0))
        knows = [isinstance(x, Tensor) and self.store.knows(x) for x in (a, b)]
        if not all(knows):
            if knows[0]:
                return self.scale(1.0, sign * floats(b))
            self.args = (b,)
            return self.scale(sign, floats(a))
        if a.shape != b.shape:
            raise self.refuse(f"adds tensors of other shapes, {tuple(a.shape)}, {tuple(b.shape)}")
        first, number, shape = self._current()
        self.args = (b,)
        second, other, _ = self._current()
        if sign != 1.0:
            factor = np.full(second.channels, sign)
            second = self.builder.scaled(second, factor, None, self.path, self.where)
        if number.shape != other.shape or (number != other).any() or first.space != second.space:
            raise self.refuse(
                "adds numbers that stand in other places or in another order, of "
                f"{first.space} and {second.space}"
            )
        total = self.builder.like(first, Current, parts=(first, second))
        return placed(total, number, shape)

    def _product(self, *, inverse: bool) -> Labels:
        a, b = self.args[:2]
        knows = [isinstance(x, Tensor) and self.store.knows(x) for x in (a, b)]
        if all(knows) or (inverse and knows[1]):
            raise self.refuse("multiplies or divides by what neurons sent, which synapses do not")
        factor = floats(b if knows[0] else a)
        if not knows[0]:
            self.args = (b,)
        return self.scale(1.0 / factor if inverse else factor)

    def _reduced(self, how: Reduction) -> Labels:
        x = self.args[0]
        given = self.args[1] if len(self.args) > 1 else self.kwargs.get("dim")
        every = list(range(x.ndim))
        axes = every if not given and given != 0 else ([given] if isinstance(given, int) else given)
        axes = [axis % x.ndim for axis in axes]
        labels = self.labels()
        node = self.builder.node_of(labels, self.where)
        step, number = node.split(labels)
        site, channel = np.divmod(number, max(node.channels, 1))
        reading.block(node, labels, self.where)
        changes = {
            "time": _varying(step) or ([0] if node.steps == 1 and x.shape[0] == 1 else []),
            "sites": _varying(site),
            "channels": _varying(channel),
        }
        done = {name: _taken(part, axes) for name, part in changes.items()}
        if done["channels"] or None in done.values():
            raise self.refuse(
                f"takes the {how} over a part of time, space or channels; whole time and whole "
                "space can be taken, by the host"
            )
        keep = tuple(0 if axis in axes else slice(None) for axis in every)
        reduced = reduce(self, node, how, sites=bool(done["sites"]), time=bool(done["time"]))
        step, site = step[keep], site[keep]
        step, site = (
            (np.zeros_like(step) if done["time"] else step),
            (np.zeros_like(site) if done["sites"] else site),
        )
        return reduced.base + (step * reduced.sites + site) * node.channels + channel[keep]


def reduce(call: LayerCall, node: Node, how: Reduction, *, sites: bool, time: bool) -> Node:
    """A mean or a sum over all sites, all steps or both, of a node or of one reduced before."""
    if not sites and not time:
        return node
    over_sites: Reduction | None = how if sites else None
    over_time: Reduction | None = how if time else None
    of, empty = node, None
    if isinstance(node, Reduced):
        of, empty = node.of, node.empty
        over_sites, over_time = over_sites or node.over_sites, over_time or node.over_time
    level = None if sites else node.space.level
    return call.builder.add(
        Reduced,
        steps=1 if time else node.steps,
        extra=0 if time else node.extra,
        sites=1 if sites else node.sites,
        space=Space(node.channels, () if sites else node.space.shape, level),
        of=of,
        over_sites=over_sites,
        over_time=over_time,
        empty=empty,
    )


def _varying(values: Labels) -> list[int]:
    """Axes along which values change."""
    return [
        axis
        for axis in range(values.ndim)
        if values.shape[axis] > 1 and (np.diff(values, axis=axis) != 0).any()
    ]


def _taken(varying: list[int], axes: list[int]) -> bool | None:
    """Whether all axes that vary are among these; None for some of them."""
    inside = [axis in axes for axis in varying]
    if any(inside) and not all(inside):
        return None
    return bool(inside) and all(inside)


def _labelled(value: Any, store: LabelStore) -> Any:
    """Arguments with labels in the place of numbers; indices stay."""
    if isinstance(value, Tensor):
        is_number = value.is_floating_point() or store.knows(value)
        return store.of_constant(value) if is_number else value.detach().cpu()
    if isinstance(value, dict):
        return {name: _labelled(item, store) for name, item in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(_labelled(item, store) for item in value)
    return value


def marked_unknown(tensors: list[Tensor], store: LabelStore) -> None:
    """Masks and indices computed from numbers: whoever reads them as numbers is refused."""
    for tensor in tensors:
        store.put(tensor, torch.full(tensor.shape, UNKNOWN))
