"""Which anchors stand for which objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurospike.models.detection.anchors import YAWS, AnchorGrid

_TIE = 1e-6


@dataclass(frozen=True)
class Targets:
    """What the anchors of one scan are trained for.

    Attributes
    ----------
    positive
        int64 (P,) numbers of the anchors that stand for an object, ascending.
    objects
        int64 (P,) row of that object.
    ignored
        int64 (I,) numbers of the anchors that are not trained; all others stand for nothing.
    """

    positive: Tensor
    objects: Tensor
    ignored: Tensor


def assign(grid: AnchorGrid, shape: tuple[int, int], boxes: Tensor, labels: Tensor) -> Targets:
    """Match anchors to objects of their own class by their overlap seen from above.

    An anchor stands for the object that it overlaps most, if by the class's ``positive`` or more;
    every object has its best anchors besides, however little they overlap. Overlaps are of
    rectangles along the axes: a box counts as turned by 0 or by 90 degrees, whichever is nearer.
    A label below 0 marks a region where nothing is trained.

    Parameters
    ----------
    shape
        Cells (X, Y) of the grid.
    boxes, labels
        (M, 7) LiDAR boxes, and int64 (M,) classes.

    Cost
    ----
    The anchors near each object; the grid as a whole is only set to zero.

    Source
    ------
    Yan et al., SECOND, Sensors 2018, 18(10), 3337. Departures: an object's best anchor stands for
    that object, even where it overlaps another one more; regions where nothing is trained.
    """
    best = np.zeros((*shape, grid.per_cell), np.float32)
    owner = np.full(best.shape, -1, np.int64)
    claimed: list[tuple[NDArray[np.int64], int]] = []
    objects = boxes.detach().cpu().double().numpy().reshape(-1, 7)
    kinds = labels.detach().cpu().numpy()
    for row, (box, kind) in enumerate(zip(objects, kinds, strict=True)):
        classes = range(len(grid.anchors)) if kind < 0 else (int(kind),)
        for index in classes:
            top = _match(grid, index, box, row if kind >= 0 else -1, best, owner)
            if kind >= 0 and top.size:
                claimed.append((top, row))
    return _targets(grid, best, owner, claimed)


def _match(
    grid: AnchorGrid,
    index: int,
    box: NDArray[np.float64],
    row: int,
    best: NDArray[np.float32],
    owner: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Write the overlaps with one box where they are the largest so far; its best anchors."""
    anchor = grid.anchors[index]
    length, width = box[3:5] if abs(np.cos(box[6])) >= abs(np.sin(box[6])) else box[4:2:-1]
    found: list[tuple[float, NDArray[np.int64]]] = []
    for turn in range(len(YAWS)):
        kind = index * len(YAWS) + turn
        along, across = anchor.size[:2] if turn == 0 else anchor.size[1::-1]
        x, x_shared = _shared(grid, 0, best.shape[0], box[0], length, along)
        y, y_shared = _shared(grid, 1, best.shape[1], box[1], width, across)
        if not x_shared.size or not y_shared.size:
            continue
        shared = x_shared[:, None] * y_shared
        overlap = (shared / (length * width + along * across - shared)).astype(np.float32)
        window = (slice(x, x + len(x_shared)), slice(y, y + len(y_shared)), kind)
        better = overlap > best[window]
        best[window][better] = overlap[better]
        owner[window][better] = row
        i, j = np.nonzero(overlap >= overlap.max() - _TIE)
        numbers = ((i + x) * best.shape[1] + j + y) * grid.per_cell + kind
        found.append((float(overlap.max()), numbers))
    top = max((overlap for overlap, _ in found), default=0.0)
    mine = [numbers for overlap, numbers in found if overlap >= top - _TIE]
    return np.concatenate(mine) if mine and top > 0 else np.empty(0, np.int64)


def _shared(
    grid: AnchorGrid, axis: int, cells: int, centre: float, extent: float, anchor: float
) -> tuple[int, NDArray[np.float64]]:
    """The first cell whose anchor meets the box along an axis, and the metres each one shares."""
    reach = (extent + anchor) / 2
    cell = grid.cell[axis]
    place = (centre - grid.origin[axis]) / cell - 0.5
    low = min(max(int(np.ceil(place - reach / cell)), 0), cells)
    high = min(max(int(np.floor(place + reach / cell)) + 1, low), cells)
    apart = np.abs(np.arange(low, high) - place) * cell
    return low, np.clip(reach - apart, 0.0, min(extent, anchor))


def _targets(
    grid: AnchorGrid,
    best: NDArray[np.float32],
    owner: NDArray[np.int64],
    claimed: list[tuple[NDArray[np.int64], int]],
) -> Targets:
    positive = np.repeat([a.positive for a in grid.anchors], len(YAWS)).astype(np.float32)
    negative = np.repeat([a.negative for a in grid.anchors], len(YAWS)).astype(np.float32)
    stands = (best >= positive) & (owner >= 0)
    unsure = (best >= negative) & ~stands
    stands, unsure, owner = stands.reshape(-1), unsure.reshape(-1), owner.reshape(-1)
    for numbers, row in claimed:
        stands[numbers] = True
        unsure[numbers] = False
        owner[numbers] = row
    chosen = np.flatnonzero(stands)
    return Targets(
        torch.from_numpy(chosen),
        torch.from_numpy(owner[chosen]),
        torch.from_numpy(np.flatnonzero(unsure)),
    )
