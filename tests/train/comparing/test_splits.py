"""Runs that were tested on different samples are no contestants."""

import json
from pathlib import Path
from typing import Any

import pytest

from neurospike.errors import ArgumentError, DataError
from neurospike.train import Recipe, load_recipe
from neurospike.train.comparing.contestants import read_contestants
from neurospike.train.comparing.finished import read_run
from neurospike.train.comparing.splits import follows_seed
from neurospike.train.opponents import with_baseline
from tests.train.comparing.finished_runs import leave_run


def changed(recipe: Recipe, section: str, **values: Any) -> Recipe:
    part = getattr(recipe, section).model_copy(update=values)
    return recipe.model_copy(update={section: part})


def pair(folder: Path, first: dict[str, Any], second: dict[str, Any]) -> list[Path]:
    return [leave_run(folder / "first", **first), leave_run(folder / "second", **second)]


@pytest.fixture
def solids() -> Recipe:
    return load_recipe("solids")


@pytest.fixture
def digits() -> Recipe:
    return load_recipe("fsdd")


@pytest.mark.parametrize("change", [{"rotate": "all"}, {"thin_to_voxels": 8}, {"normalise": True}])
def test_what_test_samples_undergo_is_part_of_the_task(
    tmp_path: Path, solids: Recipe, change: dict[str, Any]
) -> None:
    other = with_baseline(changed(solids, "every_sample", **change), "convnext")
    folders = pair(tmp_path, {"recipe": solids}, {"recipe": other})
    (name,) = change
    with pytest.raises(ArgumentError, match=f"every_sample.{name}=.*only runs on the same split"):
        read_contestants(folders)


def test_detectors_are_scored_by_one_class(tmp_path: Path) -> None:
    cars = load_recipe("streets-detect")
    persons = changed(cars, "detect", classes=("Pedestrian", "Car"))
    runs = [
        {"recipe": one, "score": "AP", "predictions": {"best": {}}, "seed": 0}
        for one in (cars, persons)
    ]
    with pytest.raises(ArgumentError, match=r"AP of Pedestrian.*AP of Car"):
        read_contestants(pair(tmp_path, *runs))


def test_generated_samples_follow_the_seed(tmp_path: Path, solids: Recipe) -> None:
    twin = with_baseline(solids, "ann-twin")
    folders = pair(tmp_path, {"recipe": solids, "seed": 0}, {"recipe": twin, "seed": 7})
    with pytest.raises(ArgumentError, match=r"with seed 7, solids with seed 0.*the same seeds"):
        read_contestants(folders)
    more = leave_run(tmp_path / "third", solids, seed=7)
    with pytest.raises(ArgumentError, match="with seed 7, solids with seeds 0, 7"):
        read_contestants([*folders, more])
    last = leave_run(tmp_path / "fourth", twin, seed=0)
    found = read_contestants([*folders, more, last])
    assert [[run.seed for run in one.runs] for one in found] == [[0, 7], [0, 7]]


def test_other_data_may_have_any_seeds(tmp_path: Path, digits: Recipe) -> None:
    image = with_baseline(digits, "convnext")  # hears mel bands, not the cochlea
    folders = pair(tmp_path, {"recipe": digits, "seed": 0}, {"recipe": image, "seed": 7})
    assert len(read_contestants(folders)) == 2


def test_what_is_held_out_of_training_is_no_other_test_split(
    tmp_path: Path, digits: Recipe
) -> None:
    image = with_baseline(changed(digits, "data", arguments={"validation": 0.2}), "convnext")
    assert len(read_contestants(pair(tmp_path, {"recipe": digits}, {"recipe": image}))) == 2


def test_other_data_has_the_same_labels_whatever_the_seed(tmp_path: Path, digits: Recipe) -> None:
    image = with_baseline(digits, "convnext")
    labels = {"labels": [0] * 12, "best": [0] * 12}
    folders = pair(
        tmp_path, {"recipe": digits}, {"recipe": image, "seed": 1, "predictions": labels}
    )
    with pytest.raises(ArgumentError, match=r"second and .*first have other test samples"):
        read_contestants(folders)


