"""Rate, latency and delta coding, each against its inverse."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from neurospike.encoders import (
    decode_delta,
    decode_latency,
    decode_rate,
    delta,
    latency,
    rate,
)
from neurospike.errors import ArgumentError

SHARES = arrays(np.float64, array_shapes(min_dims=0, max_dims=2), elements=st.floats(0, 1))
SIGNALS = arrays(
    np.float64, array_shapes(min_dims=1, max_dims=2, max_side=8), elements=st.floats(-50, 50)
)


class TestRate:
    def test_gives_the_value_back_in_expectation(self) -> None:
        values = np.linspace(0, 1, 201)
        spikes = rate(values, 4000, seed=1)
        assert set(np.unique(spikes)) == {0.0, 1.0}
        error = np.sqrt(values * (1 - values) / 4000)
        assert (np.abs(decode_rate(spikes) - values) <= 4.5 * error).all()
        scaled = (decode_rate(spikes) - values)[1:-1] / error[1:-1]
        assert 0.8 < scaled.std() < 1.2

    def test_steps_are_independent(self) -> None:
        spikes = rate(np.full(2000, 0.3), 50) - 0.3
        assert abs((spikes[1:] * spikes[:-1]).mean()) < 0.005

    def test_a_seed_means_one_result(self) -> None:
        values = np.full((3, 4), 0.5)
        assert np.array_equal(rate(values, 9, seed=2), rate(values, 9, seed=2))
        assert not np.array_equal(rate(values, 9, seed=2), rate(values, 9, seed=3))

    @given(values=SHARES, steps=st.integers(1, 5))
    def test_shapes(self, values: np.ndarray, steps: int) -> None:
        spikes = rate(values, steps)
        assert spikes.shape == (steps, *values.shape)
        assert decode_rate(spikes).shape == values.shape


class TestLatency:
    @given(values=SHARES, steps=st.integers(2, 300))
    def test_gives_the_value_back_to_half_a_step(self, values: np.ndarray, steps: int) -> None:
        spikes = latency(values, steps)
        assert spikes.shape == (steps, *values.shape)
        assert (spikes.sum(axis=0) == 1).all()
        error = np.abs(decode_latency(spikes) - values)
        assert (error <= 0.5 / (steps - 1) + 1e-6).all()

    @given(steps=st.integers(2, 300))
    def test_is_exact_on_its_own_grid(self, steps: int) -> None:
        times = np.arange(steps)
        values = 1 - times / (steps - 1)
        assert np.array_equal(latency(values, steps).argmax(axis=0), times)
        np.testing.assert_allclose(decode_latency(latency(values, steps)), values, atol=1e-7)

    def test_larger_values_come_first(self) -> None:
        values = np.sort(np.random.default_rng(0).random(50))
        assert (np.diff(latency(values, 100).argmax(axis=0)) <= 0).all()

    def test_what_never_fires_is_zero_and_the_first_spike_counts(self) -> None:
        spikes = np.zeros((5, 2))
        spikes[[1, 3], 1] = 1
        assert decode_latency(spikes).tolist() == [0.0, 0.75]


class TestDelta:
    @given(signal=SIGNALS, threshold=st.floats(0.01, 10), start=st.floats(-5, 5))
    def test_follows_the_signal_within_a_threshold(
        self, signal: np.ndarray, threshold: float, start: float
    ) -> None:
        events = delta(signal, threshold, start=start)
        assert np.array_equal(events, np.rint(events))
        error = np.abs(decode_delta(events, threshold, start=start) - signal)
        assert (error <= threshold + 1e-4).all()

    @given(signal=SIGNALS)
    def test_any_beginning_is_coded_as_in_the_whole(self, signal: np.ndarray) -> None:
        cut = len(signal) // 2
        assert np.array_equal(delta(signal, 0.5)[:cut], delta(signal[:cut], 0.5))

    def test_steps_of_one_threshold_are_exact(self) -> None:
        events = np.random.default_rng(0).integers(-3, 4, (40, 3)).astype(np.float32)
        assert np.array_equal(delta(decode_delta(events, 0.25), 0.25), events)

    def test_a_still_signal_sends_nothing(self) -> None:
        events = delta(np.full(10, 0.9), 1.0)
        assert not events.any()


@pytest.mark.parametrize(
    "code",
    [
        lambda x: rate(x, 3),
        lambda x: latency(x, 3),
        lambda x: delta(x, 0.1),
        decode_rate,
        decode_latency,
        lambda x: decode_delta(x, 0.1),
    ],
)
def test_tensors_come_back_as_tensors(code: object) -> None:
    tensor = torch.tensor([[0.0, 1.0], [1.0, 1.0]], requires_grad=True)
    coded = code(tensor)
    assert isinstance(coded, torch.Tensor)
    assert coded.dtype == torch.float32
    assert np.array_equal(coded.numpy(), code(tensor.detach().numpy()))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rate([0.5, 1.1], 3), r"rate.values: must lie in \[0, 1\]; got 0.5 .. 1.1"),
        (lambda: rate([-0.1], 3), r"rate.values: must lie in \[0, 1\]"),
        (lambda: rate([np.nan], 3), "rate.values: must be finite"),
        (lambda: rate(["a"], 3), "rate.values: must be real"),
        (lambda: rate([0.5], 0), "rate.steps: must be a whole number, 1 or more"),
        (lambda: rate([0.5], 3, seed=-1), "rate.seed: must be a whole number"),
        (lambda: decode_rate(np.zeros((0, 3))), "decode_rate.spikes: must hold a step"),
        (lambda: latency([1.5], 3), r"latency.values: must lie in \[0, 1\]"),
        (lambda: latency([0.5], 1), "latency.steps: must be a whole number, 2 or more"),
        (lambda: decode_latency(np.zeros((1, 3))), "decode_latency.spikes: must hold two steps"),
        (lambda: delta([0.0, np.inf], 1.0), "delta.signal: must be finite"),
        (lambda: delta(3.0, 1.0), "delta.signal: must have time"),
        (lambda: delta([0.0], 0.0), "delta.threshold: must be a number above 0"),
        (lambda: delta([0.0], -1.0), "delta.threshold: must be a number above 0"),
        (lambda: delta([1e9], 1e-3), "delta.threshold: must be coarser"),
        (lambda: delta([0.0], 1.0, start=np.nan), "delta.start: must be finite"),
        (lambda: decode_delta([0.0], np.nan), "decode_delta.threshold: must be a number"),
    ],
)
def test_bad_input_is_refused(call: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        call()
