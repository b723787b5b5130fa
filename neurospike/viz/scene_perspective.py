"""A scan as seen from behind and above the sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurospike.viz.scene import (
    EDGES,
    Floats,
    Scene,
    SceneBoxes,
    box_corners,
    ground_height,
    heading_ticks,
)
from neurospike.viz.scene_style import DIM, NIGHT, PAPER, box_colour, point_colours, rgb

_NEAR_M = 0.5
_NAMES_WITHIN_M = 90.0
_NAMES = 10  # of more boxes only scores are written: colours tell the classes
_RINGS_M = (10.0, 20.0, 30.0, 40.0, 60.0, 80.0)


@dataclass(frozen=True)
class Eye:
    """Where one looks from and to, in metres, and how wide.

    ``right``, ``up``, ``ahead`` are the unit vectors of the picture.
    """

    place: Floats
    target: Floats
    wide_deg: float = 62.0

    @property
    def axes(self) -> Floats:
        """(3, 3): right, up and ahead, a row each."""
        ahead = self.target - self.place
        ahead = ahead / np.linalg.norm(ahead)
        right = np.cross(ahead, [0.0, 0.0, 1.0])
        right = right / np.linalg.norm(right)
        return np.stack([right, np.cross(right, ahead), ahead])

    def see(self, xyz: Floats) -> Floats:
        """(..., 3) places to (..., 3): right and up in half widths of the picture, and depth."""
        turned = (xyz - self.place) @ self.axes.T
        depth = turned[..., 2]
        scale = 1.0 / (np.tan(np.deg2rad(self.wide_deg) / 2) * np.maximum(depth, 1e-6))
        return np.stack([turned[..., 0] * scale, turned[..., 1] * scale, depth], axis=-1)

    def see_lines(self, ends: Floats) -> Floats:
        """(K, 2, 3) lines to (K', 2, 2) on the picture, cut off where they pass behind the eye."""
        depth = (ends - self.place) @ self.axes[2] - _NEAR_M
        ends, depth = ends[(depth > 0).any(axis=1)], depth[(depth > 0).any(axis=1)]
        cut = ends.copy()
        for this, other in ((0, 1), (1, 0)):
            hidden = depth[:, this] <= 0
            span = depth[hidden, other] - depth[hidden, this]
            share = (-depth[hidden, this] / span)[:, None]
            along = ends[hidden, other] - ends[hidden, this]
            cut[hidden, this] = ends[hidden, this] + share * along
        return self.see(cut)[..., :2]


def default_eye(shown: Scene) -> Eye:
    """Behind and above the sensor, towards what lies ahead."""
    ground = ground_height(shown.points)
    return Eye(np.array([-11.0, 0.0, ground + 8.0]), np.array([16.0, 0.0, ground + 0.2]))


def draw_perspective(axes: Any, shown: Scene, eye: Eye, *, aspect: float) -> None:
    """Points, rings on the ground and boxes of a scene into axes of matplotlib.

    Parameters
    ----------
    aspect
        Height of the picture over its width.
    """
    axes.set(facecolor=NIGHT, xlim=(-1, 1), ylim=(-aspect, aspect))
    axes.set_axis_off()
    ground = ground_height(shown.points)
    _draw_points(axes, shown, eye, aspect)
    _draw_rings(axes, eye, ground, aspect)
    both = shown.detected is not None
    taken: list[tuple[float, float, float, float]] = []
    for kind, boxes in shown.drawn:
        as_label = kind == "label" and both
        _draw_boxes(axes, boxes, eye, as_label=as_label)
        if not as_label:
            _write_names(axes, boxes, eye, aspect, taken)


def _draw_points(axes: Any, shown: Scene, eye: Eye, aspect: float) -> None:
    seen = eye.see(shown.points[:, :3])
    inside = (
        (seen[:, 2] > _NEAR_M) & (np.abs(seen[:, 0]) < 1.02) & (np.abs(seen[:, 1]) < 1.02 * aspect)
    )
    at, colours = seen[inside], point_colours(shown)[inside]
    back_to_front = np.argsort(-at[:, 2], kind="stable")
    at, colours = at[back_to_front], colours[back_to_front]
    # Far points fade a little, so that what is near stands out.
    clear = np.clip(1.15 - at[:, 2] / 110.0, 0.35, 1.0)[:, None]
    night = np.array(rgb(NIGHT))
    axes.scatter(
        at[:, 0], at[:, 1], c=colours * clear + night * (1 - clear),
        s=np.clip(60.0 / at[:, 2], 0.55, 6.0), linewidths=0, rasterized=True, zorder=2,
    )  # fmt: skip


def _draw_rings(axes: Any, eye: Eye, ground: float, aspect: float) -> None:
    from matplotlib.collections import LineCollection

    turns = np.linspace(-np.pi, np.pi, 241)
    for radius in _RINGS_M:
        ring = np.stack(
            [radius * np.cos(turns), radius * np.sin(turns), np.full_like(turns, ground)], axis=1
        )
        lines = eye.see_lines(np.stack([ring[:-1], ring[1:]], axis=1))
        axes.add_collection(
            LineCollection(list(lines), colors=DIM, linewidths=0.6, alpha=0.5, zorder=1)
        )
        # Numbers to the right, where nothing drives.
        x, y, _ = eye.see(np.array([radius * 0.94, -radius * 0.342, ground]))
        if abs(x) < 0.97 and abs(y) < 0.95 * aspect:
            axes.text(
                x, y, f"{radius:g} m", color=PAPER, fontsize=7, ha="center", va="center",
                alpha=0.9, zorder=4,
                bbox={"facecolor": NIGHT, "edgecolor": "none", "pad": 0.8, "alpha": 0.6},
            )  # fmt: skip


def _draw_boxes(axes: Any, boxes: SceneBoxes, eye: Eye, *, as_label: bool) -> None:
    from matplotlib.collections import LineCollection, PolyCollection

    corners = box_corners(boxes.boxes)
    for box, name, tick in zip(corners, boxes.names, heading_ticks(boxes.boxes), strict=True):
        colour = PAPER if as_label else box_colour(name)
        lines = eye.see_lines(box[np.array(EDGES)])
        axes.add_collection(
            LineCollection(
                list(lines), colors=colour, linewidths=0.8 if as_label else 1.3,
                linestyles=(0, (2.5, 1.6)) if as_label else "-",
                capstyle="butt" if as_label else "round", zorder=6 if as_label else 5,
            )
        )  # fmt: skip
        seen = eye.see(box)
        if as_label or (seen[:, 2] < _NEAR_M).any():
            continue
        # The face ahead, and the way it goes, say where the box is heading.
        front = seen[[0, 3, 7, 4], :2]
        axes.add_collection(PolyCollection([front], facecolors=f"{colour}40", zorder=5))
        axes.add_collection(
            LineCollection(list(eye.see_lines(tick[None])), colors=colour, linewidths=1.3, zorder=5)
        )


def _write_names(
    axes: Any,
    boxes: SceneBoxes,
    eye: Eye,
    aspect: float,
    taken: list[tuple[float, float, float, float]],
) -> None:
    """Names above boxes, near ones first; one that would cover another is left out."""
    if boxes.scores is None and len(boxes) > _NAMES:
        return
    seen = eye.see(box_corners(boxes.boxes))
    for row in np.argsort(seen[..., 2].mean(axis=1), kind="stable"):
        if not _NEAR_M < seen[row, :, 2].min() < _NAMES_WITHIN_M:
            continue
        name = boxes.names[row]
        text = name if len(boxes) <= _NAMES else ""
        if boxes.scores is not None:
            text = f"{text} {boxes.scores[row]:.2f}".strip()
        x, y = float(seen[row, :, 0].mean()), float(seen[row, :, 1].max()) + 0.012
        half = 0.0065 * len(text)
        area = (x - half, y, x + half, y + 0.032)
        outside = abs(x) + half > 1 or y + 0.032 > aspect or y < -aspect
        if outside or any(_overlap(area, other) for other in taken):
            continue
        taken.append(area)
        axes.text(
            x, y, text, color=box_colour(name), fontsize=7.5, ha="center", va="bottom",
            fontweight="bold", zorder=8,
            bbox={"facecolor": NIGHT, "edgecolor": "none", "pad": 1.0, "alpha": 0.6},
        )  # fmt: skip


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
