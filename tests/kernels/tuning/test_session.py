"""A search over several shapes: what is recorded, skipped, and how the time is shared out."""

from collections.abc import Callable
from typing import Any

import torch

from neurospike.errors import BackendUnavailableError
from neurospike.kernels.tuning import lookup
from neurospike.kernels.tuning.session import Case, Result, tune
from tests.kernels.tuning.standing_in import Clock

CPU = torch.device("cpu")


def case(clock: Clock, rows: int, seconds: dict[int, float]) -> Case:
    """A kernel that takes so many seconds, by the configuration that it looks up."""

    def make(device: torch.device) -> Callable[[], Any]:
        def call() -> torch.Tensor:
            found = lookup("op", device, (rows,))
            taken = seconds[0 if found is None else found["config"]]
            if taken < 0:
                raise BackendUnavailableError("no")
            clock.moment += taken
            return torch.ones(2)

        return call

    return Case("op", (rows,), {"0": {"config": 0}, "1": {"config": 1}, "2": {"config": 2}}, make)


def test_each_shape_keeps_its_own_winner() -> None:
    clock = Clock()
    cases = [
        case(clock, 1, {0: 3.0, 1: 1.0, 2: 2.0}),
        case(clock, 64, {0: 1.0, 1: 3.0, 2: -1.0}),
    ]
    first, second = tune(cases, CPU, limit_s=1e6, clock=clock)
    assert isinstance(first, Result) and isinstance(second, Result)
    assert (first.winner, first.gain, first.left_out) == ("1", 3.0, [])
    assert (second.winner, second.gain, second.left_out) == ("0", 1.0, ["2"])
    assert lookup("op", CPU, (1,)) == {"config": 1}
    assert lookup("op", CPU, (64,)) == {"config": 0}
    assert first.path is not None and first.path == second.path


def test_a_default_that_cannot_run_has_no_gain() -> None:
    clock = Clock()
    (result,) = tune([case(clock, 1, {0: -1.0, 1: 1.0, 2: 2.0})], CPU, limit_s=99, clock=clock)
    assert result is not None
    assert result.gain is None
    assert result.left_out == ["0"]


def test_a_shape_that_nothing_runs_is_passed_over() -> None:
    clock = Clock()
    cases = [
        case(clock, 1, {0: -1.0, 1: -1.0, 2: -1.0}),
        case(clock, 64, {0: 1.0, 1: 3.0, 2: 2.0}),
    ]
    first, second = tune(cases, CPU, limit_s=1e6, clock=clock)
    assert first is None
    assert second is not None
    assert lookup("op", CPU, (1,)) is None


def test_a_default_that_nothing_was_tried_against_is_not_recorded() -> None:
    clock = Clock()
    found = tune([case(clock, 1, {0: 1.0, 1: -1.0, 2: -1.0})], CPU, limit_s=99, clock=clock)
    assert list(found) == [None]
    assert lookup("op", CPU, (1,)) is None


def test_a_shape_that_does_not_fit_the_card_is_passed_over() -> None:
    def make(device: torch.device) -> Callable[[], Any]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    found = tune([Case("op", (1,), {"0": {}}, make)], CPU, limit_s=1, clock=Clock())
    assert list(found) == [None]


def test_time_is_shared_out_and_ends() -> None:
    clock = Clock()
    cases = [case(clock, 4**i, {0: 1.0, 1: 1.0, 2: 1.0}) for i in range(3)]
    results = list(tune(cases, CPU, limit_s=60.0, clock=clock))
    assert len(results) == 3
    assert 60.0 <= clock.moment <= 63.0


def test_what_is_done_in_time_is_kept() -> None:
    clock = Clock()
    cases = [case(clock, 16**i, {0: 2.0, 1: 1.0, 2: 3.0}) for i in range(3)]
    cases[1] = case(clock, 16, {0: 40.0, 1: 30.0, 2: 30.0})
    results = list(tune(cases, CPU, limit_s=120.0, clock=clock))
    assert len(results) == 2
    assert [lookup("op", CPU, (16**i,)) is not None for i in range(3)] == [True, False, False]
