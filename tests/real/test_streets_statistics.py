"""Scans of Streets have the density, ranges and intensities of both real frames."""

from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import KITTI, Streets

ROOT = Path(__file__).resolve().parents[3] / "shared" / "data" / "kitti"
pytestmark = pytest.mark.skipif(
    not ROOT.is_dir(), reason=f"no real scans at {ROOT}; shared/data/README.md says what lies there"
)
RANGES_M = (0, 10, 20, 40, 80)


@pytest.fixture(scope="module")
def scans() -> tuple[list[dict], list[dict]]:
    real = KITTI(ROOT, split="train", protocol="legacy")
    made = Streets("test", 6, task="segment", scans_per_world=1)
    return list(real), list(made)


def test_counts_ranges_and_intensities_are_near(scans: tuple[list[dict], list[dict]]) -> None:
    real, made = scans
    camera = Streets("test", 1).calibration

    def middle(samples: list[dict], cameras: list) -> dict[str, float]:
        rows = []
        for sample, view in zip(samples, cameras, strict=True):
            points = sample["points"]
            away = np.linalg.norm(points[:, :3], axis=1)
            shares = np.histogram(away, RANGES_M)[0] / len(points)
            rows.append([len(points), view.in_image(points).sum(), points[:, 3].mean(), *shares])
        names = ("points", "in the image", "intensity", *RANGES_M[1:])
        return dict(zip(map(str, names), np.median(rows, axis=0).tolist(), strict=True))

    theirs = middle(real, [sample["calibration"] for sample in real])
    ours = middle(made, [camera] * len(made))
    for name, least, most in (
        ("points", 0.85, 1.1),
        ("in the image", 0.75, 1.15),
        ("intensity", 0.8, 1.25),
        ("10", 0.75, 1.25),
        ("20", 0.6, 1.4),
    ):
        assert least < ours[name] / theirs[name] < most, (name, ours[name], theirs[name])
    assert ours["80"] < 0.12


def test_rings_run_as_in_kitti(scans: tuple[list[dict], list[dict]]) -> None:
    """The same order of points: ring after ring, each once around from straight ahead."""
    for sample in (*scans[0], *scans[1]):
        points = sample["points"]
        turn = np.mod(np.arctan2(points[:, 1], points[:, 0]), 2 * np.pi)
        starts = np.flatnonzero(np.diff(turn) < -np.pi) + 1
        assert len(starts) == 63
        height = np.degrees(np.arctan2(points[:, 2], np.hypot(points[:, 0], points[:, 1])))
        rings = np.array([np.median(part) for part in np.split(height, starts)])
        assert (np.diff(rings) < 0.1).all()
