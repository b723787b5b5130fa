"""How parallel kernels share the machine: one thread pool for all, chosen in this place.

Numba's default pool on Linux is the system's OpenMP. It spins while it waits, and so does the
pool that torch ships: two pools on the same cores then take turns stealing time from each other,
several times slower as soon as anything else runs. It also aborts a forked process that calls a
parallel kernel after its parent did. Numba's own work queue sleeps instead and survives a fork;
what it does not bear is two Python threads at once, so kernels take a lock.

A layer that the user names, with NUMBA_THREADING_LAYER or in ``numba.config``, is left alone.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import Any

from numba import config

_settings: Any = config
if _settings.THREADING_LAYER == "default":
    _settings.THREADING_LAYER = "workqueue"

_lock = threading.Lock()


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def one_at_a_time(kernel: Any) -> Callable[..., Any]:
    """Let one Python thread at a time into a parallel kernel; the kernel itself uses all cores."""
    if _settings.THREADING_LAYER != "workqueue":
        unlocked: Callable[..., Any] = kernel
        return unlocked

    @functools.wraps(kernel.py_func)
    def call(*args: Any) -> Any:
        with _lock:
            return kernel(*args)

    return call
