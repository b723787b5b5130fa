"""Recordings in the formats that people have."""

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from neurospike.datasets import read_wave
from neurospike.errors import DataError

RAMP = np.linspace(-1, 1, 41)[:-1]


def write_pcm(path: Path, width: int, *, channels: int = 1, rate: int = 8000) -> Path:
    whole = np.round(RAMP * 2 ** (8 * width - 1)).astype(np.int64)
    if width == 1:
        whole += 128
    raw = b"".join(int(v).to_bytes(width, "little", signed=width > 1) * channels for v in whole)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(raw)
    return path


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_width_of_pcm_is_scaled_to_one(tmp_path: Path, width: int) -> None:
    read, rate = read_wave(write_pcm(tmp_path / "ramp.wav", width))
    assert rate == 8000
    assert read.dtype == np.float32
    assert np.abs(read - RAMP).max() <= 0.5 / 2 ** (8 * width - 1) + 1e-7


def test_channels_are_averaged_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "stereo.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 16000, 0, "NONE", ""))
        file.writeframes(np.array([[16384, 0], [0, -16384]], dtype="<i2").tobytes())
    with caplog.at_level("INFO", logger="neurospike"):
        read, rate = read_wave(path)
    assert rate == 16000
    assert read.tolist() == [0.25, -0.25]
    assert "2 channels averaged" in caplog.text


@pytest.mark.parametrize("form", [("float.wav", "FLOAT"), ("plain.flac", "PCM_16")])
def test_other_formats_go_through_soundfile(tmp_path: Path, form: tuple[str, str]) -> None:
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path / form[0]
    soundfile.write(path, RAMP.astype(np.float32), 22050, subtype=form[1])
    read, rate = read_wave(path)
    assert rate == 22050
    assert np.allclose(read, RAMP, atol=1e-4)


def test_a_wav_from_a_pipe_is_as_long_as_it_is(tmp_path: Path) -> None:
    path = write_pcm(tmp_path / "pipe.wav", 2)
    raw = bytearray(path.read_bytes())
    raw[4:8] = raw[40:44] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(raw)
    assert len(read_wave(path)[0]) == 40


def damaged(folder: Path, kind: str) -> Path:
    path = write_pcm(folder / f"{kind}.wav", 2)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    elif kind == "header":
        path.write_bytes(path.read_bytes()[:20])
    elif kind == "text":
        path.write_text("no sound")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "silent":
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
    elif kind == "nan":
        soundfile = pytest.importorskip("soundfile")
        soundfile.write(path, np.array([0, np.nan], np.float32), 8000, subtype="FLOAT")
    elif kind == "missing":
        path.unlink()
    return path


DAMAGE = {
    "cut": "promises 40 frames; got 35: truncated",
    "header": "no readable recording",
    "text": "no readable recording",
    "empty": "no readable recording",
    "silent": "needs samples; got none",
    "nan": "must be finite; got 1",
    "missing": "No such file",
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(tmp_path: Path, kind: str) -> None:
    path = damaged(tmp_path, kind)
    with pytest.raises(DataError, match=DAMAGE[kind]) as caught:
        read_wave(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
