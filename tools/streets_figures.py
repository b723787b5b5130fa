"""Draw the figures of docs/streets.md: ``python tools/streets_figures.py ../shared/data/kitti``.

Equal inputs give equal pictures. The folder of real scans is left out where there is none.
"""

from __future__ import annotations

import sys
from pathlib import Path

from neurospike import viz
from neurospike.datasets import KITTI, Streets

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures"
AHEAD_M = (0.0, -25.0, 70.0, 25.0)
AROUND_M = (-50.0, -28.0, 50.0, 28.0)


def draw_detect(sample: dict, out: Path, title: str) -> None:
    """Points in the image and the boxes of their labels."""
    boxes = viz.scene_boxes(sample["boxes"], sample["names"])
    shown = viz.scan_scene(sample["points"], labelled=boxes, title=title)
    viz.scene_picture(shown, out, region=AHEAD_M)


def draw_segment(sample: dict, classes: tuple[str, ...], out: Path) -> None:
    """Points all around by class."""
    shown = viz.scan_scene(
        sample["points"],
        point_labels=sample["label"],
        classes=classes,
        title="Streets, task segment",
    )
    viz.scene_picture(shown, out, region=AROUND_M)


def main() -> None:
    streets = Streets("test", 9, task="detect")
    draw_detect(streets[0], FIGURES / "streets_detect.png", "Streets, task detect")
    around = Streets("test", 9, task="segment")
    draw_segment(around[0], around.classes, FIGURES / "streets_segment.png")
    if len(sys.argv) > 1:
        real = KITTI(sys.argv[1], split="train", protocol="legacy", crop_to_image=True)
        draw_detect(real[1], FIGURES / "streets_kitti.png", "KITTI 000001, a real scan")


if __name__ == "__main__":
    main()
