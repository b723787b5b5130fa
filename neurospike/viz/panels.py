"""Pictures of the images that a conventional network sees, and of the points they still hold."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurospike.errors import ArgumentError
from neurospike.viz._camera import Camera
from neurospike.viz._figure import SEQUENTIAL, figure
from neurospike.viz.scene_style import NIGHT, PAPER

_WIDE = 9.6  # inches
_HEADING, _LABELS = 0.35, 0.55
_LOWEST, _HIGHEST = 1.2, 4.6  # of a picture
_FLAT = 0.2  # a cloud lower than this share of its width is seen from higher up
_SHARE = (1, 99)  # percent of the heights between which colours are told apart
_MOST_POINTS = 60_000  # more would only make files larger


class Picture(Protocol):
    """A flat picture with its title and axes, such as a projection's ``Panel``."""

    @property
    def title(self) -> str: ...

    @property
    def values(self) -> NDArray[Any]: ...

    @property
    def across(self) -> str: ...

    @property
    def down(self) -> str: ...


def panel_picture(
    panels: Sequence[Picture],
    out: str | os.PathLike[str],
    *,
    title: str,
    clouds: Sequence[tuple[str, ArrayLike]] = (),
) -> Path:
    """Draw panels side by side, what is 0 left dark, and below them clouds seen from one eye.

    Parameters
    ----------
    panels
        Pictures of (rows, columns); wide ones fill a row each.
    clouds
        Titles and points (N, 3), coloured by height: a sample and what an image holds of it.

    Raises
    ------
    ArgumentError
        No panel, an empty one, points of another shape, or another suffix than .png, .svg, .pdf.
    DataError
        A place that cannot be written.
    """
    if not panels or any(panel.values.ndim != 2 or not panel.values.size for panel in panels):
        raise ArgumentError("panel_picture.panels: must be (rows, columns), one at least.")
    shown = [(name, _points(points)) for name, points in clouds]
    rows, columns = panels[0].values.shape
    in_a_row = 1 if columns >= 3 * rows else {1: 1, 2: 2, 4: 2}.get(len(panels), 3)
    lines = math.ceil(len(panels) / in_a_row)
    room = _WIDE / in_a_row - 0.9  # beside the bar of colours
    tall = float(np.clip(room * rows / columns, _LOWEST, _HIGHEST))
    alike = {panel.values.shape for panel in panels} == {(rows, columns)}
    square = alike and tall == room * rows / columns
    heights = [lines * (tall + _LABELS)]
    if shown:
        heights.append(_WIDE / max(len(shown), 2) * 0.72 + 0.3)
    with figure(out, _WIDE, sum(heights) + _HEADING) as drawing:
        drawing.get_layout_engine().set(h_pad=0.07, w_pad=0.06)
        drawing.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        parts = drawing.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        axes = parts[0].subplots(lines, in_a_row, squeeze=False).reshape(-1)
        for place, panel in zip(axes, panels, strict=False):
            _draw_panel(place, panel, square=square, bar=0.035 if in_a_row > 1 else 0.012)
        for place in axes[len(panels) :]:
            place.set_axis_off()
        if shown:
            _draw_clouds(parts[1].subplots(1, max(len(shown), 2), squeeze=False)[0], shown)
    return Path(out)


def _points(points: ArrayLike) -> NDArray[np.float64]:
    found = np.asarray(points, np.float64)
    if found.ndim != 2 or found.shape[1] != 3 or not np.isfinite(found).all():
        raise ArgumentError(f"panel_picture.clouds: must be (N, 3) and finite; got {found.shape}.")
    return found


def _draw_panel(axes: Any, panel: Picture, *, square: bool, bar: float) -> None:
    values = np.ma.masked_equal(panel.values, 0)
    flat = values.count() and values.min() == values.max()
    drawn = axes.imshow(
        values,
        aspect="equal" if square else "auto",
        interpolation="nearest",
        cmap=SEQUENTIAL,
        vmin=0 if flat and values.min() > 0 else None,
    )
    axes.set_facecolor(NIGHT)
    axes.set_title(panel.title, fontsize=9.5)
    axes.set_xlabel(panel.across, fontsize=8.5)
    axes.set_ylabel(panel.down, fontsize=8.5)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    scale = axes.figure.colorbar(drawn, cax=axes.inset_axes((1.02, 0, bar, 1)))
    scale.ax.tick_params(labelsize=7.5)


def _draw_clouds(places: Any, shown: list[tuple[str, NDArray[np.float64]]]) -> None:
    """All of them from one eye, in one scale and with one meaning of colours."""
    together = np.concatenate([points for _, points in shown])
    if not len(together):
        together = np.zeros((1, 3))
    spread = np.ptp(together, axis=0)
    flat = spread[2] < _FLAT * max(spread[0], spread[1])
    # Flat scenes are looked at from behind the sensor, so that ahead is up.
    camera = Camera.at(180.0 if flat else -55.0, 50.0 if flat else 25.0)
    low, high = np.percentile(together[:, 2], _SHARE)
    seen = camera.project(together)
    left, bottom = seen.min(0)
    right, top = seen.max(0)
    pad = 0.03 * max(right - left, top - bottom, 1e-9)
    for axes, (name, every) in zip(places, shown, strict=False):
        points = every[:: max(1, math.ceil(len(every) / _MOST_POINTS))]
        order = np.argsort(points @ camera.eye, kind="stable")
        flat_points = camera.project(points[order])
        axes.set(facecolor=NIGHT, aspect="equal", xticks=[], yticks=[])
        axes.set(xlim=(left - pad, right + pad), ylim=(bottom - pad, top + pad))
        axes.grid(visible=False)
        axes.scatter(
            *flat_points.T,
            c=points[order, 2],
            s=float(np.clip(1.2e4 / max(len(points), 1), 0.25, 5.0)),
            cmap=SEQUENTIAL,
            vmin=low,
            vmax=max(high, low + 1e-9),
            linewidths=0,
            rasterized=True,
        )
        axes.set_title(f"{name}, {len(every):,} points", fontsize=9.5)
        if not len(points):
            axes.text(0.5, 0.5, "no points", transform=axes.transAxes, color=PAPER, ha="center")
    for axes in places[len(shown) :]:
        axes.set_axis_off()
