"""Peak memory of a candidate, each in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

_RESET = Path("/proc/self/clear_refs")


def memory_row(
    case: str, ours: str, peer: str, prepare: Callable[[str], Callable[[], object]]
) -> dict[str, Any] | None:
    """A row of a table: peak memory of one call, and how many times ours is smaller.

    Parameters
    ----------
    ours, peer
        Names of the candidates.
    prepare
        A function of a module: a candidate's name to what is measured. What it holds beforehand
        does not count.

    Returns
    -------
    None where the system does not tell a process its high-water mark (only Linux does).
    """
    if not _RESET.exists():
        return None
    peaks = {}
    for name in (ours, peer):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peaks[name] = pool.apply(peak_megabytes, (prepare, name))
    return {
        "case": case,
        "peer": peer,
        "ours_mb": peaks[ours],
        "peer_mb": peaks[peer],
        "ratio": peaks[peer] / peaks[ours],
        "ours": f"{peaks[ours]:.0f} MB",
        "theirs": f"{peaks[peer]:.0f} MB",
    }


def peak_megabytes(prepare: Callable[[str], Callable[[], object]], name: str) -> float:
    """Megabytes that one call takes at its peak, beyond what ``prepare`` has left behind."""
    measured = prepare(name)
    before = _status_kilobytes("VmRSS")
    _RESET.write_text("5", encoding="ascii")  # resets the high-water mark
    measured()
    return (_status_kilobytes("VmHWM") - before) * 1024 / 1e6


def resident_megabytes() -> float:
    """Megabytes that this process holds now; 0 where the system does not tell (only Linux)."""
    return _status_kilobytes("VmRSS") * 1024 / 1e6 if _RESET.exists() else 0.0


def _status_kilobytes(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    return 0
