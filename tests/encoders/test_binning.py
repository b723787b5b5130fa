"""Events into bins that are fixed in time."""

import logging

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neurospike.encoders import bin_events
from neurospike.errors import ArgumentError

EVENTS = st.lists(st.tuples(st.floats(0, 2, width=32), st.integers(0, 11)), max_size=40)


@given(events=EVENTS, group=st.sampled_from([1, 2, 3, 12]), dt_ms=st.sampled_from([1.0, 7.5, 10.0]))
def test_every_event_is_counted_once_or_is_late(events: list, group: int, dt_ms: float) -> None:
    times = np.array([t for t, _ in events])
    units = np.array([u for _, u in events], np.int64)
    frames, late = bin_events(
        times, units, units_total=12, dt_ms=dt_ms, steps=100, group=group, count_late=True
    )
    assert frames.shape == (100, 12 // group)
    assert frames.dtype == np.float32
    assert frames.sum() + late == len(events)
    expected = np.zeros_like(frames)
    for time, unit in events:
        quotient = time * 1000 / dt_ms
        on_edge = abs(quotient - round(quotient)) <= 5e-16 * quotient
        step = round(quotient) if on_edge else int(quotient)
        if step < 100:
            expected[step, unit // group] += 1
    assert np.array_equal(frames, expected)


def test_bins_are_half_open_and_start_at_zero() -> None:
    times = np.array([0.0, 0.0099, 0.01, 0.29, 0.57])
    frames = bin_events(times, np.zeros(5, int), units_total=1, dt_ms=10, steps=60)
    assert np.flatnonzero(frames).tolist() == [0, 1, 29, 57]
    assert frames[0] == 2


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_edges_survive_rounding(dtype: type) -> None:
    times = (np.arange(60) / 100).astype(dtype)
    frames = bin_events(times, np.zeros(60, int), units_total=1, dt_ms=10, steps=60)
    assert (frames == 1).all()


def test_order_does_not_matter() -> None:
    random = np.random.default_rng(0)
    times, units = random.uniform(0, 1, 500), random.integers(0, 700, 500)
    shuffled = random.permutation(500)
    settings = {"units_total": 700, "dt_ms": 10, "steps": 100, "group": 5}
    frames = bin_events(times, units, **settings)
    assert np.array_equal(frames, bin_events(times[shuffled], units[shuffled], **settings))


def test_late_events_are_dropped_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "neurospike"):
        frames = bin_events(np.array([0.1, 0.5, 9.0]), [0, 0, 0], units_total=1, dt_ms=100, steps=5)
    assert frames.sum() == 1
    assert "dropped 2 of 3 events at or after 500 ms" in caplog.text


def test_no_events_make_empty_frames() -> None:
    assert not bin_events([], [], units_total=4, dt_ms=10, steps=3).any()


def test_tensors_come_back_as_tensors() -> None:
    times, units = torch.tensor([0.0, 0.02]), torch.tensor([1, 0], dtype=torch.int32)
    frames = bin_events(times, units, units_total=2, dt_ms=10, steps=3)
    assert isinstance(frames, torch.Tensor)
    assert frames.tolist() == [[0, 1], [0, 0], [1, 0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times_s": [0.1, -0.1]}, "times_s: must be 0 or more; got -0.1"),
        ({"times_s": [0.1, np.nan]}, "times_s: must be finite"),
        ({"times_s": [0.1, np.inf]}, "times_s: must be finite"),
        ({"times_s": [0.1]}, "units: must be one unit an event"),
        ({"times_s": [[0.1, 0.2]]}, "units: must be one unit an event"),
        ({"units": [0, 10]}, "units: must lie in 0 .. 9; got 0 .. 10"),
        ({"units": [0, -1]}, "units: must lie in 0 .. 9; got -1 .. 0"),
        ({"units": [0, 0.5]}, "units: must be whole"),
        ({"units": [0, np.nan]}, "units: must be finite"),
        ({"group": 3}, "group: must divide the 10 units; got 3, which leaves 1"),
        ({"group": 0}, "group: must be a whole number, 1 or more"),
        ({"dt_ms": 0}, "dt_ms: must be a number above 0"),
        ({"dt_ms": np.nan}, "dt_ms: must be a number above 0"),
        ({"steps": 0}, "steps: must be a whole number, 1 or more"),
        ({"steps": 2.5}, "steps: must be a whole number, 1 or more"),
        ({"units_total": True}, "units_total: must be a whole number"),
    ],
)
def test_bad_input_is_refused(change: dict, message: str) -> None:
    arguments = {
        "times_s": [0.1, 0.2],
        "units": [0, 9],
        "units_total": 10,
        "dt_ms": 10,
        "steps": 100,
        **change,
    }
    with pytest.raises(ArgumentError, match=f"bin_events.{message}"):
        bin_events(**arguments)
