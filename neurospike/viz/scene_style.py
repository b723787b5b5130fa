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

# The hues of semantic-kitti-api's config/semantic-kitti.yaml, which the field knows. On a dark
# picture, what covers much is dimmed here, and what was nearly black is raised.
CLASS_COLOURS = {
    "car": (100, 160, 255),
    "bicycle": (100, 230, 245),
    "motorcycle": (70, 110, 225),
    "truck": (140, 90, 240),
    "other-vehicle": (85, 90, 255),
    "person": (255, 70, 70),
    "bicyclist": (255, 70, 205),
    "motorcyclist": (205, 60, 130),
    "road": (146, 88, 156),
    "parking": (205, 150, 205),
    "sidewalk": (104, 60, 122),
    "other-ground": (165, 50, 95),
    "building": (228, 186, 70),
    "fence": (240, 130, 75),
    "vegetation": (58, 160, 72),
    "trunk": (162, 102, 56),
    "terrain": (138, 198, 94),
    "pole": (255, 240, 150),
    "traffic-sign": (255, 160, 150),
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
    shine = np.clip(points[:, 3], 0.0, 1.0)[:, None]
    if shown.point_labels is not None:
        table = [class_colour(name, place) for place, name in enumerate(shown.classes)]
        named: Floats = np.array([*table, UNKNOWN])[shown.point_labels]
        return np.clip(named * (0.85 + 0.4 * shine), 0.0, 1.0)
    colours = height_colours(points[:, 2] - ground_height(points))
    return np.clip(colours * (0.8 + 0.9 * shine), 0.0, 1.0)


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
