"""Colours of scenes: boxes and points by class, points by height and intensity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.viz.scene import Floats, Scene, ground_height

NIGHT = "#0E131B"
"""Behind points: what is not there is dark."""
PAPER = "#E8ECF1"
"""Text and rings on it."""
DIM = "#7C8896"

# Told apart with every common form of colour vision, and from the points around them.
BOX_COLOURS = {
    "Car": "#FFB000",
    "Van": "#FFE27A",
    "Truck": "#FF7F50",
    "Pedestrian": "#FF5FA2",
    "Person_sitting": "#FF9EC8",
    "Cyclist": "#4DE1C1",
    "Tram": "#B39DFF",
    "Misc": "#C9D1DA",
}
_OTHERS = ("#8FD3FF", "#D7F171", "#FFC2A1", "#E0B0FF")

# Red, green, blue of semantic-kitti-api, config/semantic-kitti.yaml: what the field knows.
CLASS_COLOURS = {
    "car": (100, 150, 245),
    "bicycle": (100, 230, 245),
    "motorcycle": (30, 60, 150),
    "truck": (80, 30, 180),
    "other-vehicle": (0, 0, 255),
    "person": (255, 30, 30),
    "bicyclist": (255, 40, 200),
    "motorcyclist": (150, 30, 90),
    "road": (255, 0, 255),
    "parking": (255, 150, 255),
    "sidewalk": (75, 0, 75),
    "other-ground": (175, 0, 75),
    "building": (255, 200, 0),
    "fence": (255, 120, 50),
    "vegetation": (0, 175, 0),
    "trunk": (135, 60, 0),
    "terrain": (150, 240, 80),
    "pole": (255, 240, 150),
    "traffic-sign": (255, 0, 0),
}
UNKNOWN = (0.30, 0.33, 0.38)

# From the ground up: slate, blue, teal, pale green, near white; no hue of a box.
HEIGHT_STOPS_M = np.array([-0.3, 0.4, 1.5, 3.0, 6.0])
_HEIGHTS = np.array(
    [
        (0.21, 0.25, 0.38),
        (0.23, 0.40, 0.68),
        (0.22, 0.64, 0.78),
        (0.56, 0.85, 0.76),
        (0.94, 0.97, 0.90),
    ]
)


def rgb(colour: str) -> tuple[float, ...]:
    """ "#RRGGBB" to red, green, blue 0..1."""
    return tuple(int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))


def box_colour(name: str) -> str:
    """The colour of a class of boxes, the same in every picture."""
    if name in BOX_COLOURS:
        return BOX_COLOURS[name]
    return _OTHERS[sum(name.encode()) % len(_OTHERS)]


def class_colour(name: str, place: int) -> tuple[float, float, float]:
    """The colour of a class of points."""
    if name in CLASS_COLOURS:
        red, green, blue = CLASS_COLOURS[name]
        return red / 255, green / 255, blue / 255
    hue = (0.61803398875 * place) % 1.0
    wave = 0.5 + 0.45 * np.cos(2 * np.pi * (hue + np.array([0.0, 1 / 3, 2 / 3])))
    return float(wave[0]), float(wave[1]), float(wave[2])


def point_colours(shown: Scene) -> Floats:
    """(N, 3) red, green, blue 0..1: of the class where points have one, else by height.

    Intensity makes a point brighter: lane markings and signs stand out of their surroundings.
    """
    points = shown.points
    if shown.point_labels is not None:
        table = [class_colour(name, place) for place, name in enumerate(shown.classes)]
        coloured: Floats = np.array([*table, UNKNOWN])[shown.point_labels]
        return coloured
    colours = height_colours(points[:, 2] - ground_height(points))
    shine = np.clip(points[:, 3], 0.0, 1.0)[:, None]
    brighter: Floats = np.clip(colours * (0.8 + 0.9 * shine), 0.0, 1.0)
    return brighter


def height_colours(height_m: Floats) -> Floats:
    """(N,) metres above the ground to (N, 3) red, green, blue."""
    channels = [np.interp(height_m, HEIGHT_STOPS_M, column) for column in _HEIGHTS.T]
    colours: Floats = np.stack(channels, axis=-1)
    return colours


def present_classes(shown: Scene) -> list[tuple[str, Any]]:
    """(name, colour) of the classes that points have, most points first."""
    if shown.point_labels is None:
        return []
    counts: NDArray[np.int64] = np.bincount(
        shown.point_labels[shown.point_labels >= 0], minlength=len(shown.classes)
    )
    order = [place for place in np.argsort(-counts, kind="stable") if counts[place]]
    return [(shown.classes[place], class_colour(shown.classes[place], place)) for place in order]
