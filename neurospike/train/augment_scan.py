"""What training scans undergo: the world turned, scaled and shifted, points taken away.

Points, boxes and labels of points go together; arrays that are given are left as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets import transforms
from neurospike.train.samples import Sample
from neurospike.train.scan_sections import AugmentScanPart

Points = NDArray[np.float32]
Boxes = NDArray[np.float64]


def augment_scan(sample: Sample, part: AugmentScanPart, rng: np.random.Generator) -> Sample:
    """Flip, turn, scale and shift a scan about the sensor, then take points away.

    Parameters
    ----------
    sample
        ``points`` (N, 4), and where there are any ``boxes`` (M, 7), and arrays with a row a point.
    part
        Its ``objects`` and ``mix`` are others' business.

    Cost
    ----
    A few passes over the points: some 0.5 ms for 20,000.
    """
    sample = moved(sample, random_move(part, rng))
    return drop_points(sample, part.drop_points, rng) if part.drop_points else sample


class Move:
    """A similarity of the plane, and a shift: p -> turn(flip(p)) * scale + shift.

    Attributes
    ----------
    angle
        Turn about the vertical in radians, counter-clockwise seen from above.
    flip_x, flip_y
        Whether x, and y, change their sign first.
    """

    def __init__(
        self,
        angle: float = 0.0,
        *,
        scale: float = 1.0,
        shift: tuple[float, float, float] = (0.0, 0.0, 0.0),
        flip_x: bool = False,
        flip_y: bool = False,
    ) -> None:
        self.angle = angle
        self.scale = scale
        self.shift = shift
        self.flip_x = flip_x
        self.flip_y = flip_y

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(2, 2), of (x, y)."""
        cosine, sine = self.scale * np.cos(self.angle), self.scale * np.sin(self.angle)
        signs = [-1.0 if self.flip_x else 1.0, -1.0 if self.flip_y else 1.0]
        return np.array([[cosine, -sine], [sine, cosine]]) * signs

    def points(self, points: NDArray[Any]) -> Points:
        """Points (N, 3 or more), moved; further columns stay."""
        out = np.array(points, dtype=np.float32)
        self._place(out)
        return out

    def boxes(self, boxes: NDArray[Any]) -> Boxes:
        """Boxes (M, 7), moved; yaws in [-pi, pi)."""
        out = np.array(boxes, dtype=np.float64).reshape(-1, 7)
        self._place(out)
        out[:, 3:6] *= self.scale
        yaw = out[:, 6]
        yaw = -yaw if self.flip_y else yaw
        yaw = np.pi - yaw if self.flip_x else yaw
        out[:, 6] = (yaw + self.angle + np.pi) % (2 * np.pi) - np.pi
        return out

    def _place(self, rows: NDArray[Any]) -> None:
        # Written out: a matrix product may round otherwise with another number of BLAS threads.
        matrix = self.matrix.astype(rows.dtype)
        x, y = rows[:, 0].copy(), rows[:, 1].copy()
        for axis in (0, 1):
            rows[:, axis] = matrix[axis, 0] * x + matrix[axis, 1] * y
        rows[:, 2] *= rows.dtype.type(self.scale)
        rows[:, :3] += np.array(self.shift, rows.dtype)


def random_move(part: AugmentScanPart, rng: np.random.Generator) -> Move:
    """A move within the limits of a recipe."""
    flip_x, flip_y = (axis in part.flip and rng.random() < 0.5 for axis in "xy")
    limit = np.deg2rad(part.rotate_deg)
    x, y, z = rng.normal(0.0, part.shift_m, 3) if part.shift_m else (0.0, 0.0, 0.0)
    return Move(
        float(rng.uniform(-limit, limit)) if limit else 0.0,
        scale=float(rng.uniform(*part.scale)),
        shift=(float(x), float(y), float(z)),
        flip_x=flip_x,
        flip_y=flip_y,
    )


def moved(sample: Sample, move: Move) -> Sample:
    """A scan, and its boxes where it has any, after a move."""
    changed: Sample = {"points": move.points(sample["points"])}
    if "boxes" in sample:
        changed["boxes"] = move.boxes(sample["boxes"])
    return {**sample, **changed}


def drop_points(sample: Sample, largest: float, rng: np.random.Generator) -> Sample:
    """Take away a share of the points, drawn from 0 to ``largest``."""
    count = len(sample["points"])
    share = rng.uniform(0, largest)
    return chosen_points(sample, transforms.thin(count, int(count * (1 - share)), rng))


def chosen_points(sample: Sample, rows: NDArray[Any]) -> Sample:
    """A scan with the points of a mask (N,) or of indices; what has a row a point goes along."""
    count = len(sample["points"])
    of_points = {
        key: sample[key][rows]
        for key in ("points", "label", "instance")
        if isinstance(sample.get(key), np.ndarray) and len(sample[key]) == count
    }
    return {**sample, **of_points}
