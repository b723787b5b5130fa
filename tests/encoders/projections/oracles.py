"""Projections of clouds, point by point in plain Python."""

import math
from typing import Any

import numpy as np

from neurospike.encoders.projections import Image


def part(value: float, low: float, high: float, count: int) -> int | None:
    """Which of equal parts of [low, high) a value lies in."""
    if not low <= value < high:
        return None
    return min(math.floor((value - low) / ((high - low) / count)), count - 1)


def from_above(points: Any, limits: Any, height: int, width: int) -> list[tuple[int, int, Any]]:
    """(row, column, point) of points inside: forward up, left on the left."""
    found = []
    for point in points:
        i = part(point[0], limits[0], limits[3], height)
        j = part(point[1], limits[1], limits[4], width)
        k = part(point[2], limits[2], limits[5], 1)
        if i is not None and j is not None and k is not None:
            found.append((height - 1 - i, width - 1 - j, point))
    return found


def voxels(points: Any, limits: Any, size: tuple[int, int], slices: int) -> Image:
    image = np.zeros((slices, *size), np.float32)
    for row, column, point in from_above(points, limits, *size):
        k = part(point[2], limits[2], limits[5], slices)
        assert k is not None
        image[k, row, column] = 1
    return image


def birds_eye(points: Any, limits: Any, size: tuple[int, int]) -> Image:
    image = np.zeros((4, *size), np.float32)
    counts = np.zeros(size, int)
    for row, column, point in from_above(points, limits, *size):
        place = np.float32((float(point[2]) - limits[2]) / (limits[5] - limits[2]))
        counts[row, column] += 1
        image[0, row, column] = 1
        image[1, row, column] = max(image[1, row, column], place)
        image[2, row, column] = min(1, math.log(counts[row, column] + 1) / math.log(64))
        image[3, row, column] = max(image[3, row, column], point[3])
    return image


# Axis and sign: towards the eye, to the right, up.
EYES = {
    "front": ("+x", "+y", "+z"),
    "back": ("-x", "-y", "+z"),
    "left": ("+y", "-x", "+z"),
    "right": ("-y", "+x", "+z"),
    "top": ("+z", "-y", "+x"),
    "bottom": ("-z", "+y", "+x"),
}


def depth(points: Any, limits: Any, size: tuple[int, int], views: Any) -> Image:
    image = np.zeros((len(views), *size), np.float32)
    for channel, name in zip(image, views, strict=True):
        for point in points:
            if any(part(point[a], limits[a], limits[a + 3], 1) is None for a in range(3)):
                continue
            parts, places = [], []
            for (sign, letter), count in zip(EYES[name], (1, size[1], size[0]), strict=True):
                axis = "xyz".index(letter)
                low, high = limits[axis], limits[axis + 3]
                at = part(point[axis], low, high, count)
                assert at is not None
                place = (float(point[axis]) - low) / (high - low)
                parts.append(at if sign == "+" else count - 1 - at)
                places.append(place if sign == "+" else 1 - place)
            row, column = size[0] - 1 - parts[2], parts[1]
            channel[row, column] = max(channel[row, column], 0.5 + 0.5 * places[0])
    return image


def scan(
    points: Any, size: tuple[int, int], *, up_deg: float, down_deg: float, far: float
) -> Image:
    height, width = size
    image = np.zeros((5, *size), np.float32)
    nearest = np.full(size, math.inf)
    for point in points:
        x, y, z, shine = (float(value) for value in point)
        distance = math.sqrt(x * x + y * y + z * z)
        if not 0 < distance < far:
            continue
        elevation = math.degrees(math.asin(max(-1.0, min(1.0, z / distance))))
        if not down_deg <= elevation <= up_deg:
            continue
        row = min(int((up_deg - elevation) * (height / (up_deg - down_deg))), height - 1)
        column = int((math.pi - math.atan2(y, x)) * (width / (2 * math.pi))) % width
        if distance < nearest[row, column]:
            nearest[row, column] = distance
            image[:, row, column] = distance / far, x / far, y / far, z / far, shine
    return image
