"""``neurospike data``."""

import json
import wave
from pathlib import Path

import pytest

from neurospike.cli.main import main
from neurospike.datasets import downloads


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


@pytest.mark.parametrize("verb", ["fetch", "verify"])
def test_unknown_names_are_refused(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", verb, "sdh", "--root", str(tmp_path / "data")]) == 2
    assert "one of shd, ssc" in capsys.readouterr().err
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
