"""Sound for ``neurospike encode``: a recording into the spikes of a cochlea, as SHD holds them."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurospike.cli.common import need, print_json, say
from neurospike.errors import ArgumentError

_log = logging.getLogger(__name__)

SOUNDS = {".wav", ".flac", ".ogg", ".aif", ".aiff", ".mp3"}
HDF5 = {".h5", ".hdf5"}

_COLUMNS = 4000  # of a figure


@dataclass(frozen=True)
class SoundReport:
    """What a recording became."""

    duration_s: float
    sample_rate: int
    channels: int
    events: int
    events_per_s: float
    active_channels: int
    clipped_samples: int
    wall_s: float
    h5_bytes: int


def is_sound(file: Path, out: Path) -> bool:
    """Whether a recording is meant, by its suffix or that of the output.

    Raises
    ------
    ArgumentError
        Sound that is to go elsewhere than into HDF5.
    """
    if file.suffix.lower() in SOUNDS and out.suffix not in HDF5:
        raise ArgumentError(f"--out: must end in .h5 for sound; got {out}.")
    return out.suffix in HDF5 and file.suffix.lower() != ".bin"


def encode_sound(
    file: Path,
    out: Path,
    *,
    channels: int,
    seed: int,
    label: int,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Write one clip in SHD's layout, and say what is in it."""
    need("audio", "h5py", "scipy")
    if not 0 <= label < 2**16:
        raise ArgumentError(f"--label: must lie in 0 .. 65535; got {label}.")
    if picture is not None and picture.suffix != ".png":
        raise ArgumentError(f"--figure: must end in .png; got {picture}.")
    from neurospike import encoders
    from neurospike.datasets import read_wave, write_spikes
    from neurospike.encoders._sound import clipped_samples
    from neurospike.files import check_writable_folder

    for written in (out, picture):
        if written is not None:
            check_writable_folder(written.parent)
    wave, rate = read_wave(file)
    try:
        cochlea = encoders.Cochlea(channels, sample_rate=rate, seed=seed)
        cochlea.prepare()
        start = time.perf_counter()
        times_s, units = cochlea(wave)
        wall_s = time.perf_counter() - start
    except ArgumentError as error:
        raise ArgumentError(f"{file}: {error}") from error
    clipped = clipped_samples(wave)
    if clipped:
        _log.warning(
            "%s: %d of %d samples stand at full scale: it is clipped, and so sounds brighter.",
            file,
            clipped,
            len(wave),
        )
    duration_s = len(wave) / rate
    if picture is not None:
        _draw(times_s, units, channels=channels, duration_s=duration_s, out=picture)
    write_spikes(out, [times_s.astype(np.float32)], [units], [label])
    report = SoundReport(
        duration_s=duration_s,
        sample_rate=rate,
        channels=channels,
        events=len(times_s),
        events_per_s=len(times_s) / duration_s,
        active_channels=len(np.unique(units)),
        clipped_samples=clipped,
        wall_s=wall_s,
        h5_bytes=out.stat().st_size,
    )
    if as_json:
        print_json(report)
        return
    say(
        f"{report.duration_s:.3f} s at {rate} Hz -> {report.events:,} events on "
        f"{report.active_channels} of {channels} channels, {report.events_per_s:,.0f} a second"
    )
    say(
        f"coded in {1e3 * wall_s:.0f} ms, {duration_s / wall_s:.1f} s of sound a second; "
        f"{report.h5_bytes:,} bytes"
    )


def _draw(times_s: Any, units: Any, *, channels: int, duration_s: float, out: Path) -> None:
    from neurospike import encoders
    from neurospike.viz import spike_raster

    need("train", "matplotlib")
    dt_ms = max(1.0, math.ceil(1000 * duration_s / _COLUMNS))
    steps = max(1, math.ceil(1000 * duration_s / dt_ms))
    frames = encoders.bin_events(times_s, units, units_total=channels, dt_ms=dt_ms, steps=steps)
    spike_raster(frames, out, dt_ms=dt_ms, title="Cochlea")
