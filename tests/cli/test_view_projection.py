"""Pictures of what conventional networks see, on the command line."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from neurospike.cli.main import main
from neurospike.encoders.projections import projection_names


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scan with a point that is not finite, a mesh and a sound."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 4, (400, 3)), rng.random((400, 1))], axis=1)
    rows[7, 1] = np.nan
    rows.astype(np.float32).tofile("scan.bin")
    Path("mesh.off").write_text(
        "OFF\n4 4 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 1 2\n3 0 1 3\n3 0 2 3\n3 1 2 3\n",
        encoding="utf-8",
    )
    with wave.open("sound.wav", "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes((rng.normal(0, 3000, 4000)).astype("<i2").tobytes())
    return tmp_path


def view(*arguments: str) -> int:
    return main(["view", *arguments])


@pytest.mark.parametrize("name", [n for n in projection_names() if n != "sequence"])
def test_every_projection_of_a_scan_is_drawn(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert view("scan.bin", "--projection", name, "--size", "16", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["points"], document["rejected"]) == (399, 1)
    assert document["image"][-2] == 16
    assert document["back"] > 0
    assert (folder / f"scan_{name}.png").is_file()


def test_meshes_and_sounds_are_drawn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--projection", "depth", "--set", "dot=3", "--set", "views=['top', 'left']"]
    assert view("mesh.off", *arguments, "--out", "a.svg") == 0
    assert "2048 points -> depth 2 x 96 x 96" in capsys.readouterr().out
    assert view("sound.wav", "--projection", "sequence", "--size", "64x80") == 0
    out = capsys.readouterr().out
    assert "50 frames -> sequence 1 x 64 x 80 -> 50 frames back" in out
    assert {"a.svg", "sound_sequence.png"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["scan.bin", "--projection", "fisheye"], "--projection: must be one of birds-eye"),
        (["scan.bin", "--projection", "sequence"], "sequence is of sound; scan.bin is a cloud"),
        (["sound.wav", "--projection", "range"], "range is of clouds; sound.wav is sound"),
        (["scan.bin", "--projection", "range", "--size", "big"], "--size: must be rows x columns"),
        (["scan.bin", "--projection", "range", "--size", "0"], "RangeImage.size"),
        (["scan.bin", "--projection", "range", "--set", "far=0"], "RangeImage.far"),
        (["scan.bin", "--projection", "range", "--set", "near=0"], "'near'; it has up_deg"),
        (["scan.bin", "--projection", "range", "--out", "a.html"], "--out: must end in .png"),
        (["scan.bin", "--projection", "range", "--boxes", "b.json"], "--boxes: is not drawn with"),
        (["scan.bin", "--projection", "range", "--columns", "3"], "truncated, or another number"),
        (["none.bin", "--projection", "range"], "none.bin"),
        (["scan.bin", "--size", "64"], "--size, --set: are of a projection"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], match: str
) -> None:
    before = {path.name for path in folder.iterdir()}
    assert view(*arguments) == 2
    error = capsys.readouterr().err
    assert match in error
    assert error.count("\n") == 1
    assert {path.name for path in folder.iterdir()} == before
