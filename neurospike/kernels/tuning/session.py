"""A search over many shapes within one limit; what is done is kept when it is broken off."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from neurospike.errors import BackendUnavailableError
from neurospike.kernels.tuning.clocks import Clock, clock_of
from neurospike.kernels.tuning.search import medians, winner
from neurospike.kernels.tuning.table import Key, forced, record

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Case:
    """An operation at one shape, and what competes for it.

    Attributes
    ----------
    op, key
        What callers will look up.
    choices
        What a lookup may answer, by name; the first is the default.
    make
        Makes the tensors on a device, and gives the call that is timed. It gives tensors back, by
        which candidates are compared.
    """

    op: str
    key: Key
    choices: Mapping[str, Mapping[str, Any]]
    make: Callable[[torch.device], Callable[[], Any]]


@dataclass(frozen=True)
class Result:
    """What won.

    Attributes
    ----------
    seconds
        Median of each candidate that could be timed.
    path
        The table, or None where it could not be written.
    """

    case: Case
    winner: str
    seconds: dict[str, float]
    path: Path | None

    @property
    def gain(self) -> float | None:
        """How many times faster than the default; None where that cannot run."""
        default = self.seconds.get(next(iter(self.case.choices)))
        return None if default is None else default / self.seconds[self.winner]

    @property
    def left_out(self) -> list[str]:
        """Candidates that could not run, were wrong, or came too late."""
        return [name for name in self.case.choices if name not in self.seconds]


def tune(
    cases: Sequence[Case], device: torch.device, *, limit_s: float, clock: Clock | None = None
) -> Iterator[Result | None]:
    """Search one case after another and record each; None for one that leaves nothing to choose.

    Every case may use an equal share of the time that is left. It ends early when there is none.
    """
    clock = clock_of(device) if clock is None else clock
    end = clock.now() + limit_s
    for done, case in enumerate(cases):
        share = (end - clock.now()) / (len(cases) - done)
        if share <= 0:
            return
        yield _search(case, device, clock, share)


def _search(case: Case, device: torch.device, clock: Clock, limit_s: float) -> Result | None:
    label = f"{case.op} {case.key}"
    try:
        call = case.make(device)
        calls = {name: _with(case.op, choice, call) for name, choice in case.choices.items()}
        seconds = medians(calls, clock, limit_s=limit_s, label=label)
    except (BackendUnavailableError, torch.OutOfMemoryError) as error:
        _log.info("%s: left as it is (%s)", label, " ".join(str(error).split())[:200])
        return None
    if list(seconds) == list(case.choices)[:1]:
        _log.info("%s: left as it is, nothing was tried against the default", label)
        return None
    best = winner(seconds)
    path = record(case.op, device, case.key, case.choices[best], seconds=seconds)
    return Result(case, best, seconds, path)


def _with(op: str, choice: Mapping[str, Any], call: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        with forced(op, choice):
            return call()

    return run
