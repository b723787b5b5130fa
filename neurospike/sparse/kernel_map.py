"""Kernel maps: which occupied voxels a window joins, built once per active set and geometry."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neurospike.errors import ArgumentError
from neurospike.kernels.sparse import select
from neurospike.kernels.sparse.geometry import Geometry, strided, submanifold
from neurospike.kernels.sparse.rules import Rules
from neurospike.sparse.active_set import ActiveSet, Built, Shape3


@dataclass(frozen=True, eq=False, slots=True)
class KernelMap:
    """The pairs (input row, output row) of each kernel offset, and the two sets they join.

    Attributes
    ----------
    rules
        The pair lists; shared by every map of one geometry on one active set.
    in_active, out_active
        The sets of occupied voxels on both sides.
    """

    rules: Rules
    in_active: ActiveSet
    out_active: ActiveSet

    @property
    def pairs(self) -> int:
        """Pairs of all offsets together: the occupied taps."""
        return self.rules.pairs

    @property
    def volume(self) -> int:
        """Kernel offsets."""
        return self.rules.volume

    def at(self, offset: int) -> tuple[Tensor, Tensor]:
        """int32 input rows and output rows of one kernel offset, ascending."""
        return self.rules.at(offset)

    def fan_out(self) -> Tensor:
        """int64 (N_in,): how many outputs each input row reaches."""
        return self.rules.fan_out()

    def fan_in(self) -> Tensor:
        """int64 (N_out,): how many inputs each output row gathers."""
        return self.rules.fan_in()

    def transposed(self) -> KernelMap:
        """The map of the inverse convolution: the same pairs, with the sides exchanged."""
        return KernelMap(self.rules.transposed(), self.out_active, self.in_active)


def submanifold_map(active: ActiveSet, kernel: Shape3, dilation: Shape3) -> KernelMap:
    """The map whose outputs are the inputs' own voxels.

    Cost
    ----
    O(N) merges of sorted keys at the first call, then a look-up.
    """
    geometry = submanifold(kernel, dilation, active.spatial_shape)
    rules = active.cached(
        ("submanifold", geometry),
        lambda: _eagerly(select.build_rules, active.coords, active.coords, geometry),
    )
    return KernelMap(rules, active, active)


def strided_map(
    active: ActiveSet, kernel: Shape3, stride: Shape3, padding: Shape3, dilation: Shape3
) -> KernelMap:
    """The map to every output site that at least one voxel reaches.

    Raises
    ------
    ArgumentError
        A window that does not fit into the padded grid.

    Cost
    ----
    A sort of the output keys and O(N) merges at the first call, then a look-up.
    """
    geometry = strided(kernel, stride, padding, dilation, active.spatial_shape)
    if min(geometry.out_shape) < 1:
        raise ArgumentError(
            f"SparseConv3d.kernel_size: the window must fit into the padded grid; got {kernel} "
            f"with dilation {dilation} on {active.spatial_shape} padded by {padding}. "
            "Use a larger grid, more padding or a smaller window."
        )
    # With stride 1 and centred padding the geometry is a submanifold's, but not the output set.
    child = active.cached(("strided", geometry), lambda: _eagerly(_Child, active, geometry))
    return KernelMap(child.rules, active, child.on(active))


def _eagerly(build: Callable[..., Built], *args: Any) -> Built:
    """Build outside of any graph that torch records, which would end inside of numba's compiler.

    A map that is there already is no reason to leave the graph.
    """
    if torch.compiler.is_compiling():
        build = torch.compiler.disable(build)  # type: ignore[no-untyped-call]
    return build(*args)


class _Child:
    """What a strided convolution derives from a set, kept without a reference to that set.

    The derived set refers to its parent, so the parent may not refer to the derived set: such a
    circle would hold a batch's memory until the garbage collector runs. The parent keeps the
    coordinates, the cache and the rules instead, and makes the same set from them again.
    """

    def __init__(self, active: ActiveSet, geometry: Geometry) -> None:
        coords = select.output_coords(active.coords, geometry)
        self.rules = select.build_rules(active.coords, coords, geometry)
        sx, sy, sz = (a * b for a, b in zip(active.stride, geometry.stride, strict=True))
        made = ActiveSet(
            coords, geometry.out_shape, active.batch_size, stride=(sx, sy, sz), parent=active
        )
        self._seed = made.seed()
        self._made = weakref.ref(made)
        self._first: ActiveSet | None = made

    def on(self, active: ActiveSet) -> ActiveSet:
        """The derived set: one object for as long as anything uses it."""
        found, self._first = self._made(), None
        if found is None:
            found = ActiveSet.from_seed(self._seed, parent=active)
            self._made = weakref.ref(found)
        return found
