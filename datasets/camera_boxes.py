"""Boxes of the camera's frame: their corners, and the rectangles that they fill in the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets.objects import Floats

_NEAR = 0.1  # metres; what is closer to the lens is cut off before it is projected
# A corner is a choice of sign along length, height and width; an edge joins two that differ once.
_SIGNS = np.array([[i, j, k] for i in (-1, 1) for j in (0, 1) for k in (-1, 1)], dtype=np.float64)
_EDGES = np.array([(a, b) for a in range(8) for b in range(a) if bin(a ^ b).count("1") == 1])


def wrapped(angle: Floats) -> Floats:
    """Angles in [-pi, pi)."""
    return np.asarray((angle + np.pi) % (2 * np.pi) - np.pi)


def corners(location: Floats, dimensions: Floats, rotation_y: Floats) -> Floats:
    """Corners (M, 8, 3) of boxes given by the middle of their bottom (M, 3), height, width and
    length (M, 3), and their turn (M,); bottom first along the second axis of signs.
    """
    height, width, length = dimensions.T
    along = _SIGNS[:, 0] * length[:, None] / 2
    across = _SIGNS[:, 2] * width[:, None] / 2
    down = -_SIGNS[:, 1] * height[:, None]  # y points down
    cosine, sine = np.cos(rotation_y)[:, None], np.sin(rotation_y)[:, None]
    turned = [cosine * along + sine * across, down, cosine * across - sine * along]
    return np.stack(turned, axis=2) + location[:, None]


def image_boxes(
    location: Floats,
    dimensions: Floats,
    rotation_y: Floats,
    projection: Floats,
    image_size: tuple[int, int],
) -> tuple[Floats, NDArray[np.float64]]:
    """Rectangles (M, 4) around the projected boxes, clipped to the image, and the share (M,) of
    each that lies outside. Where nothing is inside the rectangle is zero and the share 1.
    """
    ends = corners(location, dimensions, rotation_y)[:, _EDGES]  # (M, 12, 2, 3)
    ends, visible = _cut_near(ends)
    pixels = ends @ projection[:, :3].T + projection[:, 3]
    pixels = pixels[..., :2] / np.where(visible, pixels[..., 2], 1.0)[..., None]
    low = np.where(visible[..., None], pixels, np.inf).min(axis=(1, 2), initial=np.inf)
    high = np.where(visible[..., None], pixels, -np.inf).max(axis=(1, 2), initial=-np.inf)
    limit = np.array(image_size, dtype=np.float64) - 1  # the last pixel
    inside = np.concatenate([low.clip(0, limit), high.clip(0, limit)], axis=1)
    seen = np.asarray(visible.any(axis=(1, 2)))
    whole = np.where(seen, np.prod(np.where(seen[:, None], high - low, 0), axis=1), 0)
    kept = np.prod(inside[:, 2:] - inside[:, :2], axis=1)
    empty = ~seen | (kept <= 0)
    share = 1 - np.divide(kept, whole, out=np.zeros_like(kept), where=~empty & (whole > 0))
    return np.where(empty[:, None], 0.0, inside), np.where(empty, 1.0, share.clip(0, 1))


def _cut_near(ends: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Edges (M, 12, 2, 3) with what is behind the near plane cut off; mask (M, 12, 2)."""
    depth = ends[..., 2]
    behind = np.asarray(depth < _NEAR)
    other, other_depth = ends[:, :, ::-1], depth[:, :, ::-1]
    crosses = behind & ~behind[:, :, ::-1]
    gap = np.where(crosses, other_depth - depth, 1.0)
    share = ((_NEAR - depth) / gap)[..., None]
    cut = np.where(crosses[..., None], ends + share * (other - ends), ends)
    return cut, ~behind | crosses
