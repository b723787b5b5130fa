"""Draw the pictures of driving scenes: ``python tools/driving_figures.py --help``.

KITTI frames with their labels and a detector's boxes, and simulated streets with what a detector
and a segmenter find in them. Equal inputs give equal files.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from neurospike import datasets, viz
from neurospike.cli.scans import open_detector, plain
from neurospike.train.scenes import run_scenes

HERE = Path(__file__).resolve().parents[1]
FIGURES = HERE / "docs" / "figures"
FRAMES = HERE / ".." / "shared" / "data" / "kitti"

log = logging.getLogger("driving_figures")


def draw_frames(root: Path, detector: Path | None, out: Path, *, score: float) -> None:
    """Every labelled frame of a KITTI folder, with a detector's boxes where there is one."""
    frames = datasets.KITTI(root=root, split="train", protocol="legacy")
    opened = None if detector is None else open_detector(detector, score=score)
    for index in range(min(len(frames), 4)):
        sample = frames[index]
        points, camera = sample["points"], sample["calibration"]
        labelled = viz.scene_boxes(sample["boxes"], sample["names"])
        found = None
        if opened is not None:
            result = plain(opened.session(points[camera.in_image(points)]).output, opened.classes)
            found = viz.scene_boxes(result.boxes, result.names, result.scores)
        title = f"KITTI, frame {sample['name']}"
        shown = viz.scan_scene(points, labelled=labelled, detected=found, title=title)
        log.info("%s", viz.scene_picture(shown, out / f"driving_kitti_{sample['name']}.png"))


def draw_run(name: str, checkpoint: Path, out: Path, *, count: int, score: float) -> None:
    """Test scans of a run, with what its network finds."""
    for number, shown in enumerate(run_scenes(checkpoint, count=count, score=score)):
        log.info("%s", viz.scene_picture(shown, out / f"driving_{name}_{number}.png"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kitti", type=Path, default=FRAMES, help="a folder in KITTI's layout")
    parser.add_argument("--detector", type=Path, help="best.safetensors of a run that detects")
    parser.add_argument("--segmenter", type=Path, help="best.safetensors of a run that segments")
    parser.add_argument("--count", type=int, default=2, help="test scans of each run")
    parser.add_argument("--score", type=float, default=0.3, help="least score of a box")
    parser.add_argument("--out", type=Path, default=FIGURES, help="folder of the pictures")
    given = parser.parse_args()
    if given.kitti.is_dir():
        draw_frames(given.kitti, given.detector, given.out, score=given.score)
    for name, path in (("detected", given.detector), ("segmented", given.segmenter)):
        if path is not None:
            draw_run(name, path, given.out, count=given.count, score=given.score)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
