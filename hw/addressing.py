"""Where an event goes: the targets of a site under a convolution window.

The same sweep serves both modes. Site p meets q = (p + padding - tap) / stride where that divides
and lies inside the output grid ("vanilla"); "submanifold" keeps only the q that are occupied.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from numpy.typing import NDArray
from torch import Tensor

from neurospike.errors import ArgumentError

Mode = Literal["submanifold", "vanilla"]
Edges = int | Sequence[int]

_KEY_LIMIT = 2**62


def targets(
    coords: Tensor | NDArray[Any],
    spatial_shape: Sequence[int],
    kernel_size: Edges,
    *,
    mode: Mode = "submanifold",
    stride: Edges = 1,
    padding: Edges | None = None,
    dilation: Edges = 1,
) -> Tensor:
    """Count the target sites of an event at each row of ``coords``.

    Borders and strides are exact: a corner reaches fewer sites than the middle.

    Parameters
    ----------
    coords
        Integers (N, 1 + axes), a tensor or an array, rows (batch, then one or more axes). In
        "vanilla" mode a row may appear again: another event at one site. In "submanifold" mode the
        rows are the occupied set.
    spatial_shape
        Edges of the input grid, one an axis, in sites.
    kernel_size, stride, padding, dilation
        One integer, or one an axis, in sites. Padding None centres the window:
        dilation * (kernel - 1) // 2.
    mode
        "submanifold": targets are occupied sites; odd windows, stride 1, centred.
        "vanilla": targets are all sites of the output grid.

    Shape
    -----
    out: int64 (N,), one row one count; times the output channels, it is synaptic operations

    Raises
    ------
    ArgumentError
        Rows outside the grid, or a window that the mode does not know.

    Cost
    ----
    Vanilla O(N * axes * kernel_size); submanifold O(N * taps * log N).

    Examples
    --------
    >>> import torch
    >>> line = torch.tensor([[0, 3, 3, 3], [0, 3, 3, 4], [0, 3, 3, 5]])
    >>> targets(line, (8, 8, 8), 3).tolist()
    [2, 3, 2]
    >>> int(targets(line, (8, 8, 8), 3, mode="vanilla").sum())
    81
    """
    coords = torch.as_tensor(coords)
    window = _window("targets", coords, spatial_shape, kernel_size, mode, stride, padding, dilation)
    sites = coords.long()
    if mode == "submanifold":
        return _occupied_neighbours(sites, window)
    counts = torch.ones(sites.shape[0], dtype=torch.int64, device=coords.device)
    for axis in range(window.axes):
        counts *= window.reached(sites[:, 1 + axis], axis)[1].sum(1)
    return counts


def output_sites(
    coords: Tensor | NDArray[Any],
    spatial_shape: Sequence[int],
    kernel_size: Edges,
    *,
    mode: Mode = "vanilla",
    stride: Edges = 1,
    padding: Edges | None = None,
    dilation: Edges = 1,
) -> Tensor:
    """List the sites that at least one row of ``coords`` reaches: the union of all targets.

    Parameters
    ----------
    coords, spatial_shape, kernel_size, stride, padding, dilation
        As in ``targets``.
    mode
        "vanilla" (the default here: dilated sites), or "submanifold", where the union is the
        occupied set itself.

    Shape
    -----
    out: (M, 1 + axes), ascending and unique, in the dtype of ``coords``

    Raises
    ------
    ArgumentError
        As ``targets``.

    Cost
    ----
    O(N * taps) memory at most, sorted axis by axis.

    Examples
    --------
    >>> import torch
    >>> line = torch.tensor([[0, 3, 3, 3], [0, 3, 3, 4], [0, 3, 3, 5]])
    >>> len(output_sites(line, (8, 8, 8), 3))
    45
    """
    owner = "output_sites"
    coords = torch.as_tensor(coords)
    window = _window(owner, coords, spatial_shape, kernel_size, mode, stride, padding, dilation)
    sites = _unique_rows(coords.long())
    if mode == "submanifold":
        return sites.to(coords.dtype)
    # The window is a product of its axes, so the union can grow one axis at a time.
    for axis in range(window.axes):
        reached, valid = window.reached(sites[:, 1 + axis], axis)
        row, tap = valid.nonzero(as_tuple=True)
        grown = sites[row]
        grown[:, 1 + axis] = reached[row, tap]
        sites = _unique_rows(grown)
    return sites.to(coords.dtype)


@dataclass(frozen=True)
class _Window:
    shape: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def axes(self) -> int:
        return len(self.shape)

    def out_edge(self, axis: int) -> int:
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        return (self.shape[axis] + 2 * self.padding[axis] - reach) // self.stride[axis] + 1

    def reached(self, column: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        """(N, k) output coordinates along one axis, and which of them exist."""
        taps = torch.arange(self.kernel[axis], device=column.device) * self.dilation[axis]
        numerator = column[:, None] + self.padding[axis] - taps
        stride = self.stride[axis]
        out = torch.div(numerator, stride, rounding_mode="floor")
        inside = (out >= 0) & (out < self.out_edge(axis))
        return out, inside & (out * stride == numerator)

    def offsets(self) -> Iterator[tuple[int, ...]]:
        """Centred tap offsets, in sites."""
        spans = [
            [dilation * (tap - kernel // 2) for tap in range(kernel)]
            for kernel, dilation in zip(self.kernel, self.dilation, strict=True)
        ]
        return itertools.product(*spans)


def _occupied_neighbours(sites: Tensor, window: _Window) -> Tensor:
    counts = torch.zeros(sites.shape[0], dtype=torch.int64, device=sites.device)
    if sites.shape[0] == 0:
        return counts
    edges = torch.tensor(window.shape, device=sites.device)
    occupied = torch.unique(_keys(sites, window.shape))
    for offset in window.offsets():
        moved = sites.clone()
        moved[:, 1:] += torch.tensor(offset, device=sites.device)
        inside = ((moved[:, 1:] >= 0) & (moved[:, 1:] < edges)).all(1)
        keys = _keys(moved, window.shape)
        at = torch.searchsorted(occupied, keys).clamp_(max=occupied.numel() - 1)
        counts += inside & (occupied[at] == keys)
    return counts


def _keys(sites: Tensor, shape: Sequence[int]) -> Tensor:
    key = sites[:, 0]
    for axis, edge in enumerate(shape):
        key = key * edge + sites[:, 1 + axis]
    return key


def _window(
    owner: str,
    coords: Tensor,
    spatial_shape: Sequence[int],
    kernel_size: Edges,
    mode: Mode,
    stride: Edges,
    padding: Edges | None,
    dilation: Edges,
) -> _Window:
    owner = f"addressing.{owner}"
    shape = tuple(int(edge) for edge in spatial_shape)
    if not shape or min(shape) < 1:
        raise ArgumentError(
            f"{owner}.spatial_shape: must be one or more positive edges; got {shape}."
        )
    _check_rows(owner, coords, shape)
    if mode not in get_args(Mode):
        raise ArgumentError(f"{owner}.mode: must be 'submanifold' or 'vanilla'; got {mode!r}.")
    kernel = _edges(owner, "kernel_size", kernel_size, len(shape), least=1)
    spread = _edges(owner, "dilation", dilation, len(shape), least=1)
    centred = tuple(d * (k - 1) // 2 for d, k in zip(spread, kernel, strict=True))
    window = _Window(
        shape,
        kernel,
        _edges(owner, "stride", stride, len(shape), least=1),
        centred if padding is None else _edges(owner, "padding", padding, len(shape), least=0),
        spread,
    )
    if mode == "submanifold" and not (
        max(window.stride) == 1 and window.padding == centred and all(k % 2 for k in kernel)
    ):
        raise ArgumentError(
            f"{owner}.mode: 'submanifold' needs odd edges, stride 1 and centred padding; got "
            f"kernel_size {kernel}, stride {window.stride}, padding {window.padding}. "
            "For other windows use mode='vanilla'."
        )
    return window


def _check_rows(owner: str, coords: Tensor, shape: tuple[int, ...]) -> None:
    if coords.ndim != 2 or coords.shape[1] != 1 + len(shape) or coords.dtype.is_floating_point:
        raise ArgumentError(
            f"{owner}.coords: must be integers (N, {1 + len(shape)}), batch and then an axis an "
            f"edge of spatial_shape {shape}; got {coords.dtype} of shape {tuple(coords.shape)}."
        )
    if coords.shape[0] == 0:
        return
    low, high = coords.amin(0).tolist(), coords.amax(0).tolist()
    if min(low) < 0 or any(h >= edge for h, edge in zip(high[1:], shape, strict=True)):
        raise ArgumentError(
            f"{owner}.coords: rows must lie inside {shape}, batch 0 or more; got minimum "
            f"{tuple(low)} and maximum {tuple(high)}. Crop the events or enlarge spatial_shape."
        )
    if (high[0] + 1) * math.prod(shape) >= _KEY_LIMIT:
        raise ArgumentError(
            f"{owner}.spatial_shape: {shape} x batch {high[0] + 1} exceeds the key range of 2^62 "
            "sites; count the samples one by one."
        )


def _unique_rows(sites: Tensor) -> Tensor:
    rows: Tensor = torch.unique(sites, dim=0)
    return rows


def _edges(owner: str, name: str, value: Edges, axes: int, *, least: int) -> tuple[int, ...]:
    edges = (value,) * axes if isinstance(value, int) else tuple(int(edge) for edge in value)
    if len(edges) != axes or min(edges) < least:
        raise ArgumentError(
            f"{owner}.{name}: must be one integer or {axes}, each {least} or more; got {value}."
        )
    return edges
