"""Two processes under torchrun train what one trains, and resume where they were broken off."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from neurospike.datasets import write_kitti_frame
from tests.train.scenes import Scenes
from tests.train.two_ranks import recipes, run_all

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes in KITTI's layout: 4 to train with, 3 to test with."""
    folder, scenes = tmp_path_factory.mktemp("kitti"), Scenes(7)
    for one in (scenes[index] for index in range(len(scenes))):
        write_kitti_frame(
            folder / "training", one["name"], one["points"], one["label"], one["calibration"]
        )
    (folder / "ImageSets").mkdir()
    for name, frames in (("train", range(4)), ("val", range(4, 7))):
        (folder / "ImageSets" / f"{name}.txt").write_text("".join(f"{i:06d}\n" for i in frames))
    return folder


@pytest.fixture(scope="module")
def two(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("two")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, "-m", "tests.train.two_ranks", str(out), str(data)],
        capture_output=True,
        text=True,
        timeout=500,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def one(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("one")
    run_all(out, data)
    return out


def furthest_apart(one: Path, other: Path) -> float:
    first, second = (
        {key: value.double() for key, value in load_file(path / "last.safetensors").items()}
        for path in (one, other)
    )
    assert first.keys() == second.keys()
    gaps = (
        float(((first[key] - second[key]).abs() / first[key].abs().clamp(min=1)).max())
        for key in first
        if first[key].numel()
    )
    return max(gaps)


@pytest.mark.parametrize("name", recipes())
def test_two_processes_train_what_one_trains(name: str, one: Path, two: Path) -> None:
    apart = furthest_apart(one / name, two / name)
    print(f"{name}: {apart:.1e}")  # shown by pytest -rP
    assert apart < 1e-5
    mine, other = (json.loads((run / name / "history.json").read_text()) for run in (one, two))
    assert len(mine) == len(other) == 2
    for row, peer in zip(mine, other, strict=True):
        assert row.keys() == peer.keys()
        for key in row:
            if key != "seconds" and not key.startswith("val_"):
                assert peer[key] == pytest.approx(row[key], rel=1e-4, abs=1e-5), key


@pytest.mark.parametrize("name", recipes())
def test_the_test_split_is_shared_and_kept_in_order(name: str, one: Path, two: Path) -> None:
    found: list[Any] = [json.loads((run / name / "result.json").read_text()) for run in (one, two)]
    assert found[0]["test_samples"] == found[1]["test_samples"]
    assert found[1]["metrics"] == pytest.approx(found[0]["metrics"], abs=1e-3)
    kept = [json.loads((run / name / "predictions.json").read_text()) for run in (one, two)]
    if "labels" in kept[0]:
        assert kept[0] == kept[1]


def test_a_resumed_run_of_two_ends_where_an_unbroken_one_does(two: Path) -> None:
    whole, resumed = (load_file(two / run / "last.safetensors") for run in ("solids", "resumed"))
    assert all((whole[key] == resumed[key]).all() for key in whole)
    assert len(json.loads((two / "resumed" / "history.json").read_text())) == 2
