"""Jobs on the processes of one machine; a job that fails, or kills its process, costs no other."""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from neurospike.errors import NeurospikeError

C = TypeVar("C")
J = TypeVar("J")
R = TypeVar("R")

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """A job that came to nothing.

    Attributes
    ----------
    reason
        One line.
    details
        The traceback of an error that nobody foresaw, else "".
    """

    reason: str
    details: str = ""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def attempt(task: Callable[[C, J], R], context: C, job: J) -> R | Failure:
    """The task's result, or its error as a failure."""
    try:
        return task(context, job)
    except NeurospikeError as error:
        return Failure(" ".join(str(error).split()))
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return Failure(reason, traceback.format_exc())


def run_here(
    task: Callable[[C, J], R], context: C, jobs: Sequence[J]
) -> Generator[tuple[J, R | Failure], None, None]:
    """Jobs one after another in this process."""
    for job in jobs:
        yield job, attempt(task, context, job)


def run_on_cores(
    task: Callable[[C, J], R], context: C, jobs: Sequence[J], *, workers: int | None = None
) -> Generator[tuple[J, R | Failure], None, None]:
    """Jobs on so many processes, at most one a core [all]; where that is one, in this process."""
    crew = min(workers or cores(), cores(), len(jobs))
    if crew > 1:
        return run_locally(task, context, jobs, workers=crew)
    return run_here(task, context, jobs)


def run_locally(
    task: Callable[[C, J], R], context: C, jobs: Sequence[J], *, workers: int
) -> Generator[tuple[J, R | Failure], None, None]:
    """Jobs on processes of this machine, each with one thread, in the order they finish.

    Parameters
    ----------
    task
        A function of a module, called as task(context, job) in a process that was spawned, never
        forked: a fork after a parallel kernel has run aborts in its first parallel region.
    context
        What all jobs share; sent once to each process.
    workers
        Processes; no more are started than there are jobs.
    """
    payload = pickle.dumps((task, context))
    waiting = list(jobs)[::-1]
    crew: list[_Worker] = []
    try:
        while waiting or crew:
            while waiting and len(crew) < workers:
                crew.append(_Worker(payload, waiting.pop()))
            ready = connection.wait([worker.line for worker in crew])
            for worker in [w for w in crew if w.line in ready]:
                job, result = worker.job, worker.result()
                if waiting and worker.alive:
                    worker.give(waiting.pop())
                else:
                    crew.remove(worker)
                    worker.stop()
                yield job, result
    finally:
        for worker in crew:
            worker.stop()


class _Worker:
    """A process that does one job at a time."""

    def __init__(self, payload: bytes, job: Any) -> None:
        context = get_context("spawn")
        self.line, far_end = context.Pipe()
        self.process = context.Process(target=_serve, args=(far_end, payload), daemon=True)
        with _one_thread_each():
            self.process.start()
        far_end.close()  # so that the line closes when the process ends
        self.alive = True
        self.give(job)

    def give(self, job: Any) -> None:
        self.job = job
        with suppress(OSError):  # a process that is gone says so at ``result``
            self.line.send(job)

    def result(self) -> Any:
        try:
            return self.line.recv()
        except (EOFError, OSError):
            self.alive = False
            self.process.join()
            return Failure(
                f"its process ended with code {self.process.exitcode}; a negative code is a "
                "signal, and -9 mostly a lack of memory: try fewer workers or samples"
            )

    def stop(self) -> None:
        self.line.close()
        self.process.terminate()
        self.process.join()
        self.process.close()


def _serve(line: Connection, payload: bytes) -> None:
    # An interrupt is the parent's to answer: it ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task, context = pickle.loads(payload)
    with suppress(EOFError, OSError):  # the parent is gone, or has had enough
        while True:
            line.send(attempt(task, context, line.recv()))


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started inside run one thread: libraries read these once, when they load."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
