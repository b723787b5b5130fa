"""Which candidate is fastest: in turns, within a limit, and only among those that agree.

Each candidate is called twice before it is timed, for its compilation and for its caches. Then all
take turns, so that a card that slows down slows all of them, and the medians are compared. What a
card cannot run is left out and said, and so is what computes something else than the first.
"""

from __future__ import annotations

import logging
import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from neurospike.errors import ArgumentError, BackendUnavailableError
from neurospike.kernels.devices import current
from neurospike.kernels.tuning.clocks import Clock, clock_of
from neurospike.kernels.tuning.rows import Key

_log = logging.getLogger(__name__)

TURNS = 15
"""Calls of each candidate that are timed."""

MARGIN = 0.02
"""A later candidate wins by more than this share of the time; below it, chance would choose."""

AGREE = 1e-2
"""Largest difference, as a share of the largest value: what bfloat16 may do, and no more."""

_OF_MEMORY = ("out of memory", "too many resources")

Candidates = Mapping[str, Callable[[], Any]]


def measure(
    op: str,
    device: torch.device,
    key: Key,
    candidates: Candidates,
    *,
    limit_s: float,
    clock: Clock | None = None,
) -> str:
    """The name of the fastest candidate; nothing is recorded.

    The first candidate is the default: it stays unless another is faster by more than 2 %. One that
    Triton cannot compile, that does not fit the card or whose tensors differ from the first's by
    more than 1 % of the largest value is left out, with a line in the log.

    Raises
    ------
    ArgumentError
        No candidate, or a limit that is not above 0.
    BackendUnavailableError
        No candidate can run.

    Cost
    ----
    At most ``limit_s``, and the call or the compilation that is under way then.
    """
    with current(device):
        clock = clock_of(device) if clock is None else clock
        return winner(medians(candidates, clock, limit_s=limit_s, label=f"{op} {key}"))


def winner(seconds: Mapping[str, float]) -> str:
    """The first of those that are within the margin of the fastest."""
    least = min(seconds.values())
    return next(name for name, taken in seconds.items() if taken <= least * (1 + MARGIN))


def medians(
    candidates: Candidates, clock: Clock, *, limit_s: float, label: str
) -> dict[str, float]:
    """Median seconds of every candidate that could be timed, in their order; see ``measure``."""
    if not candidates:
        raise ArgumentError(f"tuning.measure.candidates: {label} has none; give one at least.")
    if not limit_s > 0:
        raise ArgumentError(
            f"tuning.measure.limit_s: must be above 0 seconds; got {limit_s}. Try 10."
        )
    end = clock.now() + limit_s
    # Compiling may use up the time; half of it is left for the turns.
    ready = _warm(candidates, clock, until=end - limit_s / 2, label=label)
    if not ready:
        raise BackendUnavailableError(
            f"tuning.measure.candidates: none of {', '.join(candidates)} runs for {label}. "
            "The log says why; keep the default."
        )
    samples: dict[str, list[float]] = {name: [] for name in ready}
    for turn in range(TURNS):
        for name in _rotated(list(ready), turn):
            if turn and clock.now() >= end:
                break
            samples[name].append(clock.time(candidates[name]))
    return {name: statistics.median(taken) for name, taken in samples.items()}


def _warm(candidates: Candidates, clock: Clock, *, until: float, label: str) -> list[str]:
    """Names of the candidates that run and agree."""
    ready: list[str] = []
    first: list[Tensor] | None = None
    for name, call in candidates.items():
        if ready and clock.now() >= until:
            _log.info("%s: no time left to try %s", label, name)
            continue
        try:
            made = list(_tensors(call()))
            clock.time(call)
        except Exception as error:
            if not _cannot_run(error):
                raise
            _log.info("%s: %s cannot run (%s)", label, name, " ".join(str(error).split())[:200])
            continue
        if first is None:
            first = [
                tensor.clone() for tensor in made
            ]  # a candidate may write where it wrote before
        elif not _agree(first, made):
            _log.warning("%s: %s is wrong here and left out; please report it", label, name)
            continue
        ready.append(name)
    return ready


def _cannot_run(error: Exception) -> bool:
    """Whether a card merely has no room for a candidate, or Triton no code."""
    # By name, as Triton may not be installed: CompilationError, OutOfResources, PTXASError.
    triton = any(kind.__module__.split(".")[0] == "triton" for kind in type(error).__mro__)
    if triton or isinstance(error, BackendUnavailableError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OF_MEMORY)


def _tensors(made: Any) -> Iterable[Tensor]:
    """The tensors among a call's results."""
    if isinstance(made, Tensor):
        yield made.detach()
    elif isinstance(made, list | tuple):
        for part in made:
            yield from _tensors(part)


def _agree(first: list[Tensor], other: list[Tensor]) -> bool:
    """Whether two candidates computed the same, but for the order of sums."""
    if len(first) != len(other):
        return False
    for one, two in zip(first, other, strict=True):
        if one.shape != two.shape:
            return False
        if not one.numel():
            continue
        difference = (one.double() - two.double()).abs().max()
        if not bool(difference <= AGREE * one.double().abs().max()):  # a NaN agrees with nothing
            return False
    return True


def _rotated(names: list[str], turn: int) -> list[str]:
    """Another first in every turn: whoever follows a slow one may find a warmer card."""
    start = turn % len(names)
    return names[start:] + names[:start]
