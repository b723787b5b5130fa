"""The neurons' benchmark compares equal work, and its rows say what they are."""

from types import SimpleNamespace

import pytest
import torch

from neurospike.bench import harness, neurons
from neurospike.bench.harness import Timing, interleave, machine
from neurospike.errors import ArgumentError

# What the peers' own imports warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def test_both_sides_compute_the_same_spikes() -> None:
    pytest.importorskip("spikingjelly.activation_based.neuron", reason="no spikingjelly")
    ours, theirs = (candidate() for candidate in neurons.candidates(5, 1000).values())
    assert torch.equal(ours, theirs)


def test_rows_hold_medians_and_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("spikingjelly.activation_based.neuron", reason="no spikingjelly")
    monkeypatch.setattr(neurons, "CASES", ((2, 100),))
    monkeypatch.setattr(neurons, "peak_memory_row", lambda: None)
    (row,) = neurons.run(repeats=2)
    assert row["ratio"] == pytest.approx(row["peer_ms"] / row["ours_ms"])
    assert row["case"] == "LIF forward + backward, T = 2, N = 100"


def test_candidates_take_turns() -> None:
    calls: list[str] = []
    candidates = {n: (lambda n=n: calls.append(n)) for n in "ab"}
    timings = interleave(candidates, repeats=3, warmup=1, turn_s=0.0)
    assert "".join(calls) == "ab" + "ab" + "ababab"  # warm-up, sizing, turns
    assert timings["a"].repeats == 3
    with pytest.raises(ArgumentError, match=r"interleave\.repeats: must be 1 or more; got 0"):
        interleave({}, 0)


def test_a_turn_of_short_calls_repeats_them(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"now": 0.0, "calls": 0}

    def candidate() -> None:
        clock["now"] += 0.001
        clock["calls"] += 1

    fake = SimpleNamespace(perf_counter=lambda: clock["now"])
    monkeypatch.setattr(harness, "time", fake)
    timing = interleave({"a": candidate}, repeats=2, turn_s=0.005)["a"]
    assert clock["calls"] == 1 + 1 + 2 * 5  # warm-up, sizing, two turns of five
    assert timing.median_s == pytest.approx(0.001)


def test_timing_is_median_and_quartiles() -> None:
    timing = Timing.of([0.004, 0.001, 0.002, 0.003, 0.010])
    assert (timing.lower_s, timing.median_s, timing.upper_s) == (0.002, 0.003, 0.004)
    assert str(timing) == "3 ms [2, 4]"
    assert Timing.of([0.5]).median_s == 0.5


def test_machine_names_what_a_table_must_say() -> None:
    assert {"cpu", "cores", "torch", "numba"} <= set(machine())
