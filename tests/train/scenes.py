"""Little streets for tests: boxes full of points on a plane, seen by KITTI's rig."""

from typing import Any

import numpy as np

from neurospike.datasets.calibration import Calibration

RANGE = (0.0, -12.8, -3.0, 25.6, 12.8, 1.0)
SIZES = {"Car": (3.9, 1.6, 1.5), "Van": (5.0, 1.9, 2.1), "Pedestrian": (0.8, 0.6, 1.7)}


class Scenes:
    """As ``datasets.KITTI``, drawn from a seed: objects of several names on a plane at -1.7 m."""

    classes = ("Car", "Pedestrian", "Cyclist")

    def __init__(self, count: int = 4, *, seed: int = 0, points: int = 60) -> None:
        self.count, self.seed, self.points = count, seed, points

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, index])
        names = ("Car", "Car", "Van", "Pedestrian")
        boxes = np.array([self._box(name, place, rng) for place, name in enumerate(names)])
        points = [self._inside(box, rng) for box in boxes]
        ground = rng.uniform(RANGE[:3], RANGE[3:], (300, 3))
        ground[:, 2] = -1.7
        xyz = np.concatenate([ground, *points])
        cloud = np.concatenate([xyz, rng.random((len(xyz), 1))], 1).astype(np.float32)
        calibration = Calibration.typical()
        label = calibration.objects_of(boxes, names)
        return {
            "points": cloud,
            "label": label,
            "boxes": boxes,
            "names": names,
            "calibration": calibration,
            "name": f"{index:06d}",
        }

    def _box(self, name: str, place: int, rng: np.random.Generator) -> Any:
        size = SIZES[name]
        x, y = 9.0 + 4.0 * (place % 4), rng.uniform(-3, 3)
        return [x, y, -1.7 + size[2] / 2, *size, rng.uniform(-3, 3)]

    def _inside(self, box: Any, rng: np.random.Generator) -> Any:
        local = rng.uniform(-0.5, 0.5, (self.points, 3)) * box[3:6]
        cosine, sine = np.cos(box[6]), np.sin(box[6])
        x = box[0] + cosine * local[:, 0] - sine * local[:, 1]
        y = box[1] + sine * local[:, 0] + cosine * local[:, 1]
        return np.stack([x, y, box[2] + local[:, 2]], 1)
