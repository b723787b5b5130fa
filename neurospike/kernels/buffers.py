"""Output buffers of CPU kernels, kept for the next call instead of returned to the system.

A kernel that writes each output once is bound by the page faults of memory it has never touched:
the allocator hands large blocks back to the system as soon as they are free, and the next step of
a training loop pays for the same pages again. Freed blocks are therefore kept here, up to a limit.
"""

from __future__ import annotations

import math
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

DTYPES: dict[torch.dtype, type[np.generic]] = {
    torch.float32: np.float32,
    torch.float64: np.float64,
}
"""What the CPU kernels compute in, as numpy names it."""

SMALLEST = 1 << 16
"""Bytes below which the allocator keeps blocks by itself."""

Block = np.ndarray[Any, np.dtype[np.uint8]]


def empty(shape: Sequence[int], like: Tensor) -> Tensor:
    """An uninitialised contiguous CPU tensor of ``like``'s dtype, float32 or float64.

    Its memory comes back to the pool when the last tensor on it is gone.
    """
    return torch.from_numpy(array(shape, DTYPES[like.dtype]))


def array(shape: Sequence[int], dtype: type[np.generic]) -> np.ndarray[Any, Any]:
    """An uninitialised array; its memory comes back when the last view of it is gone."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < SMALLEST:
        return np.empty(shape, dtype)
    block = POOL.take(size)
    # Through a memoryview: numpy then lets views hold on to ``whole``, not to the block itself.
    whole = np.frombuffer(block.data, dtype, size // np.dtype(dtype).itemsize)
    POOL.expect(whole, block)
    return whole.reshape(shape)


class Pool:
    """Free blocks by size class, at most ``limit`` bytes of them; any thread may call it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._free: dict[int, list[Block]] = {}
        # Reentrant: a block may come back while this very thread is taking another.
        self._lock = threading.RLock()
        self._watched: dict[int, weakref.ref[Block]] = {}

    def take(self, size: int) -> Block:
        """A block of at least ``size`` bytes, used before where there is one."""
        rounded = size_class(size)
        with self._lock:
            blocks = self._free.get(rounded)
            if blocks:
                self.held -= rounded
                return blocks.pop()
        # Numpy asks for huge pages, which torch does not: first touches cost less.
        return np.empty(rounded, np.uint8)

    def expect(self, array: np.ndarray[Any, Any], block: Block) -> None:
        """Keep ``block`` once ``array``, the view of it that a tensor holds, is gone."""
        key = id(block)

        def came_back(_gone: object, give: Callable[[Block], None] = self._give) -> None:
            del self._watched[key]
            give(block)

        self._watched[key] = weakref.ref(array, came_back)

    def clear(self) -> None:
        """Return every free block to the system."""
        with self._lock:
            self._free.clear()
            self.held = 0

    def _give(self, block: Block) -> None:
        with self._lock:
            if self.held + block.nbytes <= self.limit:
                self._free.setdefault(block.nbytes, []).append(block)
                self.held += block.nbytes

    def renew_lock(self) -> None:
        """In a forked child: the parent's lock may have been held by a thread that is gone."""
        self._lock = threading.RLock()


def size_class(size: int) -> int:
    """The next of eight steps an octave: near sizes share blocks, at most an eighth is unused."""
    step = 1 << max(size.bit_length() - 4, 0)
    return -(-size // step) * step


def default_limit() -> int:
    """512 MiB, or a thirty-second of the machine's memory where that is less."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 128 << 20
    return min(512 << 20, memory // 32)


POOL = Pool(default_limit())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.renew_lock)
