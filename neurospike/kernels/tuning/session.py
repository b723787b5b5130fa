"""A search over many shapes within one limit; what is done is kept when it is broken off."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from neurospike.errors import BackendUnavailableError
from neurospike.kernels.devices import current
from neurospike.kernels.tuning.clocks import Clock, clock_of
from neurospike.kernels.tuning.rows import Key
from neurospike.kernels.tuning.search import medians, winner
from neurospike.kernels.tuning.table import forced, record

_log = logging.getLogger(__name__)


DEFAULT = "default"

PART = 4
"""A case may use one part in so many of the time that is left: the first to run a kernel compiles
all of its configurations, the others find them compiled."""


@dataclass(frozen=True)
class Case:
    """An operation at one shape, and what competes with its default.

    Attributes
    ----------
    op
        What callers look up. The key is the one that the call asks for.
    shape
        For people: "64 steps, 16384 neurons, bfloat16".
    choices
        What a lookup may answer, by name.
    make
        Makes the tensors on a device, and gives the call that is timed. It gives tensors back, by
        which candidates are compared.
    """

    op: str
    shape: str
    choices: Mapping[str, Mapping[str, Any]]
    make: Callable[[torch.device], Callable[[], Any]]


@dataclass(frozen=True)
class Result:
    """What won, ``DEFAULT`` or the name of a choice.

    Attributes
    ----------
    seconds
        Median of each candidate that could be timed.
    path
        The table, or None where it could not be written.
    """

    case: Case
    key: Key
    winner: str
    seconds: dict[str, float]
    path: Path | None

    @property
    def gain(self) -> float | None:
        """How many times faster than the default; None where that cannot run."""
        default = self.seconds.get(DEFAULT)
        return None if default is None else default / self.seconds[self.winner]

    @property
    def left_out(self) -> list[str]:
        """Candidates that could not run, were wrong, or came too late."""
        return [name for name in (DEFAULT, *self.case.choices) if name not in self.seconds]


def tune(
    cases: Sequence[Case], device: torch.device, *, limit_s: float, clock: Clock | None = None
) -> Iterator[Result | None]:
    """Search one case after another and record each; None for one that leaves nothing to choose.

    It ends early when the time is up; what was found until then is kept.
    """
    with current(device):
        clock = clock_of(device) if clock is None else clock
    end = clock.now() + limit_s
    for done, case in enumerate(cases):
        left = end - clock.now()
        if left <= 0:
            return
        with current(device):
            result = _search(case, device, clock, left / min(PART, len(cases) - done))
        yield result


def _search(case: Case, device: torch.device, clock: Clock, limit_s: float) -> Result | None:
    label = f"{case.op} ({case.shape})"
    asked: set[Key] = set()
    try:
        call = case.make(device)
        every: dict[str, Mapping[str, Any] | None] = {DEFAULT: None, **case.choices}
        calls = {name: _with(case.op, choice, call, asked) for name, choice in every.items()}
        seconds = medians(calls, clock, limit_s=limit_s, label=label)
    except (BackendUnavailableError, torch.OutOfMemoryError) as error:
        _log.info("%s: left as it is (%s)", label, " ".join(str(error).split())[:200])
        return None
    if list(seconds) == [DEFAULT]:
        _log.info("%s: left as it is, nothing was tried against the default", label)
        return None
    (key,) = asked  # a case is one kernel at one shape
    best = winner(seconds)
    path = record(case.op, device, key, every[best], seconds=seconds)
    return Result(case, key, best, seconds, path)


def _with(
    op: str, choice: Mapping[str, Any] | None, call: Callable[[], Any], asked: set[Key]
) -> Callable[[], Any]:
    def run() -> Any:
        with forced(op, choice) as keys:
            made = call()
        asked.update(keys)
        return made

    return run
