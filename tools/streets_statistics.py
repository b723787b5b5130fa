"""Print how close scans of Streets are to real ones, as the table of docs/streets.md.

python tools/streets_statistics.py --real ../shared/data/kitti --streets 40
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets import KITTI, Streets
from neurospike.datasets.calibration import Calibration

RANGES_M = (0, 5, 10, 15, 20, 30, 40, 60, 80)
VOXEL_M = (0.05, 0.05, 0.1)
VOLUME_M = ((0, -40, -3), (70.4, 40, 1))
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
Rows = dict[str, float]


def occupied(points: NDArray[np.float32]) -> int:
    low, high = (np.array(corner) for corner in VOLUME_M)
    inside = ((points[:, :3] >= low) & (points[:, :3] < high)).all(axis=1)
    cells = np.floor((points[inside, :3].astype(np.float64) - low) / VOXEL_M).astype(np.int64)
    return len(np.unique((cells[:, 0] * 10_000 + cells[:, 1]) * 1_000 + cells[:, 2]))


def beams(points: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Rings of a file: each runs once around from straight ahead."""
    turn = np.mod(np.arctan2(points[:, 1], points[:, 0]), 2 * np.pi)
    return np.split(points, np.flatnonzero(np.diff(turn) < -np.pi) + 1)


def statistics(points: NDArray[np.float32], calibration: Calibration) -> Rows:
    image = points[calibration.in_image(points)]
    away = np.linalg.norm(points[:, :3], axis=1)
    rows: Rows = {
        "points": len(points),
        "points in the image": len(image),
        "occupied voxels in the image": occupied(image),
        "occupied voxels ahead": occupied(points),
        "points a voxel in the image": len(image) / max(occupied(image), 1),
        "rings": len(beams(points)),
    }
    rings = beams(points)
    per = np.array([len(ring) for ring in rings])
    for start in range(0, len(rings) - 7, 8):
        rows[f"points a ring, {start} to {start + 7}"] = per[start : start + 8].mean()
    shares = np.histogram(away, RANGES_M)[0] / len(points)
    for low, high, share in zip(RANGES_M[:-1], RANGES_M[1:], shares, strict=True):
        rows[f"share within {low} to {high} m (%)"] = 100 * share
    ahead = np.linalg.norm(image[:, :3], axis=1)
    shares = np.histogram(ahead, RANGES_M)[0] / len(image)
    for low, high, share in zip(RANGES_M[:-1], RANGES_M[1:], shares, strict=True):
        rows[f"in the image, {low} to {high} m (%)"] = 100 * share
    for level, value in zip(QUANTILES, np.quantile(points[:, 3], QUANTILES), strict=True):
        rows[f"intensity, quantile {level}"] = value
    rows["intensity of 0 (%)"] = 100 * float((points[:, 3] == 0).mean())
    for level, value in zip(QUANTILES, np.quantile(points[:, 2], QUANTILES), strict=True):
        rows[f"z, quantile {level} (m)"] = value
    return rows


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--real", type=Path, required=True)
    arguments.add_argument("--streets", type=int, default=40)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    real = KITTI(given.real, split="train", protocol="legacy")
    columns = [statistics(sample["points"], sample["calibration"]) for sample in real]
    # Two scans of each street: more streets in the same time.
    made = Streets("test", given.streets, given.seed, task="segment", scans_per_world=2,
                   interval_s=4.0)  # fmt: skip
    drawn = [statistics(sample["points"], made.calibration) for sample in made]
    names = [sample["name"] for sample in real]
    lines = [
        "| | " + " | ".join(f"KITTI {name}" for name in names) + " | Streets: median (range) |",
        "| --- |" + " ---: |" * (len(names) + 1),
    ]
    for key in columns[0]:
        values = np.array([row[key] for row in drawn])
        digits = 0 if values.max() > 200 else 2 if values.max() < 10 else 1
        cells = [f"{row[key]:,.{digits}f}" for row in columns]
        low, middle, high = np.quantile(values, (0, 0.5, 1))
        cells.append(f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})")
        lines.append(f"| {key} | " + " | ".join(cells) + " |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
