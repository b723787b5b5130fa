"""Peak memory of a call, and of an inference in a process of its own."""

from __future__ import annotations

import ctypes
import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from neurospike.train.recipe import Recipe

_RESET = Path("/proc/self/clear_refs")


def peak_megabytes(checkpoint: Path, sample: Any, recipe: Recipe) -> float | None:
    """Megabytes at the peak of a second inference, beyond what is held before it.

    The network is as the recipe deploys it, and both inferences meet the sample for the first
    time: the kernel maps of its voxels are built, and their memory counts.

    Returns
    -------
    None where the system does not tell.
    """
    if not tells_peaks():
        return None
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (checkpoint, sample, recipe))


def _measure(checkpoint: Path, sample: Any, recipe: Recipe) -> float:
    # A leaf to those who measure something else. Baselines' checkpoints load once they are known.
    from neurospike import baselines, models
    from neurospike.train.deploying import deployed

    baselines.known()
    model = deployed(models.load(checkpoint), recipe)
    with torch.no_grad():
        model(unseen(sample))  # compiles, and makes what is made once
        given = unseen(sample)
        return peak_of(lambda: model(given))


def unseen(sample: Any) -> Any:
    """A sample as a network meets it first: a copy of voxels leaves their kernel maps behind."""
    return deepcopy(sample)


def tells_peaks() -> bool:
    """Whether the system tells a process its high-water mark; only Linux does."""
    return _RESET.exists()


def peak_of(call: Callable[[], object]) -> float:
    """Megabytes that a call takes at its peak, beyond what this process holds before."""
    _give_back()
    before = _kilobytes("VmRSS")
    _RESET.write_text("5", encoding="ascii")  # resets the high-water mark
    call()
    return max(0.0, (_kilobytes("VmHWM") - before) * 1024 / 1e6)


def _give_back() -> None:
    """Let the allocator return what earlier calls have freed: else the next one finds it there."""
    with suppress(OSError, AttributeError):  # no glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def resident_megabytes() -> float:
    """Megabytes that this process holds now; 0 where the system does not tell."""
    return _kilobytes("VmRSS") * 1024 / 1e6 if tells_peaks() else 0.0


def _kilobytes(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    return 0
