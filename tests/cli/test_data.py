"""``neurospike data``."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from neurospike import datasets
from neurospike.cli.main import main
from neurospike.datasets import downloads
from neurospike.datasets.semantic_kitti_poses import write_poses


def test_list_shows_every_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in downloads.SETS)
    assert main(["data", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert set(listed) == set(downloads.SETS)
    assert listed["shd"]["urls"][0] == "https://zenkelab.org/datasets/shd_train.h5.zip"


def test_verify_counts_what_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "fsdd"
    folder.mkdir()
    for digit in range(10):
        for take in range(50):
            with wave.open(str(folder / f"{digit}_ann_{take}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(b"\0\0")
    assert main(["data", "verify", "fsdd", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "fsdd: whole, 500 recordings\n"
    (folder / "3_ann_7.wav").unlink()
    assert main(["data", "verify", "fsdd", "--root", str(tmp_path), "--json"]) == 2
    error = capsys.readouterr().err
    assert "3_ann_7.wav among them" in error
    assert len(error.strip().splitlines()) == 1


def test_verify_reads_spikes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("h5py")
    from neurospike.datasets import write_spikes

    write_spikes(tmp_path / "shd_train.h5", [[0.1]], [[1]], [0])
    assert main(["data", "verify", "shd", "--root", str(tmp_path)]) == 2
    assert "8156 clips are published; got 1" in capsys.readouterr().err


def kitti(root: Path, frames: int = 3) -> Path:
    rig = datasets.Calibration.typical()
    for number in range(frames):
        objects = rig.objects_of([[20, 0, 0, 4, 2, 1.5, 0]], ["Car"])
        datasets.write_kitti_frame(
            root / "training", f"{number:06d}", np.ones((5, 4)), objects, rig
        )
    return root / "training"


def semantic(root: Path, scans: int = 3) -> Path:
    for number in range(scans):
        datasets.write_semantic_scan(root, "08", f"{number:06d}", np.ones((5, 4)), np.zeros(5, int))
    write_poses(root / "sequences" / "08", np.tile(np.eye(4), (scans, 1, 1)))
    return root / "sequences" / "08"


def test_verify_lists_what_kitti_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training = kitti(tmp_path)
    command = ["data", "verify", "kitti", "--root", str(tmp_path)]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "training: 3 scans; 7,481 are published" in out
    assert "no lists in ImageSets: frames go by seed" in out
    assert out.splitlines()[-1] == "kitti: whole, 3 training, 0 testing"

    (training / "calib" / "000000.txt").unlink()
    (training / "label_2" / "000001.txt").unlink()
    (training / "velodyne" / "000002.bin").unlink()
    assert main(command) == 2
    out, error = capsys.readouterr()
    for line in (
        "calib/000000.txt: missing; a scan without calib",
        "label_2/000001.txt: missing; its scan is there",
        "velodyne/000002.bin: missing; its calib is there",
        "velodyne/000002.bin: missing; its label_2 is there",
    ):
        assert line in out
    assert "whole" not in out
    assert "4 files are missing or damaged" in error
    assert len(error.strip().splitlines()) == 1

    assert main([*command, "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["whole"] is False
    assert document["counts"] == {"training": 2, "testing": 0}
    assert len(document["problems"]) == 4


def test_verify_reads_lists_archives_and_scans(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training = kitti(tmp_path)
    (tmp_path / "ImageSets").mkdir()
    (tmp_path / "ImageSets" / "train.txt").write_text("000000\n000001\n")
    (tmp_path / "ImageSets" / "val.txt").write_text("000002\n000009\n")
    np.full((5, 4), [np.nan, 0, 0, 2], dtype="<f4").tofile(training / "velodyne" / "000001.bin")
    (tmp_path / "data_object_label_2.zip").write_bytes(b"damaged")
    command = ["data", "verify", "kitti", "--root", str(tmp_path)]
    assert main([*command, "--thorough"]) == 2
    out = capsys.readouterr().out
    assert "train: 2 frames by ImageSets, not the 3,712 of the standard split" in out
    assert "velodyne/000009.bin: missing; val.txt names it" in out
    assert "000001.bin: 5 of 5 points are not finite" in out
    assert "000001.bin: 5 of 5 points have an intensity outside 0..1" in out
    assert "data_object_label_2.zip: sha256 4efc7622" in out
    (tmp_path / "ImageSets" / "train.txt").unlink()
    assert main(command) == 2
    out = capsys.readouterr().out
    assert "not finite" not in out
    assert "train: no list in ImageSets: what the other one does not name" in out


def test_verify_lists_what_semantickitti_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = semantic(tmp_path)
    command = ["data", "verify", "semantickitti", "--root", str(tmp_path), "--thorough"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "val: 3 scans; 4,071 are published" in out
    assert out.splitlines()[-1] == "semantickitti: whole, 0 train, 3 val, 0 test"

    (folder / "labels" / "000000.label").write_bytes(b"\2\0\0\0" * 5)
    (folder / "labels" / "000001.label").unlink()
    (folder / "velodyne" / "000002.bin").unlink()
    (folder / "poses.txt").unlink()
    assert main(command) == 2
    out, error = capsys.readouterr()
    for line in (
        "labels/000001.label: missing; its scan is there",
        "velodyne/000002.bin: missing; its labels are there",
        "000000.label: to_train_ids.raw: ids of semantic-kitti.yaml; got [2]",
        "poses.txt: missing",
    ):
        assert line in out
    assert "4 files are missing or damaged" in error


@pytest.mark.parametrize("name", ["kitti", "semantickitti"])
def test_verify_of_nothing_says_where_to_get_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for root in (tmp_path / "none", tmp_path):
        assert main(["data", "verify", name, "--root", str(root)]) == 2
        out, error = capsys.readouterr()
        assert "login" in error
        assert not out
        assert len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["kitti", "semantickitti"])
def test_what_needs_a_login_is_not_fetched(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "fetch", name, "--root", str(tmp_path / "data")]) == 2
    assert f"{name} needs a login: unpack" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(("verb", "last"), [("fetch", "fsdd"), ("verify", "kitti, semantickitti")])
def test_unknown_names_are_refused(
    verb: str, last: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", verb, "sdh", "--root", str(tmp_path / "data")]) == 2
    error = capsys.readouterr().err
    assert "one of shd, ssc" in error
    assert f"{last}; got 'sdh'" in error
    assert not (tmp_path / "data").exists()


def test_fetch_says_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fsdd" / downloads.SETS["fsdd"].archives[0].creates).mkdir(parents=True)
    assert main(["data", "fetch", "fsdd", "--root", str(tmp_path)]) == 0
    assert "is there already" in capsys.readouterr().out
    assert main(["data", "fetch", "fsdd", "--root", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["folder"] == str(tmp_path / "fsdd")


def test_data_alone_shows_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["data"])
    out = capsys.readouterr().out
    assert all(verb in out for verb in ("list", "fetch", "verify"))
