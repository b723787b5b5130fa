from typing import Any

import numpy as np
import pytest

from neurospike.train.augment_labels import COPIES, Mix, in_half_turn, polar_mix


def scan(count: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-20, 20, (count, 4)).astype(np.float32)
    return {"points": points, "label": rng.integers(-1, 3, count)}


class Scans:
    classes = ("road", "car", "building")

    def __init__(self, counts: tuple[int, ...] = (200, 150, 90)) -> None:
        self.scans = [scan(count, seed) for seed, count in enumerate(counts)]

    def __len__(self) -> int:
        return len(self.scans)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.scans[index]


@pytest.mark.parametrize("start", [-3.0, 0.0, 1.3])
def test_half_a_turn_is_counted_from_its_start(start: float) -> None:
    points = scan(300, 0)["points"]
    azimuth = np.arctan2(points[:, 1], points[:, 0])
    expected = (azimuth - start) % (2 * np.pi) < np.pi
    assert np.array_equal(in_half_turn(points, start), expected)


def test_objects_of_the_other_scan_are_added_turned() -> None:
    a, b = scan(100, 0), scan(80, 1)
    for seed in range(8):
        mixed = polar_mix(a, b, np.array([1]), np.random.default_rng(seed))
        cars = int((b["label"] == 1).sum())
        pasted = mixed["points"][-COPIES * cars :]
        assert (mixed["label"][-COPIES * cars :] == 1).all()
        original = b["points"][b["label"] == 1]
        for copy in np.split(pasted, COPIES):
            # Turned about the sensor: distances, heights and intensities stay.
            np.testing.assert_allclose(
                np.hypot(copy[:, 0], copy[:, 1]),
                np.hypot(original[:, 0], original[:, 1]),
                rtol=1e-5,
            )
            assert np.array_equal(copy[:, 2:], original[:, 2:])


def test_a_swap_takes_one_half_of_each_scan() -> None:
    a, b = scan(100, 0), scan(80, 1)
    swapped = 0
    for seed in range(12):
        mixed = polar_mix(a, b, np.array([], int), np.random.default_rng(seed))
        own = (mixed["points"][:, None] == a["points"][None]).all(2).any(1)
        if own.all():
            assert np.array_equal(mixed["points"], a["points"])
            continue
        swapped += 1
        rest = (mixed["points"][~own][:, None] == b["points"][None]).all(2).any(1)
        assert rest.all()
        assert len(mixed["points"]) == len(mixed["label"])
    assert 2 <= swapped <= 10


def test_mixing_follows_from_its_generator_and_keeps_what_it_was_given() -> None:
    source = Scans()
    before = [one["points"].copy() for one in source.scans]
    mix = Mix(source, 1.0)
    assert mix.things.tolist() == [1]
    first, second = (mix(source[0], np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first["points"], second["points"])
    assert first["points"].dtype == np.float32
    for one, was in zip(source.scans, before, strict=True):
        assert np.array_equal(one["points"], was)


def test_probability_zero_and_empty_scans() -> None:
    source = Scans((50, 0))
    sample = source[0]
    assert Mix(source, 0.0)(sample, np.random.default_rng(0)) is sample
    for seed in range(6):
        mixed = Mix(source, 1.0)(source[seed % 2], np.random.default_rng(seed))
        assert len(mixed["points"]) == len(mixed["label"])
