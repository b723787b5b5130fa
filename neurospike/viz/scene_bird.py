"""A scan from above, forward to the right."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurospike.viz.scene import Floats, Scene, SceneBoxes, box_corners, heading_ticks
from neurospike.viz.scene_style import DIM, NIGHT, PAPER, box_colour, point_colours

Region = tuple[float, float, float, float]
"""x and y from, x and y to, in metres."""

_WIDEST_M = 80.0
_SCORES_SHOWN = 40  # more numbers than these would hide the boxes


def default_region(shown: Scene) -> Region:
    """What a picture from above covers, in whole tens of metres.

    A scan whose boxes all lie ahead is shown from the sensor on; any other, all around.
    """
    reach = np.linalg.norm(shown.points[:, :2], axis=1)
    far = float(np.percentile(reach, 98)) if len(reach) else 20.0
    centres = np.concatenate([np.zeros((0, 7)), *(boxes.boxes for _, boxes in shown.drawn)])
    if len(centres):
        far = max(far, float(np.linalg.norm(centres[:, :2], axis=1).max()) + 3.0)
    far = min(max(10.0 * np.ceil(far / 10.0), 10.0), _WIDEST_M)
    if len(centres) and (centres[:, 0] > 0).all():
        side = float(np.abs(centres[:, 1]).max()) + 4.0
        side = min(max(5.0 * np.ceil(side / 5.0), 0.3 * far), far)
        return -0.06 * far, -side, far, side
    side = float(np.percentile(np.abs(shown.points[:, 1]), 97)) if len(reach) else far
    side = min(max(5.0 * np.ceil(side / 5.0), 0.4 * far), far)
    return -far, -side, far, side


def draw_bird(axes: Any, shown: Scene, region: Region) -> None:
    """Points, range rings and boxes of a scene into axes of matplotlib."""
    x0, y0, x1, y1 = region
    axes.set(facecolor=NIGHT, xlim=(x0, x1), ylim=(y0, y1), aspect="equal")
    axes.set_axis_off()
    axes.add_patch(_ground(region))
    inside = (
        (shown.points[:, 0] >= x0)
        & (shown.points[:, 0] <= x1)
        & (shown.points[:, 1] >= y0)
        & (shown.points[:, 1] <= y1)
    )
    points, colours = shown.points[inside], point_colours(shown)[inside]
    upwards = np.argsort(points[:, 2], kind="stable")
    axes.scatter(
        points[upwards, 0], points[upwards, 1], c=colours[upwards],
        s=_dot(len(points)), linewidths=0, rasterized=True, zorder=2,
    )  # fmt: skip
    _rings(axes, region)
    both = shown.detected is not None
    for kind, boxes in shown.drawn:
        draw_boxes(axes, boxes, region, as_label=kind == "label" and both)


def draw_boxes(axes: Any, boxes: SceneBoxes, region: Region, *, as_label: bool) -> None:
    """Rectangles with a tick ahead; labels beside detections are dashed and white."""
    from matplotlib.collections import LineCollection, PolyCollection

    rows = boxes.boxes
    x0, y0, x1, y1 = region
    seen = (rows[:, 0] > x0) & (rows[:, 0] < x1) & (rows[:, 1] > y0) & (rows[:, 1] < y1)
    corners = box_corners(rows)[seen][:, :4, :2]
    colours = [PAPER if as_label else box_colour(boxes.names[row]) for row in np.flatnonzero(seen)]
    axes.add_collection(
        PolyCollection(
            list(corners), facecolors="none" if as_label else [f"{c}38" for c in colours],
            edgecolors=colours, linewidths=0.9 if as_label else 1.5,
            linestyles=(0, (2.5, 1.6)) if as_label else "-", zorder=6 if as_label else 5,
        )
    )  # fmt: skip
    if not as_label:
        ticks = heading_ticks(rows)[seen][:, :, :2]
        axes.add_collection(LineCollection(list(ticks), colors=colours, linewidths=1.5, zorder=5))
    if boxes.scores is not None and seen.sum() <= _SCORES_SHOWN:
        _write_scores(axes, corners, boxes.scores[seen], colours)


def _write_scores(axes: Any, corners: Floats, scores: Floats, colours: list[str]) -> None:
    for box, score, colour in zip(corners, scores, colours, strict=True):
        axes.annotate(
            f"{score:.2f}", (box[:, 0].max(), box[:, 1].max()),
            xytext=(2, 1), textcoords="offset points", fontsize=6.5, color=colour,
            annotation_clip=True, zorder=7,
        )  # fmt: skip


def _ground(region: Region) -> Any:
    from matplotlib.patches import Rectangle

    x0, y0, x1, y1 = region
    return Rectangle((x0, y0), x1 - x0, y1 - y0, facecolor=NIGHT, zorder=0)


def _rings(axes: Any, region: Region) -> None:
    from matplotlib.patches import Circle, Polygon

    x0, y0, x1, y1 = region
    far = max(abs(edge) for edge in region)
    step = 10.0 if far <= 50 else 20.0
    turn = np.deg2rad(-38.0) if x0 < -0.5 * x1 else 0.0
    for radius in np.arange(step, np.hypot(far, far), step):
        axes.add_patch(
            Circle((0, 0), radius, fill=False, edgecolor=DIM, linewidth=0.6, alpha=0.55, zorder=3)
        )
        at = (radius * np.cos(turn), radius * np.sin(turn))
        if x0 < at[0] < 0.985 * x1 and y0 < at[1] < y1:
            axes.text(
                *at, f"{radius:g} m", color=PAPER, fontsize=7.5, ha="center", va="center",
                bbox={"facecolor": NIGHT, "edgecolor": "none", "pad": 1.2, "alpha": 0.75},
                zorder=4,
            )  # fmt: skip
    size = 0.018 * far
    nose = [(1.6 * size, 0), (-size, size), (-0.4 * size, 0), (-size, -size)]
    axes.add_patch(Polygon(nose, closed=True, facecolor=PAPER, edgecolor=NIGHT, zorder=8))


def _dot(count: int) -> float:
    """Area of a point in square points of the page: fewer points are drawn larger."""
    return float(np.clip(4e4 / max(count, 1), 0.7, 6.0))
