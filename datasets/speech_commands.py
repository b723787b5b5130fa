"""Google Speech Commands."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np

from neurospike.datasets._common import (
    PROTOCOLS,
    SPLITS,
    Sample,
    check_choice,
    existing_folder,
    read_lines,
)
from neurospike.datasets._speech import Recordings
from neurospike.errors import ArgumentError, DataError

_log = logging.getLogger(__name__)

PUBLISHED_WORDS = {"0.01": 30, "0.02": 35}
PUBLISHED_COUNTS = {"0.02": {"train": 84843, "val": 9981, "test": 11005}}
"""Recordings in the published splits."""

_LISTS = {"val": "validation_list.txt", "test": "testing_list.txt"}
_SPEAKER = re.compile(r"(?P<speaker>[^_]+)_nohash_\d+")
_WHERE = (
    "`neurospike data fetch speech-commands --root FOLDER` fetches it; the layout is "
    "WORD/HASH_nohash_0.wav beside validation_list.txt and testing_list.txt"
)


class SpeechCommands(Recordings):
    """Single English words of about a second at 16 kHz, by thousands of speakers.

    Parameters
    ----------
    root
        The unpacked folder, or one above it.
    split
        As the two published lists have it, which share no speaker with one another or the rest.
    version
        ``0.02`` has 35 words, ``0.01`` 30.
    samples
        Length every recording is given: zeros are added at its end, or its end is cut; None leaves
        it as it is. 16,000 is one second.
    protocol
        ``legacy`` validates on ``test``.
    seed
        Taken so that all data sets are built alike; nothing is drawn.

    Shape
    -----
    sample: wave float32 (samples,) in [-1, 1], sample_rate in Hz, label int, speaker (a hash) and
    name str. ``_background_noise_`` is no class.

    Raises
    ------
    ArgumentError
        An unknown version, split or protocol, or a length below 1.
    DataError
        A folder or lists that are missing, another number of words, a list that names no
        recording; on reading, a damaged file.

    Cost
    ----
    2 to 3 s to list 105,829 files; 0.2 ms to read one.

    Source
    ------
    P. Warden, Speech Commands, 2018, arXiv:1804.03209. CC BY 4.0.
    """

    def __init__(
        self,
        root: str | Path,
        split: Literal["train", "val", "test"] = "train",
        seed: int = 0,
        *,
        version: Literal["0.02", "0.01"] = "0.02",
        protocol: Literal["clean", "legacy"] = "clean",
        samples: int | None = 16000,
    ) -> None:
        check_choice("SpeechCommands", "split", split, SPLITS)
        check_choice("SpeechCommands", "protocol", protocol, PROTOCOLS)
        check_choice("SpeechCommands", "version", version, tuple(PUBLISHED_WORDS))
        if samples is not None and samples < 1:
            raise ArgumentError(f"SpeechCommands.samples: at least 1, or None; got {samples}")
        self.split, self.seed, self.version, self.samples = split, seed, version, samples
        self.folder = _located(root)
        self.classes = _words(self.folder, version)
        part = "test" if protocol == "legacy" and split == "val" else split
        files = _files(self.folder, self.classes)[part]
        if not files:
            raise DataError(f"SpeechCommands: {self.folder}: no recordings to {part}; {_WHERE}")
        number = {word: label for label, word in enumerate(self.classes)}
        self._paths = [self.folder / file for file in files]
        self.labels = np.array([number[path.parent.name] for path in self._paths], dtype=np.int64)
        self.speakers = np.array([_speaker(path) for path in self._paths])
        self.names = tuple(file.removesuffix(".wav") for file in files)

    def verify(self) -> dict[str, int]:
        """Recordings in the published splits, or DataError where numbers differ."""
        counts = {part: len(files) for part, files in _files(self.folder, self.classes).items()}
        published = PUBLISHED_COUNTS.get(self.version)
        if published is not None and counts != published:
            raise DataError(
                f"SpeechCommands.verify: {self.folder}: version {self.version} has {published}; "
                f"got {counts}; {_WHERE}"
            )
        return counts

    def _sample(self, index: int) -> Sample:
        sample: dict[str, Any] = super()._sample(index)
        if self.samples is not None:
            wave = sample["wave"][: self.samples]
            sample["wave"] = np.pad(wave, (0, self.samples - len(wave)))
        return sample


def _located(root: str | Path) -> Path:
    folder = existing_folder("SpeechCommands", root, _WHERE)
    for pattern in ("", "*/", "speech-commands/*/"):
        found = sorted(folder.glob(f"{pattern}{_LISTS['test']}"))
        if found:
            return found[0].parent
    raise DataError(f"SpeechCommands.root: {folder} does not hold {_LISTS['test']}; {_WHERE}")


def _words(folder: Path, version: str) -> tuple[str, ...]:
    words = tuple(
        sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] not in "_.")
    )
    if len(words) != PUBLISHED_WORDS[version]:
        raise DataError(
            f"SpeechCommands: {folder}: version {version} has {PUBLISHED_WORDS[version]} words; "
            f"got {len(words)}: {', '.join(words[:5]) or 'none'}; {_WHERE}"
        )
    return words


def _files(folder: Path, words: tuple[str, ...]) -> dict[str, list[str]]:
    """WORD/FILE.wav of every split."""
    every = {f"{word}/{path.name}" for word in words for path in (folder / word).glob("*.wav")}
    splits: dict[str, list[str]] = {}
    for part, name in _LISTS.items():
        listed = read_lines("SpeechCommands", folder / name, _WHERE)
        missing = [file for file in listed if file not in every]
        if missing:
            raise DataError(
                f"SpeechCommands: {folder / name}: {len(missing)} of {len(listed)} recordings are "
                f"not there, {missing[0]} among them; {_WHERE}"
            )
        splits[part] = sorted(set(listed))
    splits["train"] = sorted(every - {file for files in splits.values() for file in files})
    return {part: splits[part] for part in SPLITS}


def _speaker(path: Path) -> str:
    match = _SPEAKER.fullmatch(path.stem)
    return match["speaker"] if match else path.stem
