"""Overlaps and suppression of boxes that were checked already; kernels are loaded on first use.

Boxes are float64 (M, 7): the centre x, y, z, the edges dx, dy, dz (0 or more), and the yaw.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def iou(a: Floats, b: Floats, *, volume: bool, paired: bool = False) -> Floats:
    """Shares of the union, of areas on the ground or of volumes: (M, N), or (M,) row by row."""
    from neurospike.kernels.boxes import numba

    return (numba.iou_pairs if paired else numba.iou_matrix)(_rows(a), _rows(b), volume)


def nms(
    boxes: Floats,
    scores: NDArray[Any],
    threshold: float,
    *,
    volume: bool = False,
    limit: int | None = None,
) -> NDArray[np.int64]:
    """Rows that stay, best score first, equal scores in their order; see ``suppress``."""
    from neurospike.kernels.boxes import numba

    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    most = len(boxes) if limit is None else limit
    return numba.suppress(_rows(boxes), order, float(threshold), volume, most)


def _rows(boxes: Any) -> Floats:
    return np.ascontiguousarray(boxes, np.float64)
