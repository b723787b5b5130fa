"""Scans made of boxes of points on flat ground, for tests that need something to find."""

import math

import numpy as np
import torch

from neurospike.encoders import Voxelizer
from neurospike.sparse import VoxelTensor

POINT_RANGE = (0.0, -6.4, -3.0, 12.8, 6.4, 1.0)
VOXEL_SIZE = (0.1, 0.1, 0.2)
CLASSES = ("Car", "Pedestrian", "Cyclist")
SIZES = ((3.9, 1.6, 1.56), (0.8, 0.6, 1.73), (1.76, 0.6, 1.73))

SMALL = {
    "point_range": POINT_RANGE,
    "voxel_size": VOXEL_SIZE,
    "stem": 8,
    "channels": (8, 16, 16),
    "blocks": 1,
    "out_channels": 16,
    "bev_channels": (16, 16),
    "bev_layers": (1, 1),
    "up_channels": 16,
}


def street(seed: int, objects: int = 4) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
    """Points (N, 4), boxes (M, 7) and labels (M,): objects that do not touch, and the ground."""
    rng = np.random.default_rng(seed)
    boxes: list[list[float]] = []
    labels: list[int] = []
    while len(boxes) < objects:
        label = len(boxes) % 3
        size = np.array(SIZES[label]) * rng.uniform(0.9, 1.1, 3)
        x, y = rng.uniform(2.5, 10.5), rng.uniform(-4.2, 4.2)
        if all(math.hypot(x - b[0], y - b[1]) > (b[3] + size[0]) / 2 + 0.3 for b in boxes):
            yaw = rng.uniform(-math.pi, math.pi)
            boxes.append([x, y, -1.73 + size[2] / 2, *size, yaw])
            labels.append(label)
    parts = [
        np.column_stack([rng.uniform((0, -6.4), (12.8, 6.4), (3000, 2)), np.full(3000, -1.75)])
    ]
    parts += [_surface(rng, box) for box in boxes]
    points = np.concatenate(parts)
    intensity = rng.uniform(0, 1, (len(points), 1))
    scan = np.concatenate([points, intensity], 1).astype(np.float32)
    return scan, torch.tensor(boxes, dtype=torch.float64), torch.tensor(labels)


def batch(
    scans: int, *, objects: int = 4, seed: int = 0
) -> tuple[VoxelTensor, list[torch.Tensor], list[torch.Tensor]]:
    """Voxels, boxes and labels of several streets."""
    made = [street(seed + index, objects) for index in range(scans)]
    points = np.concatenate([scan for scan, _, _ in made])
    sample = np.concatenate([np.full(len(scan), row) for row, (scan, _, _) in enumerate(made)])
    voxels, _ = Voxelizer(VOXEL_SIZE, POINT_RANGE)(points[:, :3], points[:, 3:], sample, scans)
    return voxels, [boxes for _, boxes, _ in made], [labels for _, _, labels in made]


def _surface(rng: np.random.Generator, box: list[float]) -> np.ndarray:
    """Points on the sides and the roof; the front's upper half is missing, so that it shows."""
    unit = rng.uniform(-0.5, 0.5, (600, 3))
    side = rng.integers(0, 5, 600)
    unit[side == 0, 0], unit[side == 1, 0] = 0.5, -0.5
    unit[side == 2, 1], unit[side == 3, 1] = 0.5, -0.5
    unit[side == 4, 2] = 0.5
    unit = unit[(unit[:, 0] < 0.2) | (unit[:, 2] < 0.0)] * box[3:6]
    c, s = math.cos(box[6]), math.sin(box[6])
    turned = unit @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    return turned + box[:3]
