"""Sequences as images: padded exactly, averaged evenly."""

import itertools
from typing import Any

import numpy as np
import pytest

from neurospike.encoders.projections import SequenceImage
from neurospike.errors import ArgumentError


def frames_of(steps: int, channels: int) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(steps, channels)).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (12, 3), (12, 9)])
def test_padded_sequences_come_back_exactly(shape: tuple[int, int]) -> None:
    frames = frames_of(*shape)
    made = SequenceImage((9, 12), frames=shape)
    image = made({"frames": frames})
    assert image.shape == (1, 9, 12)
    assert np.array_equal(image[0, : shape[1], : shape[0]], frames.T)
    assert np.count_nonzero(image) == frames.size
    assert np.array_equal(made.inverse(image)["frames"], frames)


def test_without_a_shape_any_length_is_taken_and_padding_comes_back() -> None:
    made = SequenceImage((9, 12))
    for steps in (3, 12, 30):
        back = made.inverse(made({"frames": frames_of(steps, 9)}))["frames"]
        assert back.shape == (12, 9)
        assert not back[steps:].any()


@pytest.mark.parametrize(("length", "size"), [(7, 3), (9, 8), (100, 1), (64, 32)])
def test_long_axes_are_averaged_over_runs(length: int, size: int) -> None:
    frames = frames_of(length, length)
    made = SequenceImage(size, frames=(length, length))
    edges = [i * length // size for i in range(size + 1)]
    expected = np.array(
        [
            [frames[a:b, c:d].mean(dtype=float) for a, b in itertools.pairwise(edges)]
            for c, d in itertools.pairwise(edges)
        ]
    )
    image = made({"frames": frames})
    np.testing.assert_allclose(image[0], expected, atol=1e-6)
    back = made.inverse(image)["frames"]
    assert back.shape == frames.shape
    again = made({"frames": back})
    np.testing.assert_allclose(again, image, atol=1e-6)
    np.testing.assert_allclose(back.mean(), frames.mean(), atol=1e-6)


def test_silence_is_zero_and_pads() -> None:
    made = SequenceImage((2, 4), frames=(2, 2), zero=-13.8, unit=5.0)
    image = made({"frames": np.array([[-13.8, -8.8], [-3.8, -13.8]])})
    np.testing.assert_allclose(image[0], [[0, 2, 0, 0], [1, 0, 0, 0]], atol=1e-6)
    back = made.inverse(image)["frames"]
    np.testing.assert_allclose(back, [[-13.8, -8.8], [-3.8, -13.8]], atol=1e-6)


def test_panels_say_what_was_averaged() -> None:
    made = SequenceImage((4, 8), frames=(16, 3))
    (panel,) = made.panels(made({"frames": frames_of(16, 3)}))
    assert panel.across == "column, of 16 steps"
    assert panel.down == "channel, 0 on top"


@pytest.mark.parametrize(
    ("sample", "options", "match"),
    [
        ({"points": np.zeros((2, 3))}, {}, "must have frames; got points"),
        ({"frames": np.zeros(3)}, {}, r"must be \(steps, channels\), one of each"),
        ({"frames": np.zeros((0, 3))}, {}, "one of each"),
        ({"frames": np.full((2, 3), np.nan)}, {}, "must be finite; got 6"),
        ({"frames": np.zeros((2, 3))}, {"frames": (3, 2)}, r"must be \(3, 2\)"),
        ({}, {"frames": (3,)}, "must be steps and channels"),
        ({}, {"frames": 3}, "must be steps and channels"),
        ({}, {"frames": (3, 0)}, "must be a whole number, 1 or more"),
        ({}, {"unit": 0.0}, "SequenceImage.unit: must be a number above 0"),
        ({}, {"zero": np.inf}, "SequenceImage.zero: must be finite"),
    ],
)
def test_what_is_wrong_is_named(sample: Any, options: Any, match: str) -> None:
    with pytest.raises(ArgumentError, match=match):
        SequenceImage(4, **options)(sample)
