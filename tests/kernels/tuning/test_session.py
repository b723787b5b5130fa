"""A search over several shapes: what is recorded, skipped, and how the time is shared out."""

from collections.abc import Callable
from typing import Any

import torch

from neurospike.errors import BackendUnavailableError
from neurospike.kernels.tuning import lookup, table
from neurospike.kernels.tuning.session import DEFAULT, Case, Result, tune
from tests.kernels.tuning.standing_in import Clock

CPU = torch.device("cpu")


def case(clock: Clock, rows: int, *seconds: float) -> Case:
    """A kernel whose default and configurations take so many seconds; below 0 they cannot run."""

    def make(device: torch.device) -> Callable[[], Any]:
        def call() -> torch.Tensor:
            found = lookup("op", device, (rows,))
            taken = seconds[0 if found is None else found["config"]]
            if taken < 0:
                raise BackendUnavailableError("no")
            clock.moment += taken
            return torch.ones(2)

        return call

    return Case("op", f"{rows} rows", {f"{i}": {"config": i} for i in range(1, len(seconds))}, make)


def test_each_shape_keeps_its_own_winner() -> None:
    clock = Clock()
    cases = [case(clock, 1, 3.0, 1.0, 2.0), case(clock, 64, 1.0, 3.0, -1.0)]
    first, second = tune(cases, CPU, limit_s=1e6, clock=clock)
    assert isinstance(first, Result) and isinstance(second, Result)
    assert (first.winner, first.gain, first.left_out, first.key) == ("1", 3.0, [], (1,))
    assert (second.winner, second.gain, second.left_out) == (DEFAULT, 1.0, ["2"])
    assert lookup("op", CPU, (1,)) == {"config": 1}
    assert first.path is not None and first.path == second.path


def test_a_default_that_is_best_stands_against_its_neighbours() -> None:
    clock = Clock()
    cases = [case(clock, 1024, 1.0, 3.0), case(clock, 4096, 3.0, 1.0)]
    assert len(list(tune(cases, CPU, limit_s=1e6, clock=clock))) == 2
    table.forget()
    assert lookup("op", CPU, (1024,)) is None
    assert lookup("op", CPU, (512,)) is None
    assert lookup("op", CPU, (4096,)) == {"config": 1}


def test_a_default_that_cannot_run_has_no_gain() -> None:
    clock = Clock()
    (result,) = tune([case(clock, 1, -1.0, 1.0)], CPU, limit_s=99, clock=clock)
    assert result is not None
    assert (result.gain, result.left_out, result.winner) == (None, [DEFAULT], "1")


def test_a_shape_that_nothing_runs_is_passed_over() -> None:
    clock = Clock()
    cases = [case(clock, 1, -1.0, -1.0), case(clock, 64, 1.0, 3.0)]
    first, second = tune(cases, CPU, limit_s=1e6, clock=clock)
    assert first is None
    assert second is not None
    assert lookup("op", CPU, (1,)) is None


def test_a_default_that_nothing_was_tried_against_is_not_recorded() -> None:
    clock = Clock()
    assert list(tune([case(clock, 1, 1.0, -1.0)], CPU, limit_s=99, clock=clock)) == [None]
    assert table.rows(CPU) == []


def test_a_shape_that_does_not_fit_the_card_is_passed_over() -> None:
    def make(device: torch.device) -> Callable[[], Any]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    found = tune([Case("op", "", {"0": {}}, make)], CPU, limit_s=1, clock=Clock())
    assert list(found) == [None]


def test_it_ends_at_its_limit() -> None:
    clock = Clock()
    cases = [case(clock, 16**i, 1.0, 1.0) for i in range(3)]
    assert len(list(tune(cases, CPU, limit_s=60.0, clock=clock))) == 3
    assert clock.moment <= 62.0


def test_what_is_done_in_time_is_kept() -> None:
    clock = Clock()
    cases = [case(clock, 1, 2.0, 1.0), case(clock, 16, 40.0, 30.0), case(clock, 256, 2.0, 1.0)]
    assert len(list(tune(cases, CPU, limit_s=120.0, clock=clock))) == 2
    assert lookup("op", CPU, (1,)) == {"config": 1}
    assert lookup("op", CPU, (256,)) is None
