"""The search: who wins, who is left out, and when it ends. No test reads a real clock."""

import logging
from typing import Any

import pytest
import torch

from neurospike.errors import ArgumentError, BackendUnavailableError
from neurospike.kernels.tuning import measure
from neurospike.kernels.tuning.search import TURNS
from tests.kernels.tuning.standing_in import Clock

CPU = torch.device("cpu")


def best(clock: Clock, candidates: dict[str, Any], limit_s: float = 1e9) -> str:
    return measure("op", CPU, (64,), candidates, limit_s=limit_s, clock=clock)


def test_the_fastest_wins() -> None:
    clock = Clock()
    made = {"a": clock.candidate(3.0), "b": clock.candidate(1.0), "c": clock.candidate(2.0)}
    assert best(clock, made) == "b"


def test_medians_decide_and_not_a_lucky_call() -> None:
    clock = Clock()
    lucky = clock.candidate(2.0, 2.0, 2.0, 2.0, 0.01)
    assert best(clock, {"steady": clock.candidate(1.0), "lucky": lucky}) == "steady"


def test_what_a_first_call_takes_does_not_count() -> None:
    clock = Clock()
    slow_at_first = clock.candidate(50.0, *[1.0] * 100)
    assert best(clock, {"a": clock.candidate(2.0), "b": slow_at_first}) == "b"


@pytest.mark.parametrize(("seconds", "winner"), [(0.99, "default"), (0.97, "other")])
def test_the_default_stays_unless_another_is_faster_by_more_than_chance(
    seconds: float, winner: str
) -> None:
    clock = Clock()
    made = {"default": clock.candidate(1.0), "other": clock.candidate(seconds)}
    assert best(clock, made) == winner


def test_turns_are_bounded() -> None:
    clock = Clock()
    best(clock, {"a": clock.candidate(1e-9), "b": clock.candidate(1e-9)})
    assert clock.timed == 2 * (1 + TURNS)


def test_it_ends_at_its_limit() -> None:
    clock = Clock()
    made = {"a": clock.candidate(1.0), "b": clock.candidate(0.5)}
    assert best(clock, made, limit_s=10.0) == "b"
    assert 10.0 <= clock.moment <= 11.0


def test_compiling_takes_half_of_the_time_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    made = {f"{i}": clock.candidate(6.0, *[1.0 / (1 + i)] * 99) for i in range(9)}
    with caplog.at_level(logging.INFO):
        assert best(clock, made, limit_s=20.0) == "1"
    assert clock.moment <= 21.0
    assert "op (64,): no time left to try 8" in caplog.text


def test_one_candidate_is_measured_whatever_the_limit() -> None:
    clock = Clock()
    made = {"a": clock.candidate(5.0), "b": clock.candidate(1.0)}
    assert best(clock, made, limit_s=1e-6) == "a"


def out_of_resources() -> Exception:
    errors = pytest.importorskip("triton.runtime.errors")
    made: Exception = errors.OutOfResources(300000, 232448, "shared memory")
    return made


FAILURES = {
    "no room in shared memory": out_of_resources,
    "no room on the card": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried ..."),
    "no registers": lambda: RuntimeError("Triton Error [CUDA]: too many resources requested"),
    "not for these tensors": lambda: BackendUnavailableError("'triton' needs ..."),
}


@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.parametrize("place", [0, 1])
def test_what_cannot_run_is_left_out_and_said(
    case: str, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    error = FAILURES[case]()
    made = {"a": clock.candidate(2.0), "b": clock.candidate(3.0)}
    order = list(made.items())
    order.insert(place, ("bad", clock.candidate(0.1, error=error)))
    with caplog.at_level(logging.INFO):
        assert best(clock, dict(order)) == "a"
    (line,) = caplog.messages
    assert line.startswith("op (64,): bad cannot run (")


def test_any_other_error_is_raised() -> None:
    clock = Clock()
    wrong = clock.candidate(1.0, error=RuntimeError("CUDA error: an illegal memory access"))
    with pytest.raises(RuntimeError, match="illegal memory access"):
        best(clock, {"a": clock.candidate(1.0), "b": wrong})


@pytest.mark.parametrize("value", [1.02, float("nan"), float("inf"), -1.0])
def test_what_computes_something_else_is_left_out(
    value: float, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    wrong = clock.candidate(0.1, value=value)
    assert best(clock, {"a": clock.candidate(1.0), "wrong": wrong}) == "a"
    assert caplog.messages == ["op (64,): wrong is wrong here and left out; please report it"]


def test_another_order_of_sums_is_no_error() -> None:
    clock = Clock()
    assert best(clock, {"a": clock.candidate(1.0), "b": clock.candidate(0.1, value=1.005)}) == "b"


def test_other_shapes_and_other_numbers_of_tensors_do_not_agree() -> None:
    made: dict[str, Any] = {
        "a": lambda: (torch.ones(2), None, torch.zeros(0)),
        "shape": lambda: (torch.ones(1), torch.zeros(0)),
        "number": lambda: torch.ones(2),
    }
    assert best(Clock(), made) == "a"


def test_when_nothing_runs_it_is_an_error() -> None:
    clock = Clock()
    bad = clock.candidate(0.1, error=BackendUnavailableError("no"))
    with pytest.raises(BackendUnavailableError, match="none of x, y runs for op"):
        best(clock, {"x": bad, "y": bad})


def test_no_candidates_and_no_time_are_errors() -> None:
    with pytest.raises(ArgumentError, match="has none; give one at least"):
        best(Clock(), {})
    with pytest.raises(ArgumentError, match="limit_s: must be above 0 seconds; got 0"):
        best(Clock(), {"a": Clock().candidate(1.0)}, limit_s=0)


def test_a_cpu_is_timed_by_its_own_clock() -> None:
    assert measure("op", CPU, (), {"only": lambda: torch.ones(1)}, limit_s=1e-9) == "only"
