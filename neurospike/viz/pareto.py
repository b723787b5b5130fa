"""Accuracy against energy, with the points that none other beats joined by a line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from neurospike.errors import ArgumentError
from neurospike.viz._figure import COLOURS, figure
from neurospike.viz._names import name_places
from neurospike.viz._units import fitting

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_MOST_NAMES = 18


def pareto_plot(
    points: Sequence[Mapping[str, Any]],
    out: str | os.PathLike[str],
    *,
    title: str = "Accuracy against energy",
    note: str = "",
    score: str = "accuracy",
    named: Literal["front", "all"] = "front",
) -> Path:
    """Draw every point in the colour of its group, and the front of each group as a staircase.

    Parameters
    ----------
    points
        Mappings with "group", "energy_pj" (above 0) and "accuracy", a share of 1; "front" is true
        where no point of the group beats it, and "best" where none at all does; "name" is written
        beside it where there is room. "energy_low_pj", "energy_high_pj", "accuracy_low" and
        "accuracy_high" are drawn as ranges.
    out
        A .png, .svg or .pdf file.
    note
        A line below the axes, such as how many points are not drawn.
    score
        What "accuracy" is, for the axis.
    named
        Which points have their names and their ranges of accuracy: those that none of their group
        beats, of which the best alone are named where they are many; or all.

    Raises
    ------
    ArgumentError
        No points, energies that are not above 0, accuracies that are no shares.
    """
    _check(points)
    groups = list(dict.fromkeys(str(point["group"]) for point in points))
    with figure(out, 7.6, 4.8) as drawing:
        axes = drawing.subplots()
        axes.set_xscale("log")
        for index, group in enumerate(groups):
            members = [point for point in points if str(point["group"]) == group]
            colour = COLOURS[index % len(COLOURS)]
            marker = _MARKERS[index % len(_MARKERS)]
            _draw_group(axes, group, members, colour, marker, ranges=named)
        _number_energies(axes, [float(point["energy_pj"]) for point in points])
        axes.tick_params(axis="x", which="both", labelsize=9, pad=4)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}")
        axes.set(xlabel="energy an inference, priced operations", ylabel=f"{score} (%)")
        axes.set_title(title)
        axes.margins(x=0.1, y=0.08)
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, -0.02), min(high, 1.04))
        legend = axes.legend(loc="best", fontsize=9)
        if note:
            drawing.supxlabel(note, x=0.01, ha="left", fontsize=8, color="#4D4D4D")
        names = [(_place(point), str(point["name"])) for point in _named(points, named)]
        name_places(
            axes,
            names,
            places=[_place(point) for point in points],
            lines=_stairs(points, groups),
            faint=[bar for point in points for bar in _bar(point, named)],
            legend=legend,
        )
    return Path(out)


def _draw_group(
    axes: Any,
    group: str,
    members: Sequence[Mapping[str, Any]],
    colour: str,
    marker: str,
    *,
    ranges: Literal["front", "all"],
) -> None:
    front = sorted((p for p in members if p.get("front")), key=lambda p: float(p["energy_pj"]))
    behind = [p for p in members if not p.get("front")]
    for point in members:
        x, y = float(point["energy_pj"]), float(point["accuracy"])
        energies = _ends(point, "energy_low_pj", "energy_high_pj")
        if energies and energies[0] > 0:
            axes.plot(energies, [y, y], color=colour, linewidth=1.0, alpha=0.3)
        for (_, low), (_, high) in _bar(point, ranges):
            axes.plot([x, x], [low, high], color=colour, linewidth=1.0, alpha=0.3)
    axes.scatter(
        [p["energy_pj"] for p in behind],
        [p["accuracy"] for p in behind],
        s=26,
        marker=marker,
        facecolors="none",
        edgecolors=colour,
        linewidths=1.0,
        alpha=0.7,
    )
    axes.step(
        [p["energy_pj"] for p in front],
        [p["accuracy"] for p in front],
        where="post",
        color=colour,
        linewidth=1.1,
        marker=marker,
        markersize=5.5,
        label=group,
    )


def _bar(
    point: Mapping[str, Any], which: Literal["front", "all"]
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Ends of a point's range of accuracy, where it is drawn."""
    shares = _ends(point, "accuracy_low", "accuracy_high")
    if not shares or not (which == "all" or point.get("front")):
        return []
    x, _ = _place(point)
    return [((x, shares[0]), (x, shares[1]))]


def _ends(point: Mapping[str, Any], low: str, high: str) -> list[float]:
    known = [point[name] for name in (low, high) if point.get(name) is not None]
    return [float(value) for value in known] if len(known) == 2 else []


def _named(
    points: Sequence[Mapping[str, Any]], which: Literal["front", "all"]
) -> list[Mapping[str, Any]]:
    """Points whose names are written, those first that choose their places first."""
    named = [p for p in points if p.get("name") and (which == "all" or p.get("front"))]
    if which == "front" and len(named) > _MOST_NAMES:
        named = [p for p in named if p.get("best")]
    return sorted(named, key=lambda p: (not p.get("front"), -float(p["accuracy"])))


def _stairs(
    points: Sequence[Mapping[str, Any]], groups: Sequence[str]
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Ends of the lines that join the fronts."""
    found = []
    for group in groups:
        own = (p for p in points if p.get("front") and str(p["group"]) == group)
        for (x, y), (right, up) in pairwise(sorted(map(_place, own))):
            found += [((x, y), (right, y)), ((right, y), (right, up))]
    return found


def _place(point: Mapping[str, Any]) -> tuple[float, float]:
    return float(point["energy_pj"]), float(point["accuracy"])


def _number_energies(axes: Any, energies: Sequence[float]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    spread = max(energies) / min(energies)
    # Within a decade the powers of ten alone would leave the axis without a number.
    near = (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)
    within = near if spread < 3 else (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if spread < 8 else (1, 2, 5)
    axes.xaxis.set_major_locator(LogLocator(subs=within if spread < 100 else (1.0,)))
    axes.xaxis.set_major_formatter(_as_energy)
    axes.xaxis.set_minor_formatter(NullFormatter())


def _as_energy(value: float, _position: Any = None) -> str:
    factor, unit = fitting(value, "pJ")
    return f"{value / factor:.3g} {unit}"


def _check(points: Sequence[Mapping[str, Any]]) -> None:
    if not points:
        raise ArgumentError("pareto_plot.points: must be one point or more; got none.")
    for point in points:
        energy, accuracy = float(point["energy_pj"]), float(point["accuracy"])
        if not 0 < energy < float("inf"):
            raise ArgumentError(f"pareto_plot.points: energies must be above 0; got {energy} pJ.")
        if not 0 <= accuracy <= 1:
            raise ArgumentError(
                f"pareto_plot.points: accuracies must be shares from 0 to 1; got {accuracy}."
            )
