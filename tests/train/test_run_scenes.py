"""Scenes of trained networks: the samples' own points, what is found and what is true."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from neurospike import models
from neurospike.cli.main import app, main
from neurospike.datasets import write_kitti_frame
from neurospike.errors import ArgumentError
from neurospike.train import load_recipe, parse_recipe, scenes
from neurospike.train.scenes import draw_scenes, run_scenes
from tests.train.scenes import RANGE, Scenes

SMALL = {
    "stem": 4, "channels": [4, 8], "blocks": 1, "out_channels": 8, "bev_channels": [8],
    "bev_layers": [0], "up_channels": 8,
}  # fmt: skip
CLASSES = ("car", "road", "building")


def detector_recipe() -> Any:
    content = load_recipe("streets-detect").model_dump(mode="json")
    content["data"] = {"name": "kitti"}
    content["scan"] |= {"voxel_size": [0.4, 0.4, 0.4], "point_range": list(RANGE)}
    content["detect"] = {"classes": ["Car", "Pedestrian"]}
    content["augment_scan"]["objects"] = {}
    content["model"]["arguments"] = SMALL
    return parse_recipe(content, origin="test")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """An untrained detector of a run on three scenes in KITTI's layout."""
    root, data = tmp_path / "kitti", Scenes(3)
    for index in range(3):
        one = data[index]
        write_kitti_frame(
            root / "training", one["name"], one["points"], one["label"], one["calibration"]
        )
    (root / "ImageSets").mkdir()
    (root / "ImageSets" / "train.txt").write_text("000000\n")
    (root / "ImageSets" / "val.txt").write_text("000001\n000002\n")
    recipe = detector_recipe()
    scan = recipe.scan.model_dump(mode="json")
    model = models.create(
        "e3dsnn_detector", classes=["Car", "Pedestrian"], in_features=7,
        voxel_size=scan["voxel_size"], point_range=scan["point_range"], **SMALL,
    )  # fmt: skip
    path = tmp_path / "run" / "best.safetensors"
    extra = {
        "recipe": recipe.model_dump(mode="json"), "seed": 0, "root": str(root),
        "classes": ["Car", "Pedestrian"],
    }  # fmt: skip
    models.save(model, path, extra=extra)
    return path


def test_a_detector_shows_its_boxes_beside_the_labels(checkpoint: Path) -> None:
    shown = run_scenes(checkpoint, count=5, score=0.0)
    assert [scene.title for scene in shown] == ["000001", "000002"]
    for index, scene in enumerate(shown, start=1):
        true = Scenes(3)[index]
        seen = true["calibration"].in_image(true["points"])
        assert len(scene.points) in (len(true["points"]), int(seen.sum()))
        assert scene.labelled is not None
        assert scene.labelled.names == ("Car", "Car", "Pedestrian")  # the van is not learnt
        assert np.allclose(scene.labelled.boxes, true["boxes"][[0, 1, 3]], atol=1e-5)
        assert scene.detected is not None
        assert scene.detected.scores is not None
        assert set(scene.detected.names) <= {"Car", "Pedestrian"}
        assert len(scene.detected) > 0
    (one,) = run_scenes(checkpoint, count=1, score=0.99)
    assert one.detected is not None
    assert len(one.detected) == 0


class Labelled:
    """Scans whose points are labelled by height."""

    classes = CLASSES

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = np.random.default_rng(index)
        points = rng.uniform(-4, 4, (90, 4)).astype(np.float32)
        label = np.where(points[:, 2] > 0, 2, 1)
        label[:10] = -1
        return {"points": points, "label": label, "name": f"08/{index:06d}"}


def test_a_segmenter_shows_predicted_and_true_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = load_recipe("streets-segment").model_dump(mode="json")
    content["scan"] |= {"voxel_size": [0.5, 0.5, 0.5], "point_range": [-5, -5, -5, 5, 5, 5]}
    recipe = parse_recipe(content, origin="test")
    model = models.create(
        "e3dsnn_segmenter", num_classes=3, in_features=7 if recipe.scan.relative else 4,
        **recipe.model.arguments,
    ).eval()  # fmt: skip
    path = tmp_path / "best.safetensors"
    models.save(model, path, extra={"recipe": recipe.model_dump(mode="json")})
    monkeypatch.setattr(scenes, "open_run", lambda *_, **__: (model, recipe, Labelled()))
    shown = run_scenes(path, count=2)
    assert len(shown) == 4
    assert shown[0].title.startswith("08/000000: predicted, ")
    assert shown[1].title == "08/000000: true"
    assert shown[0].classes == CLASSES
    assert shown[0].point_labels is not None
    assert shown[1].point_labels is not None
    assert (shown[0].point_labels >= 0).all()
    assert np.array_equal(shown[1].point_labels, Labelled()[0]["label"])


def test_a_run_keeps_a_picture(checkpoint: Path) -> None:
    (made,) = draw_scenes(checkpoint)
    assert made == checkpoint.parent / "scene_0.png"
    assert made.read_bytes().startswith(b"\x89PNG")


def test_a_count_below_one_is_refused() -> None:
    with pytest.raises(ArgumentError, match="1 or more"):
        run_scenes("none", count=0)


def test_evaluation_writes_a_page_of_scenes(checkpoint: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    said = CliRunner().invoke(app, ["evaluate", str(checkpoint), "--no-unary", "--html", str(page)])
    assert said.exit_code == 0, said.output
    text = page.read_text(encoding="utf-8")
    assert text.count('class="plot"') == 2
    assert "What run finds" in text


def test_a_page_of_a_run_on_other_data_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "best.safetensors"
    recipe = load_recipe("solids").model_dump(mode="json")
    models.save(models.create("e3dsnn", num_classes=2), path, extra={"recipe": recipe})
    assert run_scenes(path) == []
    assert main(["evaluate", str(path), "--html", str(tmp_path / "p.html")]) == 2
    assert "--html: shows scans" in capsys.readouterr().err
    assert not (tmp_path / "p.html").exists()
