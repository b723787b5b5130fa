from pathlib import Path
from typing import Any

import pytest

from neurospike.errors import ArgumentError, DataError
from neurospike.train import load_recipe, parse_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_that_ships_is_valid(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.source
    assert recipe.data.protocol == "clean"


def test_the_papers_recipe_is_the_papers() -> None:
    recipe = load_recipe("modelnet40")
    assert recipe.tested == "reduced"
    assert (recipe.optimizer.name, recipe.optimizer.lr, recipe.optimizer.momentum) == (
        "sgd",
        0.1,
        0.9,
    )
    assert recipe.optimizer.nesterov
    assert recipe.optimizer.weight_decay == 1e-3
    assert recipe.schedule.milestones == (0.6, 0.8)
    assert (recipe.training.epochs, recipe.training.batch_size) == (300, 16)
    assert recipe.training.label_smoothing == 0.2
    assert recipe.voxels.size == 0.01
    assert recipe.data.arguments["points"] == 8192
    assert (recipe.augment.scale, recipe.augment.shift) == ((0.9, 1.1), 0.2)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(ArgumentError, match="solids"):
        load_recipe("solid")


def test_an_unknown_key_is_named() -> None:
    content = load_recipe("solids").model_dump(mode="json")
    content["training"]["epoch"] = 3
    with pytest.raises(DataError, match=r"mine\.toml: training\.epoch: Extra inputs"):
        parse_recipe(content, origin="mine.toml")


def test_a_value_out_of_range_is_named() -> None:
    content = load_recipe("solids").model_dump(mode="json")
    content["voxels"]["size"] = 0
    with pytest.raises(DataError, match=r"voxels\.size: Input should be greater than 0"):
        parse_recipe(content, origin="mine.toml")


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("name = [")
    with pytest.raises(DataError, match=r"r\.toml: not valid TOML"):
        load_recipe(path)
    with pytest.raises(DataError, match="cannot be read"):
        load_recipe(tmp_path / "none.toml")


def test_kittis_recipe_is_the_papers() -> None:
    recipe = load_recipe("kitti")
    assert recipe.scan is not None
    assert recipe.scan.voxel_size == (0.05, 0.05, 0.1)
    assert recipe.scan.point_range == (0.0, -40.0, -3.0, 70.4, 40.0, 1.0)
    assert recipe.scan.max_voxels == 16000
    assert recipe.data.arguments == {"crop_to_image": True}
    assert (recipe.optimizer.name, recipe.optimizer.lr) == ("adam", 0.01)
    assert (recipe.schedule.name, recipe.training.epochs) == ("onecycle", 80)


def test_a_scan_is_for_detection_or_for_segmentation() -> None:
    content = load_recipe("streets-detect").model_dump(mode="json")
    with pytest.raises(DataError, match="needs one of the sections detect and segment"):
        parse_recipe({**content, "detect": None}, origin="test")
    with pytest.raises(DataError, match="needs one of the sections detect and segment"):
        parse_recipe({**content, "segment": {}}, origin="test")
    with pytest.raises(DataError, match="augment is not read by a recipe with a section scan"):
        parse_recipe({**content, "augment": {"shift": 1.0}}, origin="test")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"name": "solids"}, "detect needs the data kitti or streets; got 'solids'"),
        ({"name": "semantickitti"}, "detect needs the data kitti or streets"),
        ({"name": "streets", "arguments": {"task": "segment"}}, "streets with task = 'detect'"),
    ],
)
def test_scans_are_labelled_for_their_task(data: Any, problem: str) -> None:
    content = load_recipe("streets-detect").model_dump(mode="json")
    with pytest.raises(DataError, match=problem):
        parse_recipe({**content, "data": data}, origin="test")


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"scale": [1.1, 0.9]}, "augment_scan.scale"),
        ({"scale": [0.0, 1.0]}, "augment_scan.scale"),
        ({"objects": {"Car": -1}}, "augment_scan.objects.Car"),
    ],
)
def test_augmentation_out_of_range_is_named(changed: Any, where: str) -> None:
    content = load_recipe("streets-detect").model_dump(mode="json")
    content["augment_scan"] |= changed
    with pytest.raises(DataError, match=where):
        parse_recipe(content, origin="test")


def test_classes_to_detect_differ() -> None:
    content = load_recipe("streets-detect").model_dump(mode="json")
    content["detect"]["classes"] = ["Car", "Car"]
    with pytest.raises(DataError, match="detect: Value error, classes must differ"):
        parse_recipe(content, origin="test")
