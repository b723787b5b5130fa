"""Side-by-side timing: candidates take turns in one process, so that noise meets them alike."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import quantiles
from typing import Any

from neurospike.errors import ArgumentError

Turn = Callable[[Callable[[], object], int], float]


@dataclass(frozen=True)
class Timing:
    """Seconds of one candidate over all rounds: median, quartiles, best."""

    median_s: float
    lower_s: float
    upper_s: float
    best_s: float
    repeats: int

    @classmethod
    def of(cls, seconds: list[float]) -> Timing:
        """Summarise single measurements, in seconds."""
        if len(seconds) == 1:
            return cls(seconds[0], seconds[0], seconds[0], seconds[0], 1)
        lower, median, upper = quantiles(seconds, n=4, method="inclusive")
        return cls(median, lower, upper, min(seconds), len(seconds))

    def __str__(self) -> str:
        return f"{self.median_s * 1e3:.3g} ms [{self.lower_s * 1e3:.3g}, {self.upper_s * 1e3:.3g}]"


def interleave(
    candidates: Mapping[str, Callable[[], object]],
    repeats: int,
    *,
    warmup: int = 1,
    turn_s: float = 0.02,
    turn: Turn | None = None,
) -> dict[str, Timing]:
    """Time callables in turns, A B C A B C, after ``warmup`` untimed rounds.

    A turn is one call, or as many as fill ``turn_s``: a call that is over before the caches have
    forgotten the candidate before it would measure that candidate's leavings. Times are per call.

    Parameters
    ----------
    candidates
        Name to callable without arguments.
    repeats
        Timed rounds; each gives every candidate one turn.
    warmup
        Untimed rounds first: kernels compile there, so that no first call is timed.
    turn_s
        Seconds that a turn lasts at least.
    turn
        Seconds per call of a candidate called so many times; this process's clock unless given.

    Raises
    ------
    ArgumentError
        Fewer than one round.

    Examples
    --------
    >>> sorted(interleave({"a": lambda: None, "b": lambda: None}, repeats=3, turn_s=1e-4))
    ['a', 'b']
    """
    if repeats < 1:
        raise ArgumentError(f"interleave.repeats: must be 1 or more; got {repeats}.")
    for _ in range(warmup):
        for run in candidates.values():
            run()
    clock = turn or _turn
    calls = {name: max(1, round(turn_s / clock(run, 1))) for name, run in candidates.items()}
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, run in candidates.items():
            seconds[name].append(clock(run, calls[name]))
    return {name: Timing.of(taken) for name, taken in seconds.items()}


def _turn(run: Callable[[], object], calls: int) -> float:
    """Seconds per call over one turn."""
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return max(time.perf_counter() - start, 1e-9) / calls


def machine() -> dict[str, str | int]:
    """What a benchmark table must say about where it ran."""
    import torch

    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 1,
        "torch_threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": version("torch"),
        "numba": version("numba"),
        "numpy": version("numpy"),
        **_gpu(),
    }


def _gpu() -> dict[str, str | int]:
    """The card that torch finds, driver, compiler, tuned or not; nothing where it finds none."""
    import torch

    if not torch.cuda.is_available():
        return {}
    from neurospike.kernels.tuning.table import rows

    device = torch.device("cuda", torch.cuda.current_device())
    seen = torch.cuda.get_device_properties(device)
    return {
        "gpu": seen.name,
        "compute_capability": f"{seen.major}.{seen.minor}",
        "gpu_memory": f"{seen.total_memory / 2**30:.0f} GiB",
        "driver": _driver(),
        "cuda": str(torch.version.cuda),
        "triton": version("triton") if find_spec("triton") else "none",
        "tuned": "yes" if rows(device) else "no",
    }


def _driver() -> str:
    """The version of NVIDIA's driver, as its own tool says it."""
    ask = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(ask, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return said.strip().partition("\n")[0] or "unknown"


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def row(case: str, peer: str, ours: Timing, theirs: Timing) -> dict[str, Any]:
    """A row of a table: medians in milliseconds, and how many times ours is faster."""
    return {
        "case": case,
        "peer": peer,
        "ours_ms": 1e3 * ours.median_s,
        "peer_ms": 1e3 * theirs.median_s,
        "ratio": theirs.median_s / ours.median_s,
        "ours": str(ours),
        "theirs": str(theirs),
    }
