"""What a network's time would have paid for: efficiency gaps, and layers under the waterline."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurospike.errors import ArgumentError
from neurospike.viz._figure import COLOURS, INK, figure
from neurospike.viz._units import three_digits

_NAMED = 4.0  # per cent of the time: room enough for a name
_LETTERS = 18
_HEADROOM = 0.6  # of what the layers span: room for an upright name of so many letters


def efficiency_gaps(
    points: Sequence[Mapping[str, Any]],
    out: str | os.PathLike[str],
    *,
    title: str = "Operations, and what the time would pay for",
) -> Path:
    """Draw each network as a line from its operations to those that its latency could hold.

    Parameters
    ----------
    points
        Mappings with "name", "operations" (MACs or accumulations, above 0), "payable" (latency
        times the machine's best, above 0) and "accuracy", a share of 1.

    Raises
    ------
    ArgumentError
        No points, or numbers that are not above 0.

    Source
    ------
    arXiv:2404.03617, whose plots have latency in the place of operations.
    """
    if not points:
        raise ArgumentError("efficiency_gaps.points: must hold one point or more; got none.")
    for point in points:
        if not min(float(point["operations"]), float(point["payable"])) > 0:
            raise ArgumentError(
                f"efficiency_gaps.points: {point['name']!r} must have operations and a latency "
                f"above 0; got {point['operations']} and {point['payable']}."
            )
    ordered = sorted(points, key=lambda point: float(point["accuracy"]))
    with figure(out, 8.0, 1.4 + 0.36 * len(ordered)) as drawing:
        axes = drawing.subplots()
        axes.set_xscale("log")
        for place, point in enumerate(ordered):
            low, high = float(point["operations"]), float(point["payable"])
            axes.plot([low, high], [place, place], color=COLOURS[0], linewidth=2.0, alpha=0.45)
            axes.plot(low, place, "o", color=COLOURS[0])
            axes.plot(high, place, "|", color=COLOURS[1], markersize=12, markeredgewidth=2.5)
            axes.annotate(
                f"{three_digits(high / low)}x", (max(low, high), place), (8, 0),
                textcoords="offset points", va="center", fontsize=8, color=INK,
            )  # fmt: skip
        axes.set_yticks(
            range(len(ordered)),
            [f"{point['name']}  {100 * float(point['accuracy']):.1f} %" for point in ordered],
            fontsize=9,
        )
        axes.margins(x=0.12)
        axes.set_xlabel("operations an inference: dot, done; bar, what its latency would pay for")
        axes.set_title(title)
        axes.grid(axis="y", visible=False)
    return Path(out)


def waterline_plot(
    layers: Sequence[Mapping[str, Any]],
    out: str | os.PathLike[str],
    *,
    waterline: float,
    title: str = "Layers and the waterline",
) -> Path:
    """Draw operations a byte of every layer, as wide as its share of the time.

    Layers that stay under the waterline wait for memory. Below, the share of the machine's best
    that each reaches, and what memory would let it reach.

    Parameters
    ----------
    layers
        Mappings with "name", "seconds", "intensity" (operations a byte), "efficiency" and
        "attainable", shares of 1; in the order of execution.
    waterline
        Operations a byte of the machine.

    Raises
    ------
    ArgumentError
        No layer that took time.

    Source
    ------
    arXiv:2404.03617, section on waterline analysis.
    """
    kept = [layer for layer in layers if float(layer["seconds"]) > 0]
    if not kept:
        raise ArgumentError("waterline_plot.layers: must hold a layer that takes time; got none.")
    widths = np.array([float(layer["seconds"]) for layer in kept])
    widths = 100 * widths / widths.sum()
    starts = np.concatenate([[0.0], np.cumsum(widths)[:-1]])
    heights = np.array([max(float(layer["intensity"]), 1e-3) for layer in kept])
    under = heights < waterline
    with figure(out, 8.6, 5.4) as drawing:
        above, below = drawing.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        floor = min(heights.min(), waterline) / 2
        above.set_yscale("log")
        above.bar(
            starts, heights - floor, widths, bottom=floor, align="edge", linewidth=0.6,
            edgecolor="white", color=[COLOURS[5] if wet else COLOURS[2] for wet in under],
        )  # fmt: skip
        above.axhline(waterline, color=COLOURS[1], linewidth=1.4)
        above.annotate(
            f"waterline, {waterline:.3g} operations a byte", (100, waterline), (0, 4),
            textcoords="offset points", ha="right", fontsize=9, color=COLOURS[1],
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0},
        )  # fmt: skip
        top = max(heights.max(), waterline)
        # A share of the axis, which is logarithmic: as much room whatever the layers span.
        above.set(ylabel="operations a byte", ylim=(floor, top * (top / floor) ** _HEADROOM))
        _name(above, kept, starts, widths, heights)
        reached = 100 * np.array([float(layer["efficiency"]) for layer in kept])
        could = 100 * np.array([float(layer["attainable"]) for layer in kept])
        below.bar(starts, could, widths, align="edge", color="#EDEDED", label="memory would allow")
        below.bar(
            starts, reached, widths, align="edge", color=COLOURS[0], edgecolor="white",
            linewidth=0.6, label="reached",
        )  # fmt: skip
        below.set(xlabel="time in layers (%)", ylabel="of the best (%)", xlim=(0, 100))
        below.legend(loc="upper right", fontsize=8, frameon=True, framealpha=0.9)
        above.set_title(title)
    return Path(out)


def _name(
    axes: Any, layers: Sequence[Mapping[str, Any]], starts: Any, widths: Any, tops: Any
) -> None:
    """Names of the layers that take enough time to have room for one."""
    for layer, start, width, top in zip(layers, starts, widths, tops, strict=True):
        if width < _NAMED:
            continue
        # Whole paths of layers would be longer than the figure is high.
        name = ".".join(str(layer["name"]).split(".")[-2:])
        name = name if len(name) <= _LETTERS else f"…{name[-_LETTERS:]}"
        axes.annotate(
            name, (start + width / 2, top), (0, 3), textcoords="offset points", ha="center",
            va="bottom", rotation=90 if width < 12 else 0, fontsize=7, color=INK,
        )  # fmt: skip
