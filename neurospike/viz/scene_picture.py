"""A scene as a picture in a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from neurospike.errors import ArgumentError
from neurospike.viz._figure import figure
from neurospike.viz.scene import Scene
from neurospike.viz.scene_bird import Region, default_region, draw_bird
from neurospike.viz.scene_perspective import default_eye, draw_perspective
from neurospike.viz.scene_style import (
    DIM,
    HEIGHT_STOPS_M,
    NIGHT,
    PAPER,
    box_colour,
    height_colours,
    present_classes,
)

View = Literal["both", "bird", "perspective"]

_WIDE = 9.6  # inches
_HEADING, _FOOT, _ROW = 0.38, 0.34, 0.17
_IN_A_ROW = 9  # entries of the legend; the bar of heights stands to the right of them
_ASPECT = 0.46  # of the perspective view


def scene_picture(
    shown: Scene,
    out: str | os.PathLike[str],
    *,
    view: View = "both",
    region: Sequence[float] | None = None,
) -> Path:
    """Draw a scan with its boxes: from behind the sensor, from above, or both.

    Detections are solid and coloured by class, with a tick ahead; labels beside them are dashed
    and white. Labels alone are coloured by class. Points are coloured by their class where they
    have one, else by height above the ground, and bright where they reflect.

    Parameters
    ----------
    shown
        From ``viz.scan_scene``.
    out
        A .png, .svg or .pdf file.
    region
        (x_low, y_low, x_high, y_high) in metres of the view from above; left out, what the points
        and boxes cover, up to 80 m.

    Raises
    ------
    ArgumentError
        Another view, a region without an inside, or another suffix.
    DataError
        A place that cannot be written.
    """
    if view not in get_args(View):
        raise ArgumentError(
            f"scene_picture.view: must be one of {', '.join(get_args(View))}; got {view!r}."
        )
    covered = default_region(shown) if region is None else _checked(region)
    tall = (covered[3] - covered[1]) / (covered[2] - covered[0])
    heights = []
    if view in ("both", "perspective"):
        heights.append(_WIDE * _ASPECT)
    if view in ("both", "bird"):
        heights.append(_WIDE * tall)
    entries = _entries(shown)
    foot = _FOOT + _ROW * max(0, -(-len(entries) // _IN_A_ROW) - 1)
    total = sum(heights) + _HEADING + foot + 0.06 * (len(heights) - 1)
    with figure(out, _WIDE, total) as drawing:
        drawing.set_layout_engine("none")
        drawing.set_facecolor(NIGHT)
        below = total - _HEADING
        for place, height in enumerate(heights):
            below -= height + (0.06 if place else 0.0)
            axes = drawing.add_axes((0.0, below / total, 1.0, height / total))
            if place == 0 and view != "bird":
                draw_perspective(axes, shown, default_eye(shown), aspect=_ASPECT)
            else:
                draw_bird(axes, shown, covered)
        drawing.text(
            0.012, 1 - 0.5 * _HEADING / total, shown.title, color=PAPER, fontsize=11,
            fontweight="bold", va="center",
        )  # fmt: skip
        drawing.text(
            0.988, 1 - 0.5 * _HEADING / total, _counts(shown), color=DIM, fontsize=8.5,
            va="center", ha="right",
        )  # fmt: skip
        if entries:
            _legend(drawing, entries)
        if shown.point_labels is None:
            _height_bar(drawing, total)
    return Path(out)


def _checked(region: Sequence[float]) -> Region:
    limits = [float(limit) for limit in region]
    if len(limits) != 4 or not (limits[0] < limits[2] and limits[1] < limits[3]):
        raise ArgumentError(
            "scene_picture.region: must be (x_low, y_low, x_high, y_high) in metres, each low "
            f"below its high; got {tuple(region)}."
        )
    return limits[0], limits[1], limits[2], limits[3]


def _counts(shown: Scene) -> str:
    parts = [f"{len(shown.points):,} points"]
    parts += [
        f"{len(boxes):,} {kind}{'' if len(boxes) == 1 else 's'}" for kind, boxes in shown.drawn
    ]
    return " · ".join(parts)


def _height_bar(drawing: Any, total: float) -> None:
    """What the colours of points mean, in the lower right corner."""
    low, high = HEIGHT_STOPS_M[0], HEIGHT_STOPS_M[-1]
    axes = drawing.add_axes((0.80, 0.40 * _FOOT / total, 0.11, 0.2 * _FOOT / total))
    strip = height_colours(np.linspace(low, high, 256))[None]
    axes.imshow(strip, extent=(low, high, 0, 1), aspect="auto")
    axes.set_axis_off()
    for x, side, text in (
        (low, "right", "height over ground  0 m "),
        (high, "left", f" {high:g} m"),
    ):
        axes.text(x, 0.5, text, color=DIM, fontsize=7.5, va="center", ha=side)


def _entries(shown: Scene) -> list[tuple[str, Any, str]]:
    """(name, colour, "line", "dashes" or "dot") of the legend."""
    named = shown.detected if shown.detected is not None else shown.labelled
    names = sorted(set(named.names)) if named is not None else []
    entries: list[tuple[str, Any, str]] = [(name, box_colour(name), "line") for name in names]
    if shown.detected is not None and shown.labelled is not None:
        entries.append(("label", PAPER, "dashes"))
    return entries + [(name, colour, "dot") for name, colour in present_classes(shown)]


def _legend(drawing: Any, entries: list[tuple[str, Any, str]]) -> None:
    from matplotlib.lines import Line2D

    styles: dict[str, dict[str, Any]] = {
        "line": {"linewidth": 2.2},
        "dashes": {"linewidth": 1.2, "linestyle": (0, (2.5, 1.6))},
        "dot": {"marker": "o", "linestyle": "", "markersize": 5},
    }
    handles = [Line2D([], [], color=c, label=name, **styles[kind]) for name, c, kind in entries]
    drawing.legend(
        handles=handles, loc="lower left", ncols=min(len(entries), _IN_A_ROW), fontsize=7.5,
        labelcolor=PAPER, frameon=False, bbox_to_anchor=(0.004, 0.0), handlelength=1.4,
        columnspacing=1.3, handletextpad=0.5, borderpad=0.3,
    )  # fmt: skip
