import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from neurospike.errors import ArgumentError
from neurospike.train.sweeping.workers import Failure, attempt, run_here, run_locally

TASKS = """
import os
from neurospike.errors import ArgumentError

def add(context, job):
    if job == "refuse":
        raise ArgumentError("add.job: must be a number;\\n got refuse.")
    if job == "break":
        raise KeyError("nobody foresaw this")
    if job == "die":
        os._exit(3)
    if job == "threads":
        import torch
        return [torch.get_num_threads(), os.environ["NUMBA_NUM_THREADS"]]
    return context + job
"""


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (tmp_path / "sweep_tasks_of_a_test.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    return importlib.import_module("sweep_tasks_of_a_test")


def test_two_processes_do_every_job_whatever_becomes_of_the_others(tasks: ModuleType) -> None:
    jobs: list[Any] = [1, "refuse", 2, "die", 3, "break", 4, "threads"]
    before = dict(os.environ)
    found = dict(run_locally(tasks.add, 10, jobs, workers=2))
    assert found.keys() == set(jobs)
    assert [found[n] for n in (1, 2, 3, 4)] == [11, 12, 13, 14]
    assert found["refuse"] == Failure("add.job: must be a number; got refuse.")
    assert "ended with code 3" in found["die"].reason
    assert found["break"].reason == "KeyError: 'nobody foresaw this'"
    assert "raise KeyError" in found["break"].details
    assert found["threads"] == [1, "1"]
    assert dict(os.environ) == before


def test_leaving_early_ends_the_processes(tasks: ModuleType) -> None:
    import multiprocessing

    stream = run_locally(tasks.add, 0, [1, 2, 3, 4], workers=2)
    next(stream)
    stream.close()
    assert not multiprocessing.active_children()


def test_one_process_does_them_in_order() -> None:
    found = list(run_here(lambda context, job: context * job, 2, [3, 1]))
    assert found == [(3, 6), (1, 2)]


def test_errors_on_purpose_have_no_traceback() -> None:
    def refuse(_context: int, _job: int) -> int:
        raise ArgumentError("a.b: no; got 1. Give 2.")

    assert attempt(refuse, 0, 0) == Failure("a.b: no; got 1. Give 2.", "")
