"""``neurospike encode`` on sound: SHD's layout out, one line and exit code 2 for bad input."""

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from neurospike.cli.main import main
from neurospike.datasets import SHD
from neurospike.encoders import Cochlea


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROSPIKE_CACHE", str(tmp_path_factory.mktemp("cache")))


def tone(samples: int = 3000, rate: int = 8000, level: float = 0.5) -> np.ndarray:
    time = np.arange(samples) / rate
    return level * np.sin(2 * np.pi * 440 * time)


def write_wav(path: Path, sound: np.ndarray, rate: int = 8000) -> Path:
    frames = np.clip(np.rint(sound * 32768), -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if frames.ndim == 1 else frames.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(frames.tobytes())
    return path


def test_the_file_is_read_back_as_shd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    speech = write_wav(tmp_path / "speech.wav", tone())
    out = tmp_path / "speech.h5"
    arguments = ["encode", str(speech), "--out", str(out), "--label", "7", "--seed", "3"]
    assert main([*arguments, "--channels", "70", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    clips = SHD(out, "test", units_total=70)
    assert len(clips) == 1
    sample = clips[0]
    assert sample["label"] == 7
    sound = np.rint(tone() * 32768).astype(np.float32) / 32768
    times_s, units = Cochlea(70, sample_rate=8000, seed=3)(sound)
    assert np.array_equal(sample["times_s"], times_s.astype(np.float32))
    assert np.array_equal(sample["units"], units)
    assert report["events"] == len(times_s) > 100
    assert report["duration_s"] == 3000 / 8000
    assert report["events_per_s"] == pytest.approx(len(times_s) / 0.375)
    assert report["active_channels"] == len(np.unique(units))
    assert report["h5_bytes"] == out.stat().st_size


def test_the_report_is_two_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    speech = write_wav(tmp_path / "speech.wav", tone())
    out = tmp_path / "folder" / "speech.h5"
    assert main(["encode", str(speech), "--out", str(out), "--channels", "20"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("0.375 s at 8000 Hz -> ")
    assert "of 20 channels" in lines[0]
    assert "s of sound a second" in lines[1]


def test_spikes_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="figures need the train extra")
    speech, png = write_wav(tmp_path / "speech.wav", tone()), tmp_path / "raster.png"
    out = str(tmp_path / "o.h5")
    arguments = ["encode", str(speech), "--out", out, "--channels", "20", "--figure", str(png)]
    assert main(arguments) == 0
    assert png.read_bytes().startswith(b"\x89PNG")


def test_another_rate_is_resampled_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    speech = write_wav(tmp_path / "speech.wav", tone(4000, 11_025), 11_025)
    out = tmp_path / "o.h5"
    assert main(["encode", str(speech), "--out", str(out), "--channels", "20"]) == 0
    assert "11025 Hz are upsampled 3 times" in caplog.text


def test_several_channels_are_averaged_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mono = np.rint(tone() * 4096) / 32768
    stereo = np.stack([0.5 * mono, 1.5 * mono], axis=1)
    for name, sound in (("mono", mono), ("stereo", stereo)):
        speech = write_wav(tmp_path / f"{name}.wav", sound)
        out = str(tmp_path / f"{name}.h5")
        assert main(["encode", str(speech), "--out", out, "--channels", "20"]) == 0
    assert "2 channels averaged" in caplog.text
    first, second = (
        SHD(tmp_path / f"{name}.h5", "test", units_total=20)[0] for name in ("mono", "stereo")
    )
    assert abs(len(first["units"]) - len(second["units"])) < 0.1 * len(first["units"])


def test_clipped_sound_is_coded_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "o.h5")
    for level, clipped in ((0.9999, False), (3.0, True)):
        caplog.clear()
        speech = write_wav(tmp_path / "speech.wav", tone(level=level))
        assert main(["encode", str(speech), "--out", out, "--channels", "20", "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert (report["clipped_samples"] > 1000) == clipped
        assert (report["clipped_samples"] == 0) == (not clipped)
        assert ("it is clipped" in caplog.text) == clipped


def test_silence_is_coded_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    speech = write_wav(tmp_path / "speech.wav", np.zeros(2000))
    out = tmp_path / "o.h5"
    assert main(["encode", str(speech), "--out", str(out), "--channels", "20"]) == 0
    assert "the wave is silent" in caplog.text
    assert len(SHD(out, "test", units_total=20)[0]["units"]) < 20


def bad_files(folder: Path) -> None:
    write_wav(folder / "good.wav", tone())
    write_wav(folder / "none.wav", np.zeros(0))
    write_wav(folder / "slow.wav", tone(), rate=500)
    (folder / "text.wav").write_text("this is no recording")
    (folder / "cut.wav").write_bytes((folder / "good.wav").read_bytes()[:-500])
    (folder / "empty.wav").write_bytes(b"")
    samples = np.array([0.5, np.nan, np.inf], "<f4").tobytes()
    header = b"RIFF" + (36 + len(samples)).to_bytes(4, "little") + b"WAVEfmt "
    header += (16).to_bytes(4, "little") + (3).to_bytes(2, "little") + (1).to_bytes(2, "little")
    header += (8000).to_bytes(4, "little") + (32_000).to_bytes(4, "little")
    header += (4).to_bytes(2, "little") + (32).to_bytes(2, "little")
    header += b"data" + len(samples).to_bytes(4, "little")
    (folder / "nan.wav").write_bytes(header + samples)


BAD = {
    "missing": (["gone.wav", "--out", "o.h5"], "gone.wav"),
    "folder": ([".", "--out", "o.h5"], "cannot read"),
    "no samples": (["none.wav", "--out", "o.h5"], "needs samples"),
    "no recording": (["text.wav", "--out", "o.h5"], "text.wav"),
    "truncated": (["cut.wav", "--out", "o.h5"], "truncated"),
    "no bytes": (["empty.wav", "--out", "o.h5"], "empty.wav"),
    "not finite": (["nan.wav", "--out", "o.h5"], "must be finite"),
    "rate": (["slow.wav", "--out", "o.h5"], "slow.wav: Cochlea.sample_rate"),
    "suffix": (["good.wav", "--out", "o.svc"], "must end in .h5 for sound"),
    "scan": (["good.bin", "--out", "o.h5"], "must end in .svc"),
    "channels": (["good.wav", "--out", "o.h5", "--channels", "0"], "Cochlea.channels"),
    "seed": (["good.wav", "--out", "o.h5", "--seed", "-1"], "Cochlea.seed"),
    "label": (["good.wav", "--out", "o.h5", "--label", "-1"], "--label"),
    "figure": (["good.wav", "--out", "o.h5", "--figure", "a.txt"], "--figure"),
    "unwritable": (["good.wav", "--out", "good.wav/o.h5"], "cannot be written"),
    "unwritable figure": (
        ["good.wav", "--out", "o.h5", "--figure", "good.wav/a.png"],
        "cannot be written",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_code_2(
    case: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    bad_files(tmp_path)
    before = sorted(p.name for p in tmp_path.rglob("*"))
    arguments, message = BAD[case]
    assert main(["encode", *arguments]) == 2
    captured = capsys.readouterr()
    error = captured.err.strip().splitlines()
    assert len(error) == 1
    assert error[0].startswith("neurospike: ")
    assert message in error[0]
    assert captured.out == ""
    assert sorted(p.name for p in tmp_path.rglob("*")) == before


def test_help_shows_both_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encode", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "neurospike encode scan.bin" in out
    assert "neurospike encode speech.wav --out speech.h5" in out
