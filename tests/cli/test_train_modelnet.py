"""Training on ModelNet10 in its OFF layout, from the command line."""

import json
import shutil
from pathlib import Path

import pytest

from neurospike.cli.main import main
from neurospike.datasets.modelnet_forms import CLASSES

TETRAHEDRON = "OFF\n4 4 0\n0 0 0\n1 0 0\n0 1 0\n0 0 {height}\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n"
# The counts share the header's line in some of the published files.
MERGED = TETRAHEDRON.replace("OFF\n", "OFF")
SMALL = [
    *("--set", "data.arguments.points=64", "--set", "data.arguments.validation=0.34"),
    *("--set", "voxels.size=0.2", "--set", "training.batch_size=8", "--epochs", "1"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for index, name in enumerate(CLASSES["modelnet10"]):
        for split, numbers in (("train", (1, 2, 3)), ("test", (4,))):
            folder = tmp_path / "ModelNet10" / name / split
            folder.mkdir(parents=True)
            for number in numbers:
                text = (MERGED if number == 1 else TETRAHEDRON).format(height=1 + index)
                (folder / f"{name}_{number:04d}.off").write_text(text)
    return tmp_path / "ModelNet10"


def test_train_and_evaluate(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    arguments = ["train", "modelnet10", "--root", str(root), "--out", str(out), *SMALL]
    assert main([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["classes"], result["test_samples"], result["epochs"]) == (10, 10, 1)
    assert main(["evaluate", result["checkpoint"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 10
    energy = ["energy", result["checkpoint"], "--samples", "2", "--json"]
    assert main(energy) == 0
    assert json.loads(capsys.readouterr().out)["twin"]["macs"] > 0


def test_a_corrupt_mesh_is_one_line_and_exit_code_2(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = root / "chair" / "train" / "chair_0002.off"
    broken.write_text("OFF\n4 4 0\n0 0 0\n")
    out = tmp_path / "run"
    code = main(["train", "modelnet10", "--root", str(root), "--out", str(out), *SMALL])
    assert code == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert "chair_0002.off" in error[-1]


def test_a_class_that_is_missing_is_one_line_and_exit_code_2(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(root / "chair")
    out = tmp_path / "run"
    code = main(["train", "modelnet10", "--root", str(root), "--out", str(out), *SMALL])
    assert code == 2
    assert "10 classes" in capsys.readouterr().err
