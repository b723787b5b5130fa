"""Spiking Heidelberg Digits and Spiking Speech Commands."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets._common import (
    PROTOCOLS,
    SPLITS,
    Sample,
    Samples,
    check_choice,
    check_fraction,
    existing_folder,
)
from neurospike.datasets.spikes_h5 import SpikeFile
from neurospike.errors import ArgumentError, DataError

_log = logging.getLogger(__name__)

_CHANNELS = 700

PUBLISHED_CLIPS = {
    "shd_train.h5": 8156,
    "shd_test.h5": 2264,
    "ssc_train.h5": 75466,
    "ssc_valid.h5": 9981,
    "ssc_test.h5": 20382,
}


class _SpikeClips(Samples):
    """Clips of a ``SpikeFile``; leaves choose the rows."""

    units_total: int
    speakers: NDArray[np.int64] | None
    """(samples,), the number of who speaks, where the file says so."""

    def _take(self, file: SpikeFile, rows: NDArray[np.int64], units_total: int, sort: bool) -> None:
        owner = type(self).__name__
        if units_total < 1:
            raise ArgumentError(f"{owner}.units_total: at least 1; got {units_total}")
        classes = int(file.labels.max(initial=-1)) + 1
        self.classes = file.keys or tuple(str(label) for label in range(classes))
        if file.labels.min(initial=0) < 0 or classes > len(self.classes):
            raise DataError(
                f"{file.path}: labels must name one of {len(self.classes)} extra/keys; got "
                f"{file.labels.min()}..{file.labels.max()}; fetch or write the file again"
            )
        self.units_total, self.sort = units_total, sort
        self._file, self._rows = file, rows
        self.labels = file.labels[rows]
        self.speakers = None if file.speakers is None else file.speakers[rows]

    def _sample(self, index: int) -> Sample:
        row = int(self._rows[index])
        times_s, units = self._file.read(row, units_total=self.units_total, sort=self.sort)
        sample: Sample = {
            "times_s": times_s,
            "units": units,
            "label": int(self.labels[index]),
            "name": f"{self._file.path.stem}_{row:05d}",
        }
        if self.speakers is not None:
            sample["speaker"] = int(self.speakers[index])
        return sample


def verify_clips(owner: Literal["SHD", "SSC"], root: str | Path) -> dict[str, int]:
    """Clips by published file, every one of them read, or DataError where any are missing."""
    counts = {}
    for name in PUBLISHED_CLIPS:
        if not name.startswith(owner.lower()):
            continue
        file = SpikeFile(_located(owner, root, name))
        if len(file) != PUBLISHED_CLIPS[name]:
            raise DataError(
                f"{owner}.verify: {file.path}: {PUBLISHED_CLIPS[name]} clips are published; "
                f"got {len(file)}"
            )
        for row in range(len(file)):
            file.read(row, units_total=_CHANNELS, sort=False)
        counts[name] = len(file)
    return counts


class SHD(_SpikeClips):
    """Spiking Heidelberg Digits: twenty digits, English and German, as spikes of 700 channels.

    Parameters
    ----------
    root
        The folder of ``shd_train.h5`` and ``shd_test.h5`` (or one above, ``shd/``); or one ``.h5``
        file of that layout, all of which is then the split that is asked for.
    split
        ``test`` is the published one. Ten of the twelve speakers are in the published train file;
        speakers 4 and 5 are heard in ``test`` alone.
    protocol
        ``clean``: ``val`` is all clips of some speakers of the train file, who are then not in
        ``train``. ``legacy``: ``train`` is the whole train file and ``val`` is ``test``, as in most
        papers.
    validation
        Which speakers ``clean`` holds out: a share of them, drawn by seed (0.2 is two of ten), or
        their numbers; 0 holds out none, for the last training once everything is chosen.
    units_total
        Channels; a unit beyond is an error.
    sort
        Sort clips whose times are not ascending, which otherwise are an error.

    Shape
    -----
    sample: times_s float32 (n,) ascending from the start of the recording, units int32 (n,) in
    0..units_total-1 (in the originals channel 0 is the highest frequency), label int, speaker int,
    name str

    Raises
    ------
    ArgumentError
        An unknown split, protocol or speaker; a ``val`` of no speakers; a ``val`` of a single file.
    DataError
        Files or groups that are missing, damaged or of other types; on reading, times or units that
        cannot be.
    MissingExtraError
        h5py is not installed.

    Cost
    ----
    About 0.3 ms a clip of 8,000 events; the file is opened once a process. The originals' times
    are float16: at 1 s they are apart by 1 ms.

    Source
    ------
    Cramer et al., The Heidelberg Spiking Data Sets, 2020, arXiv:1910.07407. CC BY 4.0.
    """

    def __init__(
        self,
        root: str | Path,
        split: Literal["train", "val", "test"] = "train",
        seed: int = 0,
        *,
        protocol: Literal["clean", "legacy"] = "clean",
        validation: float | Sequence[int] = 0.2,
        units_total: int = _CHANNELS,
        sort: bool = False,
    ) -> None:
        check_choice("SHD", "split", split, SPLITS)
        check_choice("SHD", "protocol", protocol, PROTOCOLS)
        self.split, self.seed = split, seed
        single = _single_file("SHD", root, split)
        from_test = split == "test" or (split == "val" and protocol == "legacy")
        file = SpikeFile(
            single or _located("SHD", root, "shd_test.h5" if from_test else "shd_train.h5")
        )
        rows = np.arange(len(file))
        self.validation_speakers: tuple[int, ...] = ()
        """Who is held out of the train file as ``val``."""
        if not (single or from_test or protocol == "legacy"):
            self.validation_speakers = _held_speakers(file, validation, seed)
            held = np.isin(_need_speakers(file), self.validation_speakers)
            if split == "val" and not held.any():
                raise ArgumentError(
                    f"SHD.validation: no speaker is held out; got {validation!r} of "
                    f"{len(np.unique(_need_speakers(file)))} speakers; raise it or ask for "
                    "another split"
                )
            rows = np.flatnonzero(held == (split == "val"))
        self._take(file, rows, units_total, sort)


class SSC(_SpikeClips):
    """Spiking Speech Commands: 35 words as spikes of 700 channels.

    Parameters
    ----------
    root
        The folder of ``ssc_train.h5``, ``ssc_valid.h5`` and ``ssc_test.h5`` (or one above,
        ``ssc/``); or one ``.h5`` file, as in ``SHD``.
    split
        The three published ones, ``val`` being ``ssc_valid.h5``.
    protocol
        ``legacy`` validates on ``test``.
    seed
        Taken so that all data sets are built alike; nothing is drawn.
    units_total, sort
        As in ``SHD``.

    Shape
    -----
    sample: as in ``SHD``, with a speaker where the file says so

    Raises
    ------
    ArgumentError
        An unknown split or protocol; a ``val`` of a single file.
    DataError
        Files or groups that are missing, damaged or of other types; on reading, times or units that
        cannot be.
    MissingExtraError
        h5py is not installed.

    Source
    ------
    Cramer et al., The Heidelberg Spiking Data Sets, 2020, arXiv:1910.07407. CC BY 4.0.
    """

    def __init__(
        self,
        root: str | Path,
        split: Literal["train", "val", "test"] = "train",
        seed: int = 0,
        *,
        protocol: Literal["clean", "legacy"] = "clean",
        units_total: int = _CHANNELS,
        sort: bool = False,
    ) -> None:
        check_choice("SSC", "split", split, SPLITS)
        check_choice("SSC", "protocol", protocol, PROTOCOLS)
        self.split, self.seed = split, seed
        part = {"train": "train", "val": "valid", "test": "test"}[split]
        if protocol == "legacy" and split == "val":
            part = "test"
        file = SpikeFile(
            _single_file("SSC", root, split) or _located("SSC", root, f"ssc_{part}.h5")
        )
        self._take(file, np.arange(len(file)), units_total, sort)


def _single_file(owner: str, root: str | Path, split: str) -> Path | None:
    path = Path(root).expanduser()
    if path.suffix not in (".h5", ".hdf5"):
        return None
    if split == "val":
        raise ArgumentError(
            f"{owner}.split: a single file is one split, 'train' or 'test'; got 'val'; "
            "pass the folder of the published files"
        )
    return path


def _located(owner: str, root: str | Path, name: str) -> Path:
    remedy = f"`neurospike data fetch {owner.lower()} --root FOLDER` fetches and unpacks it"
    folder = existing_folder(owner, root, remedy)
    for candidate in (folder, folder / owner.lower(), folder / owner):
        if (candidate / name).is_file():
            return candidate / name
    held = ", ".join(sorted(child.name for child in folder.iterdir())[:5]) or "nothing"
    raise DataError(f"{owner}.root: {folder} does not hold {name}; got {held}; {remedy}")


def _need_speakers(file: SpikeFile) -> NDArray[np.int64]:
    if file.speakers is None:
        raise DataError(
            f"{file.path}: no extra/speaker, by which protocol 'clean' holds speakers out; "
            "use protocol='legacy', or write the group"
        )
    return file.speakers


def _held_speakers(
    file: SpikeFile, validation: float | Sequence[int], seed: int
) -> tuple[int, ...]:
    everyone = np.unique(_need_speakers(file))
    if isinstance(validation, (int, float)):
        check_fraction("SHD", "validation", validation)
        count = round(validation * len(everyone))
        if validation > 0 and len(everyone) > 1:
            count = min(max(count, 1), len(everyone) - 1)
        chosen = np.random.default_rng([seed, 0x5EED]).permutation(everyone)[:count]
    else:
        chosen = np.array(sorted(set(validation)), dtype=np.int64)
        unknown = sorted(set(chosen.tolist()) - set(everyone.tolist()))
        if unknown or len(chosen) == len(everyone):
            raise ArgumentError(
                f"SHD.validation: some, not all, of the speakers {everyone.tolist()}; "
                f"got {list(validation)}"
            )
    held = tuple(sorted(int(speaker) for speaker in chosen))
    _log.info("SHD: speakers %s are held out of %s", held, file.path.name)
    return held
