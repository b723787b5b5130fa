"""Sound and events as a recipe wants them: coded, augmented, binned to a fixed length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurospike.datasets import transforms
from neurospike.encoders import bin_events
from neurospike.train.augment import Events, augment_events, augment_frames, gain
from neurospike.train.frontends import input_channels
from neurospike.train.samples import Batch, Key, Sample, Source
from neurospike.train.sections import AugmentSequencePart, SequencePart

_STILL = AugmentSequencePart()


class SequenceSamples:
    """Sequences of a source of events or frames, binned after augmentation.

    Keys are (epoch, index), and what a sequence undergoes follows from the seed and its key alone.

    Parameters
    ----------
    source
        Items with ``times_s``, ``units`` (and the source's ``units_total``), or with ``frames``
        (n, channels), one a step.

    Attributes
    ----------
    late_share
        Share of the events, or of the frames, given so far that came after the last step.
    """

    def __init__(
        self,
        source: Source,
        part: SequencePart,
        augment: AugmentSequencePart | None,
        *,
        seed: int,
    ) -> None:
        self.source = source
        self.part = part
        self.augment = augment
        self.seed = seed
        self._late = self._all = 0
        self.channels = input_channels(source, part)
        self._last_unit = self.channels * part.group - 1

    def __len__(self) -> int:
        return len(self.source)

    @property
    def given(self) -> int:
        """Events, or frames, of the samples given so far."""
        return self._all

    @property
    def late_share(self) -> float:
        return self._late / max(self._all, 1)

    def __getitem__(self, key: Key) -> Sample:
        epoch, index = key
        sample = self.source[index]
        rng = transforms.sample_rng(self.seed, epoch, index)
        numbers = self._frames(sample, rng) if "frames" in sample else self._bins(sample, rng)
        if self.augment is not None and self.augment.gain:
            numbers *= np.float32(gain(self.augment, rng))
        return {"x": numbers, "label": sample["label"]}

    def _bins(self, sample: Sample, rng: np.random.Generator) -> NDArray[np.float32]:
        part = self.part
        times_s, units = sample["times_s"], sample["units"]
        if self.augment is not None and self.augment != _STILL:
            times_s, units = self._augmented(times_s, units, self.augment, rng)
        counts: NDArray[np.float32]
        counts, late = bin_events(
            times_s,
            units,
            units_total=self.channels * part.group,
            dt_ms=part.dt_ms,
            steps=part.steps,
            group=part.group,
            count_late=True,
        )
        self._count(len(times_s), len(times_s) - late)
        return counts

    def _augmented(
        self,
        times_s: NDArray[Any],
        units: NDArray[Any],
        augment: AugmentSequencePart,
        rng: np.random.Generator,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        step_s, group = np.float32(self.part.dt_ms / 1e3), np.float32(self.part.group)
        # The middle of a unit, so that a place and its unit stay one under rounding.
        places = (units.astype(np.float32) + np.float32(0.5)) / group
        events = Events(times_s.astype(np.float32) / step_s, places, self.channels)
        events = augment_events(events, augment, rng)
        units = np.minimum((events.places * group).astype(np.int64), self._last_unit)
        return events.times * step_s, units

    def _frames(self, sample: Sample, rng: np.random.Generator) -> NDArray[np.float32]:
        frames, steps = sample["frames"], self.part.steps
        self._count(len(frames), min(len(frames), steps))
        if self.augment is not None and self.augment != _STILL:
            return augment_frames(frames, self.augment, rng, steps=steps)
        out = np.zeros((steps, frames.shape[1]), np.float32)
        out[: len(frames)] = frames[:steps]
        return out

    def _count(self, total: int, kept: int) -> None:
        self._all += total
        self._late += total - kept


def collate_sequences(samples: Sequence[Sample]) -> Batch:
    """Stack sequences time first: x (T, B, C) float32, label (B,)."""
    x = torch.from_numpy(np.stack([sample["x"] for sample in samples], axis=1))
    label = torch.tensor([int(sample["label"]) for sample in samples])
    return {"x": x, "label": label}


def sequence_input(batch: Batch) -> Tensor:
    """What a network of sequences takes: (T, B, C)."""
    x: Tensor = batch["x"]
    return x
