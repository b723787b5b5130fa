"""The Free Spoken Digit Dataset."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from neurospike.datasets._common import PROTOCOLS, SPLITS, check_choice, existing_folder
from neurospike.datasets._speech import Recordings, need_validation, split_validation
from neurospike.errors import DataError

_log = logging.getLogger(__name__)

_NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>.+)_(?P<index>\d+)")
_OFFICIAL_TEST = 5
_TAKES = 50
_WHERE = (
    "`neurospike data fetch fsdd --root FOLDER` fetches it; recordings are named "
    "{digit}_{speaker}_{index}.wav"
)


class _Take(NamedTuple):
    digit: int
    speaker: str
    take: int
    path: Path


class FSDD(Recordings):
    """Spoken English digits, 50 takes each of every speaker, at 8 kHz.

    Parameters
    ----------
    root
        The folder of the recordings, or one above it (``fsdd``, ``recordings`` and the unpacked
        archive are found in it).
    split
        Takes 0 to 4 of every speaker and digit are the official ``test``; ``train`` and ``val``
        share the others.
    protocol
        ``legacy`` trains on all official training takes and validates on ``test``.
    validation
        What ``clean`` holds out of the training takes as ``val``: a fraction of every speaker and
        digit, by seed; ``"speaker:theo"``, all of one speaker's; or 0, nothing, for the last
        training once everything is chosen.
    held_out_speaker
        Leave one speaker out: ``test`` is all that this speaker recorded, ``train`` and ``val``
        share all recordings of the others, whatever the take.

    Shape
    -----
    sample: wave float32 (n,) in [-1, 1], sample_rate in Hz, label int, speaker and name str

    Raises
    ------
    ArgumentError
        An unknown split, protocol or speaker; a ``val`` of no recordings.
    DataError
        A folder that is missing or holds no recordings; on reading, a damaged file.

    Source
    ------
    Z. Jackson et al., Free Spoken Digit Dataset, https://github.com/Jakobovski/
    free-spoken-digit-dataset, CC BY-SA 4.0.
    """

    classes = tuple("0123456789")

    def __init__(
        self,
        root: str | Path,
        split: Literal["train", "val", "test"] = "train",
        seed: int = 0,
        *,
        protocol: Literal["clean", "legacy"] = "clean",
        validation: float | str = 0.1,
        held_out_speaker: str | None = None,
    ) -> None:
        check_choice("FSDD", "split", split, SPLITS)
        check_choice("FSDD", "protocol", protocol, PROTOCOLS)
        self.split, self.seed = split, seed
        self.folder = _located(root)
        takes = _takes(self.folder)
        everyone = sorted({take.speaker for take in takes})
        if held_out_speaker is not None:
            check_choice("FSDD", "held_out_speaker", held_out_speaker, everyone)
        is_test = np.array(
            [
                take.take < _OFFICIAL_TEST
                if held_out_speaker is None
                else take.speaker == held_out_speaker
                for take in takes
            ]
        )
        if split == "test" or (split == "val" and protocol == "legacy"):
            chosen = [take for take, test in zip(takes, is_test, strict=True) if test]
        else:
            chosen = [take for take, test in zip(takes, is_test, strict=True) if not test]
            if protocol == "clean":
                chosen = _carved(chosen, split, validation, seed)
        if not chosen:
            raise DataError(f"FSDD: {self.folder}: no recordings to {split}; {_WHERE}")
        self._paths = [take.path for take in chosen]
        self.labels = np.array([take.digit for take in chosen], dtype=np.int64)
        self.speakers = np.array([take.speaker for take in chosen])
        self.names = tuple(take.path.stem for take in chosen)

    def verify(self) -> int:
        """Recordings in the folder, or DataError where takes are missing."""
        takes = _takes(self.folder)
        held = {(take.speaker, take.digit, take.take) for take in takes}
        for speaker in sorted({take.speaker for take in takes}):
            for digit in range(10):
                missing = [i for i in range(_TAKES) if (speaker, digit, i) not in held]
                if missing:
                    raise DataError(
                        f"FSDD.verify: {self.folder}: {_TAKES} takes of every speaker and digit; "
                        f"{len(missing)} missing, {digit}_{speaker}_{missing[0]}.wav among them; "
                        f"{_WHERE}"
                    )
        return len(takes)


def _located(root: str | Path) -> Path:
    folder = existing_folder("FSDD", root, _WHERE)
    pattern = "free-spoken-digit-dataset*/recordings"
    unpacked = [*sorted(folder.glob(pattern)), *sorted(folder.glob(f"fsdd/{pattern}"))]
    for candidate in (folder, folder / "recordings", folder / "fsdd", *unpacked):
        if any(_NAME.fullmatch(path.stem) for path in candidate.glob("*.wav")):
            return candidate
    raise DataError(f"FSDD.root: {folder} holds no recordings; {_WHERE}")


def _takes(folder: Path) -> list[_Take]:
    """All recordings, by digit, speaker and take."""
    takes, strays = [], 0
    for path in folder.glob("*.wav"):
        match = _NAME.fullmatch(path.stem)
        if match is None:
            strays += 1
            continue
        takes.append(_Take(int(match["digit"]), match["speaker"], int(match["index"]), path))
    if strays:
        _log.warning("FSDD: %s: %d files of other names are left out", folder, strays)
    return sorted(takes)


def _carved(takes: list[_Take], split: str, validation: float | str, seed: int) -> list[_Take]:
    kept, held = split_validation(
        "FSDD",
        validation,
        np.array([take.digit for take in takes], dtype=np.int64),
        np.array([take.speaker for take in takes]),
        seed=seed,
    )
    if split == "val":
        need_validation("FSDD", held, validation)
    return [takes[i] for i in (held if split == "val" else kept)]
