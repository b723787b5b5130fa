"""How parallel kernels share the machine: one pool, started, locked and left in this place.

OpenMP is numba's fastest pool: on two quiet cores a training step of E-3DSNN-T takes half the time
that it takes on numba's own work queue, which stands in where OpenMP's runtime is missing. Two
habits of OpenMP's are tamed here:

* Its threads spin for milliseconds after each loop and so steal time from torch's pool, which
  does the same. The runtime that numba loads is told to spin for microseconds; torch ships a
  runtime of its own, which is left alone.
* It ends a forked process that calls a parallel kernel after its parent did. A forked child runs
  the same loops on one thread instead, compiled once more; loaders do better to spawn.

Starting it also tells torch to use all cores, whatever it was told before; that is undone here.

A layer or wait policy that the user names, by numba's or OpenMP's variables, is left alone.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import Any

import numba
import torch
from numba import config

SPINS = "5000"
"""Turns of libgomp's waiting loop before a thread sleeps: some ten microseconds."""

_settings: Any = config
if "NUMBA_THREADING_LAYER_PRIORITY" not in os.environ:
    # The work queue is always there, so tbb, of which old versions make numba warn, is never asked.
    _settings.THREADING_LAYER_PRIORITY = ["omp", "workqueue", "tbb"]

_lock = threading.Lock()
_started = False
_forked = False


def one_at_a_time(kernel: Any) -> Callable[..., Any]:
    """Let one Python thread at a time into a parallel kernel; the kernel itself uses all cores.

    The work queue bears no second caller; with OpenMP two callers would fight over the cores.
    """

    @functools.wraps(kernel.py_func)
    def call(*args: Any) -> Any:
        with _lock:
            if _forked:
                return _on_one_thread(kernel)(*args)
            if not _started:
                _start()
            return kernel(*args)

    return call


def _start() -> None:
    """Start numba's pool while its runtime, as it loads, reads how long to spin."""
    global _started
    torch_threads = torch.get_num_threads()
    named = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(os.environ)
    if not named:
        os.environ["GOMP_SPINCOUNT"] = SPINS
    try:
        numba.get_num_threads()
    finally:
        if not named:
            del os.environ["GOMP_SPINCOUNT"]
        if torch.get_num_threads() != torch_threads:
            torch.set_num_threads(torch_threads)
    _started = True


@functools.cache
def _on_one_thread(kernel: Any) -> Callable[..., Any]:
    """The same loops without a pool; not cached on disk, where the parallel ones are."""
    options = {k: v for k, v in kernel.targetoptions.items() if k in ("nogil", "error_model")}
    alone: Callable[..., Any] = numba.njit(**options)(kernel.py_func)
    return alone


def _in_child() -> None:
    """After a fork the parent's pool and whoever held its lock are gone."""
    global _lock, _forked
    _lock = threading.Lock()
    _forked = _started


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
