"""Peak memory of a candidate, each in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

from neurospike.train.comparing.peaks import peak_of, tells_peaks


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
    if not tells_peaks():
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
    return peak_of(prepare(name))
