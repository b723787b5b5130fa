"""Scan after scan, as a sensor sends them: latency over a run, and memory over a long one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neurospike import models
from neurospike.bench.clouds import FRAMES
from neurospike.bench.voxels import scan
from neurospike.datasets.calibration import Calibration
from neurospike.encoders import Voxelizer, scan_voxelizer
from neurospike.errors import DataError
from neurospike.runtime import ScanSession
from neurospike.train import load_recipe
from neurospike.train.comparing.peaks import resident_megabytes

Floats = NDArray[np.float32]

SENSOR = "a LiDAR at 10 Hz"
PERIOD_MS = 100.0
LONG_RUN = 1_000
SETTLED = 100
"""Scans after which everything that is kept has been made once."""


def run(repeats: int = 15) -> list[dict[str, Any]]:
    """Latency of both detectors, and memory of 1,000 scans; a ratio above 1 keeps up.

    Of the published detector 4 x ``repeats`` scans are timed, of the CPU recipe's 1,000. Weights
    are random, so few boxes pass the least score, and decoding is cheaper than of a trained one.
    """
    frames = _frames()
    published = ScanSession(*_published())
    small = ScanSession(*_small())
    rows = [_latency("published detector", published, frames, 4 * repeats)]
    memory: list[float] = []
    name = "detector of streets-detect"
    rows.append(_latency(name, small, frames, LONG_RUN, after=lambda: _note(memory)))
    if memory[SETTLED - 1] > 0:  # only Linux tells
        rows.append(_memory_row(name, memory))
    return rows


def _published() -> tuple[Any, Voxelizer]:
    torch.manual_seed(0)
    model: Any = models.create("e3dsnn_detector").eval()
    return model, Voxelizer(model.voxel_size, model.point_range)


def _small() -> tuple[Any, Voxelizer]:
    recipe = load_recipe("streets-detect")
    part = recipe.scan
    if part is None or recipe.detect is None:
        raise DataError("streets-detect: has no section scan and detect; install it again.")
    torch.manual_seed(0)
    model: Any = models.create(
        "e3dsnn_detector",
        classes=list(recipe.detect.classes),
        in_features=7 if part.relative else 4,
        voxel_size=list(part.voxel_size),
        point_range=list(part.point_range),
        **recipe.model.arguments,
    ).eval()
    return model, scan_voxelizer(part.voxel_size, part.point_range, relative=part.relative)


def _frames() -> list[Floats]:
    """KITTI frames where they are at hand, else a synthetic scan; what the camera sees of them."""
    found = sorted(FRAMES.rglob("velodyne/*.bin"))
    clouds = [np.fromfile(path, np.float32).reshape(-1, 4) for path in found] or [scan()]
    camera = Calibration.typical()
    return [cloud[camera.in_image(cloud)] for cloud in clouds]


def _latency(
    name: str,
    session: ScanSession,
    frames: list[Floats],
    scans: int,
    *,
    after: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    for frame in frames:  # compiles, and fills what is filled once
        session(frame)
    session.clear_latency()
    rng = np.random.default_rng(0)
    for number in range(scans):
        frame = frames[number % len(frames)]
        # No two scans are alike: each misses other points, as rain would have it.
        session(frame[rng.random(len(frame)) > 0.1], time_s=number * PERIOD_MS / 1e3)
        after()
    found = session.latency()
    return {
        "case": f"{name}, {scans} scans in a row, the camera's view",
        "peer": SENSOR,
        "ours_ms": found.p50_ms,
        "p99_ms": found.p99_ms,
        "peer_ms": PERIOD_MS,
        "ratio": PERIOD_MS / found.p99_ms,
        "ours": (
            f"p50 {found.p50_ms:.0f} ms, p99 {found.p99_ms:.0f} ms (voxelise "
            f"{found.voxelise_ms:.1f}, network {found.network_ms:.0f}, decode "
            f"{found.decode_ms:.1f})"
        ),
        "theirs": f"{PERIOD_MS:.0f} ms",
    }


def _note(memory: list[float]) -> None:
    memory.append(resident_megabytes())


def _memory_row(name: str, memory: list[float]) -> dict[str, Any]:
    """Memory after 100 scans beside that after all: their ratio stays near 1."""
    early, late = memory[SETTLED - 1], memory[-1]
    return {
        "case": f"{name}, memory over {len(memory)} scans",
        "peer": f"after {SETTLED} scans",
        "ours_mb": late,
        "peer_mb": early,
        "ratio": early / late,
        "ours": f"{late:.0f} MB",
        "theirs": f"{early:.0f} MB",
    }
