"""ModelNet from its three published forms."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import ModelNet
from neurospike.datasets.modelnet import PUBLISHED_COUNTS
from neurospike.errors import ArgumentError, DataError


@pytest.mark.parametrize("above", [True, False])
def test_off_meshes_are_sampled_on_their_surface(tmp_path: Path, fakes, above: bool) -> None:
    folder = fakes.off(tmp_path)
    shapes = ModelNet(root=tmp_path if above else folder, variant="modelnet10", points=100)
    sample = shapes[0]
    assert shapes.form == "off"
    assert sample["points"].shape == sample["normals"].shape == (100, 3)
    assert sample["points"].dtype == sample["normals"].dtype == np.float32
    # On the unit cube: one coordinate of every point lies on a face, along its normal.
    on_face = np.isclose(sample["points"], 0) | np.isclose(sample["points"], 1)
    assert on_face[np.abs(sample["normals"]) > 0.5].all()
    assert sample["label"] == 0
    assert sample["name"].startswith("bathtub_")


def test_text_keeps_every_point_or_the_farthest(tmp_path: Path, fakes) -> None:
    folder = fakes.text(tmp_path)
    every = ModelNet(tmp_path, variant="modelnet10", split="test")
    some = ModelNet(tmp_path, variant="modelnet10", split="test", points=20)
    raw = np.loadtxt(folder / "bathtub" / "bathtub_0004.txt", delimiter=",", dtype=np.float32)
    assert every.form == "text"
    assert np.array_equal(every[0]["points"], raw[:, :3])
    assert np.array_equal(every[0]["normals"], raw[:, 3:])
    kept = {tuple(row) for row in some[0]["points"]}
    assert len(kept) == 20
    assert kept <= {tuple(row) for row in raw[:, :3]}


def test_hdf5_is_read_across_files(tmp_path: Path, fakes) -> None:
    fakes.hdf5(tmp_path)
    shapes = ModelNet(tmp_path, protocol="legacy", points=8192)
    assert shapes.form == "hdf5"
    assert len(shapes) == 80
    assert np.array_equal(shapes.labels, np.arange(80) % 40)
    assert shapes[79]["points"].shape == (32, 3)
    assert shapes[79]["name"] == "ply_data_train1_0039"
    assert len(ModelNet(tmp_path, split="test")) == 40


def test_splits_are_disjoint_stratified_and_follow_the_seed(tmp_path: Path, fakes) -> None:
    fakes.off(tmp_path, train=10, test=2)
    splits = {
        split: ModelNet(tmp_path, variant="modelnet10", split=split, points=8)
        for split in ("train", "val", "test")
    }
    names = {split: {sample["name"] for sample in shapes} for split, shapes in splits.items()}
    assert {split: len(shapes) for split, shapes in splits.items()} == {
        "train": 90,
        "val": 10,
        "test": 20,
    }
    assert not names["train"] & names["val"]
    assert not names["test"] & (names["train"] | names["val"])
    assert sorted(splits["val"].labels) == list(range(10))
    again = ModelNet(tmp_path, variant="modelnet10", split="val", points=8)
    other = ModelNet(tmp_path, variant="modelnet10", split="val", points=8, seed=1)
    assert [s["name"] for s in again] == [s["name"] for s in splits["val"]]
    assert [s["name"] for s in other] != [s["name"] for s in splits["val"]]


def test_legacy_trains_on_all_and_validates_on_the_test_split(tmp_path: Path, fakes) -> None:
    fakes.text(tmp_path)
    legacy = {
        split: ModelNet(tmp_path, variant="modelnet10", split=split, protocol="legacy")
        for split in ("train", "val", "test")
    }
    assert len(legacy["train"]) == 30
    assert [s["name"] for s in legacy["val"]] == [s["name"] for s in legacy["test"]]


def test_a_shape_is_the_same_in_any_order_and_protocol(tmp_path: Path, fakes) -> None:
    fakes.off(tmp_path)
    clean = ModelNet(tmp_path, variant="modelnet10", points=16)
    legacy = ModelNet(tmp_path, variant="modelnet10", points=16, protocol="legacy")
    by_name = {sample["name"]: sample for sample in legacy}
    for index in (len(clean) - 1, 0, 3):
        sample = clean[index]
        assert np.array_equal(sample["points"], by_name[sample["name"]]["points"])
    other = ModelNet(tmp_path, variant="modelnet10", points=16, seed=1, protocol="legacy")
    assert not np.array_equal(other[0]["points"], legacy[0]["points"])


def test_the_cache_gives_equal_bits_and_survives_damage(tmp_path: Path, fakes) -> None:
    folder = fakes.text(tmp_path)
    plain = ModelNet(tmp_path, variant="modelnet10", points=20)
    cached = ModelNet(tmp_path, variant="modelnet10", points=20, cache=tmp_path / "cache")
    first = cached[0]
    kept = sorted((tmp_path / "cache").rglob("*"))
    assert [path.suffix for path in kept if path.is_file()] == [".npy"]
    (folder / first["name"].rpartition("_")[0] / f"{first['name']}.txt").unlink()
    assert np.array_equal(cached[0]["points"], first["points"])
    assert np.array_equal(cached[0]["normals"], first["normals"])
    second = plain[1]
    cached[1]
    for path in kept:
        if path.is_file():
            path.write_bytes(path.read_bytes()[:30])
    assert np.array_equal(cached[1]["points"], second["points"])


def test_form_can_be_named_and_text_comes_first(tmp_path: Path, fakes) -> None:
    fakes.off(tmp_path)
    fakes.text(tmp_path)
    assert ModelNet(tmp_path, variant="modelnet10").form == "text"
    assert ModelNet(tmp_path, variant="modelnet10", form="off").form == "off"
    with pytest.raises(DataError, match="does not hold the hdf5 form of modelnet10"):
        ModelNet(tmp_path, variant="modelnet10", form="hdf5")


def test_data_sets_travel_to_spawned_workers(tmp_path: Path, fakes) -> None:
    fakes.hdf5(tmp_path)
    shapes = ModelNet(tmp_path)
    shapes[0]
    assert np.array_equal(pickle.loads(pickle.dumps(shapes))[3]["points"], shapes[3]["points"])


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_without_data_says_where_to_get_it(tmp_path: Path, made: bool) -> None:
    root = tmp_path if made else tmp_path / "none"
    match = "does not hold any published form of modelnet40; got nothing" if made else "not exist"
    with pytest.raises(DataError, match=match) as caught:
        ModelNet(root)
    for said in (str(root), "modelnet.cs.princeton.edu", "login", "docs/data.md"):
        assert said in str(caught.value)


def test_a_wrong_number_of_classes_is_named(tmp_path: Path, fakes) -> None:
    folder = fakes.off(tmp_path)
    with pytest.raises(DataError, match=r"modelnet40 has 40 classes; got 10 \(missing: airplane"):
        ModelNet(folder)
    (folder / "zebra" / "train").mkdir(parents=True)
    with pytest.raises(DataError, match=r"modelnet10 has 10 classes; got 11 .*unexpected: zebra"):
        ModelNet(folder, variant="modelnet10")


def test_hdf5_labels_beyond_the_classes_are_named(tmp_path: Path, fakes) -> None:
    import h5py

    folder = fakes.hdf5(tmp_path)
    with h5py.File(folder / "ply_data_train0.h5", "a") as file:
        file["label"][3] = 40
    with pytest.raises(DataError, match=r"labels lie in 0\.\.39.*; got 0\.\.40"):
        ModelNet(tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "text", "no label", "shape"])
def test_corrupt_hdf5_is_named(tmp_path: Path, fakes, damage: str) -> None:
    import h5py

    path = fakes.hdf5(tmp_path) / "ply_data_train0.h5"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif damage == "text":
        path.write_text("not HDF5")
    else:
        with h5py.File(path, "a") as file:
            del file["label"]
            if damage == "shape":
                file["label"] = np.zeros((3, 1), np.uint8)
    with pytest.raises(DataError) as caught:
        ModelNet(tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "got an empty file"),
        ("\n\n", "got an empty file"),
        ("1,2,3,0,0,1\n1,2,3\n", "lines hold x,y,z"),
        ("1,2,3,0,0,one\n", "lines hold x,y,z"),
        ("1,2,3,0\n", "got 4 columns"),
        ("1,2,nan,0,0,1\n", "must be finite"),
    ],
)
def test_corrupt_text_is_named(tmp_path: Path, fakes, text: str, match: str) -> None:
    path = fakes.text(tmp_path) / "bathtub" / "bathtub_0004.txt"
    path.write_text(text)
    shapes = ModelNet(tmp_path, variant="modelnet10", split="test")
    with pytest.raises(DataError, match=match) as caught:
        shapes[0]
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_corrupt_meshes_and_missing_files_are_named(tmp_path: Path, fakes) -> None:
    path = fakes.off(tmp_path) / "bathtub" / "test" / "bathtub_0004.off"
    shapes = ModelNet(tmp_path, variant="modelnet10", split="test")
    path.write_text("OFF\n3 1 0\n0 0 0\n")
    with pytest.raises(DataError, match="announces 3 vertices"):
        shapes[0]
    path.unlink()
    with pytest.raises(DataError, match=r"cannot read .*bathtub_0004"):
        shapes[0]


def test_unknown_names_in_a_list_are_named(tmp_path: Path, fakes) -> None:
    (fakes.text(tmp_path) / "modelnet10_train.txt").write_text("zebra_0001\n")
    with pytest.raises(DataError, match=r"modelnet10_train.txt: names are .*got 'zebra_0001'"):
        ModelNet(tmp_path, variant="modelnet10")


def test_verify_compares_with_the_published_numbers(
    tmp_path: Path, fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fakes.text(tmp_path)
    shapes = ModelNet(tmp_path, variant="modelnet10")
    with pytest.raises(DataError, match="has 3991 shapes to train; got 30, 0 without a file"):
        shapes.verify()
    monkeypatch.setitem(PUBLISHED_COUNTS, "modelnet10", (30, 20))
    assert shapes.verify() == {"train": 30, "test": 20}
    (folder / "bed" / "bed_0001.txt").unlink()
    with pytest.raises(DataError, match=r"1 without a file, .*bed_0001.txt among them"):
        shapes.verify()


@pytest.mark.parametrize(
    "arguments",
    [
        {"variant": "modelnet20"},
        {"split": "dev"},
        {"protocol": "dirty"},
        {"form": "ply"},
        {"validation": 1.0},
        {"points": 0},
    ],
)
def test_bad_arguments_are_named(tmp_path: Path, arguments: dict[str, object]) -> None:
    (name,) = arguments
    with pytest.raises(ArgumentError, match=rf"ModelNet\.{name}: "):
        ModelNet(tmp_path, **arguments)


def test_a_validation_split_needs_a_shape(tmp_path: Path, fakes) -> None:
    fakes.text(tmp_path)
    with pytest.raises(ArgumentError, match=r"validation: too small"):
        ModelNet(tmp_path, variant="modelnet10", split="val", validation=0)
    assert len(ModelNet(tmp_path, variant="modelnet10", validation=0)) == 30
