"""Draw what conventional networks see, and time it: ``python tools/projection_figures.py --help``.

A frame of KITTI as range image and from above, a generated solid in the other projections. Equal
inputs give equal files.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from neurospike import datasets, viz
from neurospike.encoders.projections import create_projection

HERE = Path(__file__).resolve().parents[1]
FIGURES = HERE / "docs" / "figures"
SCAN = HERE / ".." / "shared" / "data" / "kitti" / "training" / "velodyne" / "000001.bin"

SOLID = 3  # of the test split, a chair
OF_SCANS: dict[str, dict[str, Any]] = {
    "range": {"size": (64, 1024), "intensity": True},
    "birds-eye": {"size": (352, 400), "intensity": True},
}
OF_SOLIDS: dict[str, dict[str, Any]] = {
    "depth": {"size": 64, "dot": 3},
    "mosaic": {"size": (64, 96), "normals": True},
    "voxels": {"size": 40, "slices": 40},
    "patches": {"size": (64, 32)},
}
BOX = {"point_range": (0.0, -40.0, -3.0, 70.4, 40.0, 1.0)}
AROUND = {"up_deg": 90, "down_deg": -90, "far": 2.0}
TIMED: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
    ("voxels", {"size": 48, "slices": 32}, BOX),
    ("depth", {"size": 64}, BOX),
    ("mosaic", {"size": (64, 96)}, BOX),
    ("birds-eye", {"size": 64, "point_range": 1.0}, {"size": (352, 400), **BOX}),
    ("range", {"size": (64, 256), **AROUND}, {"size": (64, 1024), "up_deg": 3, "down_deg": -25}),
    ("points", {"size": 1024}, {}),
    ("patches", {"size": (64, 32)}, {}),
)
"""Name, options of a cloud, and what is different for a scan."""

log = logging.getLogger("projection_figures")


def draw(name: str, options: dict[str, Any], points: Any, *, title: str, out: Path) -> None:
    """A projection of points, its panels and its inverse."""
    made = create_projection(name, **options)
    image = made({"points": points})
    back = made.inverse(image)["points"]
    clouds = [("the sample", points[:, :3]), ("back from the image", back[:, :3])]
    shape = " x ".join(str(side) for side in image.shape)
    place = out / f"projection_{name.replace('-', '_')}.png"
    heading = f"{title}: {name}, {shape}"
    log.info("%s", viz.panel_picture(made.panels(image), place, title=heading, clouds=clouds))


def milliseconds(name: str, options: dict[str, Any], points: Any, *, runs: int = 31) -> float:
    """Processor time of a projection, the median of some runs."""
    made, times = create_projection(name, **options), []
    for _ in range(runs):
        began = time.process_time()
        made({"points": points})
        times.append(1e3 * (time.process_time() - began))
    return statistics.median(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scan", type=Path, default=SCAN, help="a .bin scan of KITTI")
    parser.add_argument("--times", action="store_true", help="print times and draw nothing")
    parser.add_argument("--out", type=Path, default=FIGURES, help="folder of the pictures")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    scan = datasets.read_velodyne(given.scan)
    if given.times:
        cloud = datasets.Solids(split="test", noise=0.0, points=2048)[SOLID]["points"]
        for name, options, other in TIMED:
            of_scan = milliseconds(name, {**options, **other}, scan)
            log.info("| `%s` | %.2f | %.1f |", name, milliseconds(name, options, cloud), of_scan)
        return
    sample = datasets.Solids(split="test")[SOLID]
    points = np.concatenate([sample["points"], sample["normals"]], axis=1)
    for name, options in OF_SCANS.items():
        draw(name, options, scan, title="KITTI, frame 000001", out=given.out)
    for name, options in OF_SOLIDS.items():
        draw(name, options, points, title=f"solid {sample['name']}", out=given.out)


if __name__ == "__main__":
    main()
