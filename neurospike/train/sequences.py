"""Sound and events as a recipe wants them: coded, augmented, binned to a fixed length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurospike.datasets import transforms
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

    def __len__(self) -> int:
        return len(self.source)

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
        times = np.asarray(sample["times_s"], np.float32) * np.float32(1e3 / part.dt_ms)
        # The middle of a unit, so that a place and its unit stay one under rounding.
        places = (np.asarray(sample["units"], np.float32) + np.float32(0.5)) / np.float32(
            part.group
        )
        events = Events(times, places, self.channels)
        if self.augment is not None:
            events = augment_events(events, self.augment, rng)
        return self._binned(events)

    def _binned(self, events: Events) -> NDArray[np.float32]:
        kept = events.keep(events.times < self.part.steps)
        self._count(len(events.times), len(kept.times))
        cells = kept.times.astype(np.int64) * self.channels + kept.places.astype(np.int64)
        counts = np.bincount(cells, minlength=self.part.steps * self.channels)
        return counts.astype(np.float32).reshape(self.part.steps, self.channels)

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
