"""Sequences under a recipe: binned to a fixed length, augmented by key, stacked time first."""

from typing import Any

import numpy as np
import pytest
import torch

from neurospike.errors import ArgumentError, DataError
from neurospike.train import load_recipe, parse_recipe
from neurospike.train.samples import build_loader
from neurospike.train.sections import AugmentSequencePart, SequencePart
from neurospike.train.sequences import SequenceSamples, collate_sequences

EVERYTHING = AugmentSequencePart(
    shift_steps=3,
    shift_channels=0.5,
    stretch=0.1,
    stretch_channels=0.05,
    drop_events=0.2,
    add_events=0.1,
    jitter_steps=0.3,
    jitter_channels=0.2,
    mask_steps=4,
    mask_channels=2,
    masks=2,
    gain=0.1,
)


class Clips:
    """Events of 20 units; clip i has 50 + i of them within 0.4 s."""

    classes = ("a", "b")
    units_total = 20

    def __len__(self) -> int:
        return 7

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = np.random.default_rng(index)
        times = np.sort(rng.random(50 + index) * 0.4).astype(np.float32)
        units = rng.integers(0, 20, 50 + index).astype(np.int32)
        return {"times_s": times, "units": units, "label": index % 2, "name": str(index)}


class Frames(Clips):
    """Numbers of 6 bands, 30 + i of them."""

    def __getitem__(self, index: int) -> dict[str, Any]:
        frames = np.random.default_rng(index).random((30 + index, 6), dtype=np.float32)
        return {"frames": frames, "label": index % 2}


def samples(augment: AugmentSequencePart | None = None, **part: Any) -> SequenceSamples:
    part = {"steps": 40, "group": 4, **part}
    return SequenceSamples(Clips(), SequencePart(**part), augment, seed=3)


def frames(augment: AugmentSequencePart | None = None, steps: int = 40) -> SequenceSamples:
    part = SequencePart(frontend="mel", channels=6, steps=steps)
    return SequenceSamples(Frames(), part, augment, seed=3)


def test_events_are_counted_in_bins_from_time_zero() -> None:
    clip = Clips()[5]
    x = samples()[(0, 5)]["x"]
    assert x.shape == (40, 5)
    assert x.dtype == np.float32
    assert x.sum() == 55
    expected = np.zeros((40, 5))
    for time, unit in zip(clip["times_s"], clip["units"], strict=True):
        expected[int(float(time) / 0.01), unit // 4] += 1
    np.testing.assert_array_equal(x, expected)


def test_events_after_the_last_step_are_dropped_and_counted() -> None:
    short = samples(steps=20)
    late = sum(int((Clips()[i]["times_s"] >= 0.2).sum()) for i in range(7))
    total = sum(short[(0, i)]["x"].sum() for i in range(7))
    assert total == sum(50 + i for i in range(7)) - late
    assert short.late_share == pytest.approx(late / (total + late))
    assert samples().late_share == 0


@pytest.mark.parametrize("build", [samples, frames])
def test_a_sample_follows_from_seed_epoch_and_index_alone(build: Any) -> None:
    first, second = build(EVERYTHING), build(EVERYTHING)
    second[(0, 1)]
    np.testing.assert_array_equal(first[(2, 4)]["x"], second[(2, 4)]["x"])
    assert not np.array_equal(first[(2, 4)]["x"], first[(3, 4)]["x"])
    assert first[(2, 4)]["x"].shape == build()[(2, 4)]["x"].shape


@pytest.mark.parametrize("build", [samples, frames])
def test_an_augmentation_of_nothing_changes_nothing(build: Any) -> None:
    still = build(AugmentSequencePart())
    np.testing.assert_array_equal(still[(0, 2)]["x"], build()[(0, 2)]["x"])


def test_shifts_move_events_along_time_and_channels() -> None:
    still = samples(group=1, steps=60)
    later = samples(AugmentSequencePart(shift_steps=9), group=1, steps=60)
    for epoch in range(4):
        before, after = still[(epoch, 3)]["x"], later[(epoch, 3)]["x"]
        moved = [np.argmax(x.any(axis=1)) for x in (before, after)]
        assert abs(int(moved[1]) - int(moved[0])) <= 10
        assert after.sum(0).sum() <= before.sum()
    across = samples(AugmentSequencePart(shift_channels=3), group=1, steps=60)
    sums = across[(1, 3)]["x"].sum(1)
    assert (sums <= still[(1, 3)]["x"].sum(1)).all()


def test_drops_and_additions_change_the_number_of_events() -> None:
    dropped = samples(AugmentSequencePart(drop_events=0.9))
    kept = [dropped[(0, i)]["x"].sum() / (50 + i) for i in range(7)]
    assert max(kept) <= 1
    assert min(kept) < 0.8
    added = samples(AugmentSequencePart(add_events=1.0))
    assert all(50 + i <= added[(0, i)]["x"].sum() <= 2 * (50 + i) for i in range(7))


def test_masks_silence_runs_of_steps_and_channels() -> None:
    masked = samples(AugmentSequencePart(mask_channels=5, masks=3))
    kept = [masked[(epoch, 0)]["x"] for epoch in range(5)]
    full = samples()[(0, 0)]["x"]
    assert all((x <= full).all() for x in kept)
    assert any(x.sum() < full.sum() for x in kept)


def test_a_clip_without_events_is_silence() -> None:
    class Silent(Clips):
        def __getitem__(self, index: int) -> dict[str, Any]:
            clip = super().__getitem__(index)
            return {**clip, "times_s": clip["times_s"][:0], "units": clip["units"][:0]}

    part = SequencePart(steps=10, group=4)
    assert SequenceSamples(Silent(), part, EVERYTHING, seed=0)[(0, 0)]["x"].sum() <= 0


def test_frames_are_padded_and_cut_to_the_steps() -> None:
    x = frames()[(0, 0)]["x"]
    np.testing.assert_array_equal(x[:30], Frames()[0]["frames"])
    assert not x[30:].any()
    assert frames(steps=20)[(0, 0)]["x"].shape == (20, 6)


def test_batches_are_time_first() -> None:
    batch = next(iter(build_loader(samples(), 3, collate=collate_sequences)))
    assert batch["x"].shape == (40, 3, 5)
    assert batch["x"].dtype == torch.float32
    assert batch["label"].tolist() == [0, 1, 0]
    np.testing.assert_array_equal(batch["x"][:, 1].numpy(), samples()[(0, 1)]["x"])


def test_a_group_that_does_not_divide_the_units_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"group: must divide the 20 channels; got 3"):
        samples(group=3)


def test_a_recipe_is_of_one_kind() -> None:
    content = load_recipe("shd").model_dump(mode="json")
    with pytest.raises(DataError, match="one of the sections voxels, sequence and scan"):
        parse_recipe({**content, "voxels": {"size": 1.0}}, origin="test")
    with pytest.raises(DataError, match="one of the sections voxels, sequence and scan"):
        parse_recipe({**content, "sequence": None}, origin="test")
    with pytest.raises(DataError, match="augment is not read by a recipe with a section sequence"):
        parse_recipe({**content, "augment": {"shift": 1.0}}, origin="test")
