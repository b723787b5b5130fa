"""What the speech data sets share: recordings by name, and validation by speaker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets._common import Sample, Samples, check_fraction, stratified_split
from neurospike.datasets.waves import read_wave
from neurospike.errors import ArgumentError

SPEAKER = "speaker:"
"""Prefix of a ``validation`` that names a speaker."""


class Recordings(Samples):
    """Recordings on a disk, each with a class and a speaker."""

    speakers: NDArray[np.str_]
    """(samples,), who speaks."""
    names: tuple[str, ...]
    """The samples' files, without their ending."""
    _paths: Sequence[Path]

    def _sample(self, index: int) -> Sample:
        wave, rate = read_wave(self._paths[index])
        return {
            "wave": wave,
            "sample_rate": rate,
            "label": int(self.labels[index]),
            "speaker": str(self.speakers[index]),
            "name": self.names[index],
        }


def split_validation(
    owner: str,
    validation: float | str,
    labels: NDArray[np.int64],
    speakers: NDArray[np.str_],
    *,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices (kept, held out) of the training recordings.

    ``"speaker:NAME"`` holds out every recording of a speaker, a fraction that share of every
    (speaker, class), by seed.
    """
    if isinstance(validation, str):
        name = validation.removeprefix(SPEAKER)
        known = sorted(set(speakers.tolist()))
        if name == validation or name not in known:
            raise ArgumentError(
                f"{owner}.validation: a fraction, or 'speaker:NAME' with one of "
                f"{', '.join(known)}; got {validation!r}"
            )
        held = speakers == name
        return np.flatnonzero(~held), np.flatnonzero(held)
    check_fraction(owner, "validation", validation)
    _, person = np.unique(speakers, return_inverse=True)
    groups = person.astype(np.int64) * (int(labels.max(initial=0)) + 1) + labels
    return stratified_split(groups, validation, seed=seed)


def need_validation(owner: str, held: NDArray[np.int64], validation: object) -> None:
    """Raise ArgumentError where a validation split would be empty."""
    if not len(held):
        raise ArgumentError(
            f"{owner}.validation: no recording is held out; got {validation!r}; "
            "raise it, or ask for another split"
        )
