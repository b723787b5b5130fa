"""SHD and SSC: their layout, splits by speaker, and damage."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import SHD, SSC, write_spikes
from neurospike.errors import ArgumentError, DataError

h5py = pytest.importorskip("h5py")

CLASSES = 20
KEYS = [f"word {label}" for label in range(CLASSES)]


def clips(count: int, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 30, count)
    times = [np.sort(rng.uniform(0, 1.2, n)).astype(np.float32) for n in lengths]
    return times, [rng.integers(0, 700, n) for n in lengths]


def write(path: Path, speakers: list[int], seed: int = 0) -> Path:
    people = np.repeat(speakers, 5)
    times, units = clips(len(people), seed)
    write_spikes(path, times, units, np.arange(len(people)) % CLASSES, speakers=people, keys=KEYS)
    return path


@pytest.fixture
def shd(tmp_path: Path) -> Path:
    """Ten speakers to train, two more to test, as the originals have it."""
    write(tmp_path / "shd_train.h5", [0, 1, 2, 3, 6, 7, 8, 9, 10, 11])
    write(tmp_path / "shd_test.h5", list(range(12)), seed=1)
    return tmp_path


def test_what_is_written_is_read_back(shd: Path) -> None:
    train = SHD(shd, protocol="legacy")
    times, units = clips(50)
    assert len(train) == 50
    assert train.units_total == 700
    assert train.classes == tuple(KEYS)
    for index, sample in enumerate(train):
        assert sample["times_s"].dtype == np.float32
        assert sample["units"].dtype == np.int32
        assert np.array_equal(sample["times_s"], times[index])
        assert np.array_equal(sample["units"], units[index])
        assert sample["label"] == index % CLASSES == train.labels[index]
        assert sample["speaker"] == train.speakers[index]
    assert train[7]["name"] == "shd_train_00007"


def test_the_layout_is_that_of_the_originals(tmp_path: Path) -> None:
    path = tmp_path / "shd_train.h5"
    write_spikes(path, [[0.5, 0.75]], [[3, 4]], [1], speakers=[6], keys=KEYS, dtype="float16")
    with h5py.File(path) as file:
        assert h5py.check_vlen_dtype(file["spikes/times"].dtype) == np.float16
        assert h5py.check_vlen_dtype(file["spikes/units"].dtype) == np.uint16
        assert file["labels"].dtype == file["extra/speaker"].dtype == np.uint16
        assert file["extra/keys"][1] == b"word 1"
        assert file["spikes/times"][0].tolist() == [0.5, 0.75]


def test_float16_costs_what_the_docstring_says(tmp_path: Path) -> None:
    times = np.array([0.5, 0.50049, 1.0, 1.00098], dtype=np.float32)
    for dtype, error in (("float32", 0.0), ("float16", 0.0005)):
        path = tmp_path / f"{dtype}.h5"
        write_spikes(path, [times], [[0] * 4], [0], dtype=dtype)
        assert np.abs(SHD(path)[0]["times_s"] - times).max() <= error


def test_clean_holds_whole_speakers_out(shd: Path) -> None:
    train, val, test = (SHD(shd, split) for split in ("train", "val", "test"))
    assert len(train.validation_speakers) == 2
    assert set(val.speakers) == set(train.validation_speakers) == set(val.validation_speakers)
    assert not set(train.speakers) & set(val.speakers)
    assert not {4, 5} & (set(train.speakers) | set(val.speakers))
    assert {4, 5} < set(test.speakers)
    assert len(train) + len(val) == 50
    assert {s["name"] for s in train} | {s["name"] for s in val} == {
        s["name"] for s in SHD(shd, validation=0)
    }
    seeds = {SHD(shd, "val", seed).validation_speakers for seed in range(5)}
    assert len(seeds) > 1


def test_speakers_may_be_named(shd: Path) -> None:
    assert set(SHD(shd, "val", validation=(3, 11)).speakers) == {3, 11}
    with pytest.raises(ArgumentError, match=r"some, not all.*got \[4\]"):
        SHD(shd, "val", validation=[4])


def test_legacy_validates_on_the_test_file(shd: Path) -> None:
    val = SHD(shd, "val", protocol="legacy")
    assert val[0]["name"] == "shd_test_00000"
    assert len(val) == 60
    assert len(SHD(shd, "train", protocol="legacy")) == 50


def test_ssc_has_its_own_validation_file(tmp_path: Path) -> None:
    for number, part in enumerate(("train", "valid", "test")):
        write(tmp_path / f"ssc_{part}.h5", [number], seed=number)
    names = {split: SSC(tmp_path, split)[0]["name"] for split in ("train", "val", "test")}
    assert names == {
        "train": "ssc_train_00000",
        "val": "ssc_valid_00000",
        "test": "ssc_test_00000",
    }
    assert SSC(tmp_path, "val", protocol="legacy")[0]["name"] == "ssc_test_00000"


def test_a_file_of_ones_own_is_read_by_its_path(shd: Path) -> None:
    path = shd / "mine.h5"
    write_spikes(path, [[0.25], []], [[699], []], [0, 1])
    mine = SHD(path, "test")
    assert len(mine) == 2
    assert mine.classes == ("0", "1")
    assert mine[1]["times_s"].shape == mine[1]["units"].shape == (0,)
    with pytest.raises(ArgumentError, match="single file is one split"):
        SHD(path, "val")


def test_a_pickle_carries_the_path_alone(shd: Path) -> None:
    data = SHD(shd)
    expected = data[0]["units"].tolist()
    assert pickle.loads(pickle.dumps(data))[0]["units"].tolist() == expected
    # What a spawned worker of a DataLoader does, in a process of its own.
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer)[0]['units'].tolist())"
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, input=pickle.dumps(data), capture_output=True, check=True)
    assert out.stdout.decode().strip() == str(expected)


def test_a_worker_that_was_forked_opens_it_anew(shd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = SHD(shd)
    before = data._file._file()
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert data._file._file() is not before


DAMAGE = {
    "labels": "no labels",
    "spikes/times": "no spikes/times",
    "spikes/units": "no spikes/units",
    "spikes": "no spikes/times",
    "extra/speaker": "no extra/speaker",
}


@pytest.mark.parametrize("group", DAMAGE)
def test_missing_groups_are_named(shd: Path, group: str) -> None:
    with h5py.File(shd / "shd_train.h5", "a") as file:
        del file[group]
    with pytest.raises(DataError, match=DAMAGE[group]) as caught:
        SHD(shd)
    assert "shd_train.h5" in str(caught.value)


def test_without_speakers_legacy_goes_on(shd: Path) -> None:
    with h5py.File(shd / "shd_train.h5", "a") as file:
        del file["extra"]
    train = SHD(shd, protocol="legacy")
    assert train.speakers is None
    assert "speaker" not in train[0]
    assert train.classes[3] == "3"


REPLACED = {
    "times of integers": ("spikes/times", "int32", "an array of float a clip"),
    "units of floats": ("spikes/units", "float32", "an array of integer a clip"),
}


@pytest.mark.parametrize("case", REPLACED)
def test_types_are_checked(shd: Path, case: str) -> None:
    name, kind, message = REPLACED[case]
    with h5py.File(shd / "shd_train.h5", "a") as file:
        del file[name]
        file.create_dataset(name, (50,), dtype=h5py.vlen_dtype(np.dtype(kind)))
    with pytest.raises(DataError, match=f"{name} needs {message}"):
        SHD(shd)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("labels", np.zeros(50, np.float32), "labels needs an integer a clip"),
        ("labels", np.zeros(49, np.uint16), "spikes/times needs a row for each of 49 labels"),
        ("labels", np.full(50, 20, np.uint16), r"labels must name one of 20 extra/keys; got 20"),
        ("extra/speaker", np.zeros(3, np.uint16), "extra/speaker needs a row for each of 50"),
        ("spikes/times", np.zeros((50, 2), np.float32), "spikes/times needs an array of float"),
    ],
)
def test_columns_are_checked(shd: Path, name: str, values: np.ndarray, message: str) -> None:
    with h5py.File(shd / "shd_train.h5", "a") as file:
        del file[name]
        file[name] = values
    with pytest.raises(DataError, match=message):
        SHD(shd)


EVENTS = {
    "unsorted": ([0.5, 0.25], [1, 2], "spikes/times must be ascending"),
    "nan": ([0.5, np.nan], [1, 2], "must be finite, 0 or more"),
    "negative": ([-0.5, 0.5], [1, 2], "must be finite, 0 or more"),
    "lengths": ([0.5], [1, 2], "equally long; got 1 and 2"),
    "range": ([0.5, 0.6], [1, 700], r"must lie in 0\.\.699; got 1\.\.700"),
}


@pytest.mark.parametrize("case", EVENTS)
def test_events_that_cannot_be_are_named(shd: Path, case: str) -> None:
    times, units, message = EVENTS[case]
    with h5py.File(shd / "shd_test.h5", "a") as file:
        file["spikes/times"][2] = np.array(times, np.float32)
        file["spikes/units"][2] = np.array(units, np.uint16)
    test = SHD(shd, "test")
    assert len(test[1]["units"]) >= 0
    with pytest.raises(DataError, match=message) as caught:
        test[2]
    assert "shd_test.h5: clip 2" in str(caught.value)


def test_unsorted_events_are_sorted_on_request_and_wide_units_allowed(tmp_path: Path) -> None:
    path = tmp_path / "clip.h5"
    write_spikes(path, [[0.25, 0.5]], [[800, 2]], [0])
    with h5py.File(path, "a") as file:
        file["spikes/times"][0] = np.array([0.5, 0.25], np.float32)
    sample = SHD(path, units_total=801, sort=True)[0]
    assert sample["times_s"].tolist() == [0.25, 0.5]
    assert sample["units"].tolist() == [2, 800]


def test_files_that_cannot_be_read_are_named(shd: Path) -> None:
    whole = (shd / "shd_train.h5").read_bytes()
    (shd / "shd_train.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"shd_train.h5: cannot read labels \(.*truncated"):
        SHD(shd)
    (shd / "shd_train.h5").write_text("no HDF5")
    with pytest.raises(DataError, match=r"shd_train.h5: cannot read"):
        SHD(shd)
    (shd / "shd_train.h5").unlink()
    with pytest.raises(DataError, match=r"does not hold shd_train.h5; got shd_test.h5.*data fetch"):
        SHD(shd)
    with pytest.raises(DataError, match="no such file"):
        SHD(shd / "none.h5")


BAD = {
    "lengths": (([[0.1]], [[1], [2]], [0, 1]), "times_s: one for each of 2 labels; got 1"),
    "events": (([[0.1]], [[1, 2]], [0]), r"units\[0\]: a unit for each of 1 times; got 2"),
    "order": (([[0.2, 0.1]], [[1, 2]], [0]), r"times_s\[0\]: finite seconds, 0 or more, ascending"),
    "units": (([[0.2]], [[-1]], [0]), r"units\[0\]: integers, 0\.\.65535; got int64 -1"),
    "labels": (([[0.2]], [[1]], [0.5]), "labels: integers"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_written_is_named(tmp_path: Path, case: str) -> None:
    arguments, message = BAD[case]
    with pytest.raises(ArgumentError, match=message):
        write_spikes(tmp_path / "clip.h5", *arguments)
    assert not list(tmp_path.iterdir())


def test_writing_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "clip.h5"
    write_spikes(path, [[0.25]], [[1]], [0])
    with pytest.raises(ArgumentError, match="a name for each of 3 classes"):
        write_spikes(path, [[0.5]], [[1]], [2], keys=["a"])
    assert SHD(path)[0]["times_s"].tolist() == [0.25]
    write_spikes(path, [], [], [])
    assert len(SHD(path)) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["clip.h5"]
    with pytest.raises(DataError, match="cannot be written"):
        write_spikes(path / "deeper.h5", [], [], [])
