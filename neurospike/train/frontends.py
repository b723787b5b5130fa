"""Waves of a data set into events of a cochlea, worked out once and kept, or into mel bands."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from neurospike import encoders
from neurospike.errors import ArgumentError, DataError
from neurospike.files import write_atomically
from neurospike.train.samples import Sample, Source
from neurospike.train.sections import SequencePart

log = logging.getLogger(__name__)

Clip = tuple[NDArray[np.float32], NDArray[np.uint16]]
"""times_s, units"""

_LAYOUT = 1
_SAVE_EVERY = 512


def apply_frontend(source: Source, part: SequencePart, folder: Path) -> Source:
    """The data set as events or frames.

    Parameters
    ----------
    folder
        Where coded clips are kept.
    """
    if part.frontend == "cochlea":
        return CochleaEvents(source, part, folder)
    if part.frontend == "mel":
        return MelFrames(source, part)
    return source


def input_channels(source: Source, part: SequencePart) -> int:
    """Channels a step of what a network takes.

    Raises
    ------
    ArgumentError
        A group that does not divide them, or a data set of waves without a front end.
    """
    units = getattr(source, "units_total", 0) if part.frontend == "events" else part.channels
    if not units:
        raise ArgumentError(
            "recipe.sequence.frontend: 'events' takes a data set of events; got one without "
            "units_total. Use 'cochlea' or 'mel' for waves."
        )
    if units % part.group:
        raise ArgumentError(
            f"recipe.sequence.group: must divide the {units} channels; got {part.group}."
        )
    return int(units // part.group)


class EventStore:
    """Events of clips by what the clips hold, in one file that grows as clips are added.

    Keys follow from the samples of a wave and its rate, so that any split, of any protocol, finds
    the clips that another one has coded.

    Parameters
    ----------
    path
        A .npz file, or one to be written; a damaged one is replaced, which the log says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clips: dict[str, Clip] = self._read()
        self._saved = len(self.clips)

    def save(self) -> None:
        """Write what was added, beside what other runs have added meanwhile; never half a file."""
        if len(self.clips) == self._saved:
            return
        self.clips = {**self._read(), **self.clips}
        times, units = zip(*self.clips.values(), strict=True)
        content = io.BytesIO()
        np.savez(
            content,
            keys=np.array(list(self.clips), dtype="S40"),
            counts=np.array([len(t) for t in times]),
            times_s=np.concatenate(times),
            units=np.concatenate(units),
        )
        try:
            write_atomically(self.path, content.getvalue())
        except DataError as error:
            log.warning("coded clips are not kept, and will be coded again: %s", error)
        self._saved = len(self.clips)

    def _read(self) -> dict[str, Clip]:
        if not self.path.is_file():
            return {}
        try:
            with open(self.path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
                ends = np.cumsum(file["counts"])[:-1]
                keys = [key.decode() for key in file["keys"]]
                times, units = np.split(file["times_s"], ends), np.split(file["units"], ends)
                return dict(zip(keys, zip(times, units, strict=True), strict=True))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            log.warning("%s: damaged (%s); clips are coded again", self.path, error)
            return {}


class CochleaEvents:
    """A data set of waves as events of ``encoders.Cochlea``; missing clips are coded at once.

    Each clip has draws of its own, which follow from its samples: the same clip gives the same
    events in every split.

    Shape
    -----
    sample: times_s float32 (n,), units uint16 (n,), label, and the source's other entries

    Cost
    ----
    A fifth of the clips' duration on two cores, once; then memory, 6 bytes an event.
    """

    def __init__(self, source: Source, part: SequencePart, folder: Path) -> None:
        self.classes = source.classes
        self.units_total = part.channels
        self._cochleas: dict[int, encoders.Cochlea] = {}
        self._part = part
        store = EventStore(folder / f"cochlea-{_settings_key(part)}.npz")
        self._clips, self._labels = self._coded(source, store)

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Sample:
        times_s, units = self._clips[index]
        return {"times_s": times_s, "units": units, "label": self._labels[index]}

    def _coded(self, source: Source, store: EventStore) -> tuple[list[Clip], list[int]]:
        keys, labels, missing = [], [], []
        for index in range(len(source)):
            sample = source[index]
            keys.append(_clip_key(sample))
            labels.append(int(sample["label"]))
            if keys[-1] not in store.clips:
                missing.append(index)
        try:
            for done, index in enumerate(_shown(missing, "coding with the cochlea")):
                store.clips[keys[index]] = self._code(source[index], keys[index])
                if done % _SAVE_EVERY == _SAVE_EVERY - 1:
                    store.save()
        finally:
            store.save()
        return [store.clips[key] for key in keys], labels

    def _code(self, sample: Sample, key: str) -> Clip:
        wave, rate = _wave_of(sample)
        cochlea, condition = self._cochlea(rate), self._part.condition
        draws = (int(key[:15], 16) + cochlea.seed) % 2**63
        if condition is None:
            times_s, units = cochlea(wave, seed=draws)
        else:
            times_s, units = cochlea(_conditioned(wave, rate, condition), gain=1.0, seed=draws)
        return times_s.astype(np.float32), units.astype(np.uint16)

    def _cochlea(self, rate: int) -> encoders.Cochlea:
        if rate not in self._cochleas:
            try:
                self._cochleas[rate] = encoders.Cochlea(
                    self.units_total, sample_rate=rate, **self._part.options
                )
            except TypeError as error:
                raise ArgumentError(f"recipe.sequence.options: {error}.") from error
        return self._cochleas[rate]


class MelFrames:
    """A data set of waves as energies of ``encoders.Mel``, worked out when they are asked for.

    Shape
    -----
    sample: frames float32 (n, channels), logarithms above the floor so that silence is 0; label
    """

    def __init__(self, source: Source, part: SequencePart) -> None:
        self.classes = source.classes
        self._source = source
        self._part = part
        self._mels: dict[int, encoders.Mel] = {}

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> Sample:
        sample = self._source[index]
        wave, rate = _wave_of(sample)
        if rate not in self._mels:
            self._mels[rate] = self._build(rate)
        mel = self._mels[rate]
        return {"frames": mel(wave) - np.float32(np.log(mel.floor)), "label": sample["label"]}

    def _build(self, rate: int) -> encoders.Mel:
        part = self._part
        try:
            return encoders.Mel(part.channels, sample_rate=rate, hop_ms=part.dt_ms, **part.options)
        except TypeError as error:
            raise ArgumentError(f"recipe.sequence.options: {error}.") from error


def _conditioned(
    wave: NDArray[np.float32], rate: int, condition: dict[str, Any]
) -> NDArray[np.float32]:
    try:
        return encoders.condition_speech(wave, rate, **condition)
    except TypeError as error:
        raise ArgumentError(f"recipe.sequence.condition: {error}.") from error


def _settings_key(part: SequencePart) -> str:
    said = {
        "layout": _LAYOUT,
        "channels": part.channels,
        "condition": part.condition,
        "options": part.options,
    }
    return hashlib.sha1(
        json.dumps(said, sort_keys=True).encode(), usedforsecurity=False
    ).hexdigest()[:12]


def _wave_of(sample: Sample) -> tuple[NDArray[np.float32], int]:
    if "wave" not in sample:
        raise ArgumentError(
            "recipe.sequence.frontend: 'cochlea' and 'mel' take data sets of waves; got one of "
            f"{', '.join(sorted(sample))}. Use 'events'."
        )
    return np.ascontiguousarray(sample["wave"], np.float32), int(sample["sample_rate"])


def _clip_key(sample: Sample) -> str:
    wave, rate = _wave_of(sample)
    found = hashlib.sha1(str(rate).encode(), usedforsecurity=False)
    found.update(wave.tobytes())
    return found.hexdigest()


def _shown(indices: Sequence[int], what: str) -> Iterable[int]:
    """The indices, with a bar for eyes and two lines for logs."""
    if not indices:
        return
    if sys.stdout.isatty():
        from rich.progress import track

        yield from track(indices, description=f"{what}, once")
        return
    log.info("%s, once: %d clips", what, len(indices))
    yield from indices
    log.info("%s: done", what)
