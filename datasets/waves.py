"""Recordings as mono float32, whatever PCM they were stored in."""

from __future__ import annotations

import logging
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import DataError

_log = logging.getLogger(__name__)

_AGAIN = "copy or download the file again"


def read_wave(path: str | Path) -> tuple[NDArray[np.float32], int]:
    """A recording and its sampling rate in Hz.

    PCM ``.wav`` needs the standard library alone; any other format (float wav, FLAC, Ogg) is read
    by soundfile.

    Shape
    -----
    out: float32 (n,) in [-1, 1], full scale 1; several channels are averaged, which the log says

    Raises
    ------
    DataError
        A file that is missing, no recording, truncated, without samples, or with samples that are
        not finite.

    Cost
    ----
    About 0.1 ms for a second at 8 kHz.
    """
    path = Path(path)
    try:
        frames, rate = _read_pcm(path)
    except (wave.Error, EOFError) as error:
        # The standard library knows plain PCM only.
        frames, rate = _read_other(path, " ".join(str(error).split()) or "ends in its header")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DataError(f"read_wave: cannot read {path} ({reason}); check the path") from error
    if not len(frames):
        raise DataError(f"read_wave: {path}: a recording needs samples; got none; {_AGAIN}")
    if not np.isfinite(frames).all():
        count = int((~np.isfinite(frames)).sum())
        raise DataError(
            f"read_wave: {path}: samples must be finite; got {count} that are not; {_AGAIN}"
        )
    if frames.shape[1] > 1:
        _log.info("read_wave: %s: %d channels averaged", path, frames.shape[1])
    mono: NDArray[np.float32] = frames.mean(axis=1, dtype=np.float32)
    return mono, rate


def _read_pcm(path: Path) -> tuple[NDArray[np.float32], int]:
    """Frames (n, channels) of a PCM wav."""
    with wave.open(str(path), "rb") as file:
        channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
        promised = file.getnframes()
        raw = file.readframes(promised)
    row = channels * width
    # A wav written to a pipe promises the largest length there is: it is as long as it is.
    if len(raw) < promised * row and promised * row < 0x7FFFF000:
        raise DataError(
            f"read_wave: {path}: its header promises {promised} frames; got {len(raw) // row}: "
            f"truncated; {_AGAIN}"
        )
    flat = _scaled(raw[: len(raw) // row * row], width)
    return flat.reshape(-1, channels), rate


def _scaled(raw: bytes, width: int) -> NDArray[np.float32]:
    if width == 1:  # the one width that wav stores unsigned
        return ((np.frombuffer(raw, dtype=np.uint8).astype(np.float32) - 128) / 128).astype("f4")
    if width == 3:
        low = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 3)
        padded = np.zeros((len(low), 4), dtype=np.uint8)
        padded[:, 1:] = low  # the lowest byte stays 0: value times 256
        whole = padded.reshape(-1).view("<i4")
    else:
        whole = np.frombuffer(raw, dtype=f"<i{width}")
    return (whole / float(np.iinfo(whole.dtype).max + 1)).astype(np.float32)


def _read_other(path: Path, reason: str) -> tuple[NDArray[np.float32], int]:
    try:
        import soundfile
    except ImportError as error:
        raise DataError(
            f"read_wave: {path} is no PCM wav ({reason}); store it as one, or "
            "pip install 'neurospike[audio]', which reads other formats"
        ) from error
    try:
        frames, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise DataError(
            f"read_wave: {path} is no readable recording ({reason}); {_AGAIN}"
        ) from error
    return frames, int(rate)