@pytest.mark.parametrize("name", ["solids", "fsdd"])
def test_as_many_samples_are_tested_whatever_the_seed(tmp_path: Path, name: str) -> None:
    recipe = load_recipe(name)
    folders = pair(
        tmp_path, {"recipe": recipe, "samples": 24}, {"recipe": recipe, "seed": 1, "samples": 12}
    )
    with pytest.raises(ArgumentError, match="other test samples"):
        read_contestants(folders)


TRUTHS = {
    "streets-segment": (
        {"confusion": [[4, 1], [0, 2]], "unpredicted": [0, 0]},
        {"confusion": [[0, 5], [2, 0]], "unpredicted": [0, 0]},
        {"confusion": [[4, 2], [0, 2]], "unpredicted": [0, 0]},
    ),
    "streets-detect": (
        {"objects": {"Car": {"easy": 3}, "Cyclist": {"easy": 1}}},
        {"objects": {"Car": {"easy": 3}, "Pedestrian": {"easy": 2}}},
        {"objects": {"Car": {"easy": 4}}},
    ),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_scans_are_told_apart_by_what_they_hold(tmp_path: Path, name: str) -> None:
    recipe = load_recipe(name)
    twin = with_baseline(recipe, "ann-twin")
    first, same, other = (
        leave_run(
            tmp_path / str(place), one, score="AP", predictions={"best": truth, "last": truth}
        )
        for place, (one, truth) in enumerate(zip((recipe, twin, twin), TRUTHS[name], strict=True))
    )
    assert len(read_contestants([first, same])) == 2
    with pytest.raises(ArgumentError, match="other test samples"):
        read_contestants([first, other])


def test_which_test_samples_follow_the_seed(solids: Recipe, digits: Recipe) -> None:
    assert follows_seed(solids)
    assert not follows_seed(digits)
    shapes = changed(load_recipe("modelnet40"), "data", arguments={"form": "text"})
    assert not follows_seed(shapes)
    assert follows_seed(changed(shapes, "data", arguments={"form": "text", "points": 1024}))
    assert follows_seed(changed(shapes, "data", arguments={"form": "off"}))
    assert follows_seed(changed(shapes, "every_sample", rotate="z"))


def test_an_average_precision_of_one_seed_has_no_interval(tmp_path: Path) -> None:
    recipe = load_recipe("kitti")
    twin = with_baseline(recipe, "ann-twin")
    kept = {"score": "AP", "predictions": {"best": {}, "last": {}}}
    folders = [
        leave_run(tmp_path / "snn-0", recipe, **kept, accuracy=0.4),
        leave_run(tmp_path / "snn-1", recipe, seed=1, **kept, accuracy=0.5),
        leave_run(tmp_path / "twin", twin, **kept),
    ]
    spiking, conventional = read_contestants(folders)
    assert spiking.low is not None and spiking.low < 0.45
    assert spiking.notes == ()
    assert (conventional.low, conventional.high) == (None, None)
    assert "AP is no share of samples" in conventional.notes[0]


@pytest.mark.parametrize(
    ("file", "content", "match"),
    [
        ("result", {}, "seed must be a whole number, 0 or more; got None"),
        ("result", [], "must hold an object; got list"),
        ("result", {"seed": True}, "seed must be a whole number"),
        ("result", {"seed": 0, "parameters": 1, "test_samples": "12"}, "test_samples must be"),
        ("result", {"test_accuracy": 1.5}, "test_accuracy must be a share from 0 to 1; got 1.5"),
        ("result", {"score": None}, "score must be a name; got None"),
        ("predictions", [], "must hold an object; got list"),
        ("predictions", {"labels": 3}, "is damaged"),
        ("predictions", {"labels": ["a"]}, "is damaged"),
        ("predictions", {"best": []}, "is damaged"),
        ("predictions", {"best": {"confusion": [[1]]}}, "is damaged"),
        ("predictions", {"best": {"objects": {"Car": 1}}}, "is damaged"),
        ("recipe", [], "must hold an object; got list"),
    ],
)
def test_damage_is_named_with_its_file(
    tmp_path: Path, solids: Recipe, file: str, content: Any, match: str
) -> None:
    folder = leave_run(tmp_path / "run", solids)
    path = folder / f"{file}.json"
    if file == "result" and set(content) & {"test_accuracy", "score"}:
        content = {**json.loads(path.read_text()), **content}
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=match) as raised:
        read_run(folder)
    assert str(path) in str(raised.value)
