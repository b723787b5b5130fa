"""Scenes to turn around in a browser, as one page that needs nothing beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurospike.errors import ArgumentError
from neurospike.files import write_atomically
from neurospike.viz._chip_body import Body
from neurospike.viz._plotly import Spec, layout
from neurospike.viz._tables import Rows, facts, table
from neurospike.viz.scene import (
    EDGES,
    Floats,
    Scene,
    SceneBoxes,
    box_corners,
    ground_height,
    heading_ticks,
)
from neurospike.viz.scene_style import (
    DIM,
    HEIGHT_STOPS_M,
    NIGHT,
    PAPER,
    UNKNOWN,
    box_colour,
    class_colour,
    height_colours,
)

_POINTS = 30_000  # a scene; a browser turns them smoothly
_REACH_M = 75.0
_HEIGHT = 620  # pixels
_RINGS_M = (10.0, 20.0, 40.0, 60.0)


def scene_page(
    title: str,
    scenes: Sequence[Scene],
    out: str | os.PathLike[str],
    *,
    facts_shown: Mapping[str, Any] | None = None,
    tables: Mapping[str, Rows] | None = None,
) -> Path:
    """Write one HTML page with a scene to a figure; it asks no other host for anything.

    Parameters
    ----------
    facts_shown
        A list of facts above the scenes.
    tables
        Headings and rows, shown on a tab of their own: measures, or what was found.
    out
        The .html file.

    Raises
    ------
    ArgumentError
        No scene.
    DataError
        A place that cannot be written.
    MissingExtraError
        plotly is not installed.

    Cost
    ----
    Five megabytes of plotly.js, and three quarters of one a scene.
    """
    if not scenes:
        raise ArgumentError("scene_page.scenes: must hold one scene or more; got none.")
    body = Body()
    if facts_shown:
        body.add("Scenes", facts(facts_shown), heading="What ran")
    for shown in scenes:
        add_scene(body, "Scenes", shown)
    for heading, rows in (tables or {}).items():
        body.add("Numbers", table(rows), heading=heading)
    write_atomically(Path(out), body.document(title))
    return Path(out)


def add_scene(body: Body, tab: str, shown: Scene) -> None:
    """Add a scene to a tab of a page."""
    caption = (
        "Drag to turn, scroll to come nearer; a click on a name in the legend hides or shows it."
    )
    drawn = min(len(shown.points), _POINTS)
    if drawn < len(shown.points):
        caption += f" Drawn are {drawn:,} of {len(shown.points):,} points, within {_REACH_M:g} m."
    body.add(tab, body.figure(scene_figure(shown), caption), heading=shown.title)


def scene_figure(shown: Scene) -> Spec:
    """A scene as plain dictionaries for plotly.js."""
    kept = _thinned(shown)
    traces = [_rings(ground_height(shown.points))]
    traces += _class_traces(shown, kept) if shown.point_labels is not None else [
        _height_trace(shown, kept)
    ]  # fmt: skip
    both = shown.detected is not None
    for kind, boxes in shown.drawn:
        traces += _box_traces(boxes, kind, as_label=kind == "label" and both)
    base = layout(height=_HEIGHT)
    hidden = {"visible": False}
    return {
        "data": traces,
        "layout": {
            **base,
            "paper_bgcolor": NIGHT,
            "font": {**base["font"], "color": PAPER},
            "legend": {**base["legend"], "itemsizing": "constant"},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": DIM, "activecolor": PAPER},
            "margin": {"l": 0, "r": 0, "t": 36, "b": 0},
            "scene": {
                "aspectmode": "data",
                "bgcolor": NIGHT,
                "xaxis": hidden,
                "yaxis": hidden,
                "zaxis": hidden,
                "camera": {
                    "eye": {"x": -0.62, "y": 0.0, "z": 0.36},
                    "center": {"x": 0.08, "y": 0.0, "z": -0.03},
                },
            },
        },
    }


def _thinned(shown: Scene) -> Any:
    """Rows to draw: far points, which are few, more often than near ones."""
    reach = np.linalg.norm(shown.points[:, :2], axis=1)
    near = np.flatnonzero(reach <= _REACH_M)
    if len(near) <= _POINTS:
        return near
    weight = np.clip(reach[near], 3.0, 30.0)
    draw = np.random.default_rng(0)
    # The largest of u^(1 / w) are a sample without replacement, each as likely as its weight
    # says (Efraimidis and Spirakis 2006).
    order = np.argsort(-(draw.random(len(near)) ** (1.0 / weight)), kind="stable")
    return np.sort(near[order[:_POINTS]])


def _places(points: Floats) -> Spec:
    x, y, z = np.round(points[:, :3], 2).T
    return {"x": x.tolist(), "y": y.tolist(), "z": z.tolist()}


def _height_trace(shown: Scene, kept: Any) -> Spec:
    points = shown.points[kept]
    height = points[:, 2] - ground_height(shown.points)
    low, high = HEIGHT_STOPS_M[0], HEIGHT_STOPS_M[-1]
    shares = (HEIGHT_STOPS_M - low) / (high - low)
    scale = [
        [float(share), _rgb(colour)]
        for share, colour in zip(shares, height_colours(HEIGHT_STOPS_M), strict=True)
    ]
    marker = {
        "size": 1.6,
        "color": np.round(height, 2).tolist(),
        "colorscale": scale,
        "cmin": float(low),
        "cmax": float(high),
        "colorbar": {
            "title": {"text": "height over ground (m)", "side": "right"},
            "thickness": 10,
            "len": 0.5,
            "x": 0.99,
            "xanchor": "right",
            "outlinewidth": 0,
        },
    }
    return _cloud("points", points, marker)


def _class_traces(shown: Scene, kept: Any) -> list[Spec]:
    """A trace a class, most points first, so that each can be hidden."""
    if shown.point_labels is None:
        return []
    labels, points = shown.point_labels[kept], shown.points[kept]
    found, counts = np.unique(labels, return_counts=True)
    traces = []
    for place in found[np.argsort(-counts, kind="stable")].tolist():
        name = shown.classes[place] if place >= 0 else "unlabelled"
        colour = class_colour(name, place) if place >= 0 else UNKNOWN
        marker = {"size": 1.6, "color": _rgb(colour)}
        traces.append(_cloud(name, points[labels == place], marker))
    return traces


def _cloud(name: str, points: Floats, marker: Spec) -> Spec:
    return {
        "type": "scatter3d",
        "mode": "markers",
        "name": name,
        **_places(points),
        "marker": marker,
        "hoverinfo": "skip",
    }


def _box_traces(boxes: SceneBoxes, kind: str, *, as_label: bool) -> list[Spec]:
    """A trace a class: all its boxes as one broken line."""
    corners, ticks = box_corners(boxes.boxes), heading_ticks(boxes.boxes)
    traces = []
    for name in sorted(set(boxes.names)):
        x, y, z, text = [], [], [], []
        for row in (row for row, other in enumerate(boxes.names) if other == name):
            score = "" if boxes.scores is None else f" {boxes.scores[row]:.2f}"
            said = f"{name}{score}, {np.linalg.norm(boxes.boxes[row, :2]):.1f} m ({kind})"
            for line in [*corners[row][np.array(EDGES)], ticks[row]]:
                for point in (*np.round(line, 3).tolist(), (None, None, None)):
                    x.append(point[0])
                    y.append(point[1])
                    z.append(point[2])
                    text.append(said)
        line = {"color": PAPER if as_label else box_colour(name), "width": 2 if as_label else 4}
        if as_label:
            line["dash"] = "dash"
        shown = f"{name} ({kind})" if as_label else name
        traces.append(
            {"type": "scatter3d", "mode": "lines", "name": shown, "x": x, "y": y, "z": z,
             "text": text, "hoverinfo": "text", "line": line}
        )  # fmt: skip
    return traces


def _rings(ground: float) -> Spec:
    turns = np.linspace(-np.pi, np.pi, 121)
    x: list[float | None] = []
    y: list[float | None] = []
    for radius in _RINGS_M:
        x += [*np.round(radius * np.cos(turns), 2).tolist(), None]
        y += [*np.round(radius * np.sin(turns), 2).tolist(), None]
    said = ", ".join(f"{radius:g}" for radius in _RINGS_M)
    return {
        "type": "scatter3d",
        "mode": "lines",
        "name": f"rings at {said} m",
        "x": x,
        "y": y,
        "z": [None if value is None else round(ground, 2) for value in x],
        "hoverinfo": "skip",
        "line": {"color": DIM, "width": 1},
    }


def _rgb(colour: Any) -> str:
    red, green, blue = (round(255 * float(part)) for part in colour)
    return f"rgb({red},{green},{blue})"
