"""Points into voxels on the CPU: one radix sort of int64 keys, then one pass a voxel.

Every kernel is sequential, so results do not depend on the number of threads; all of them
release the interpreter lock, so that loaders may voxelise clouds side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Rows = NDArray[Any]  # float32 or float64

CROPPED = -1
REJECTED = -2

_DIGIT_BITS = 11  # a histogram of 2048 counters stays in the first-level cache
_MIX_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)


@njit(cache=True, nogil=True)
def _is_finite(rows: Rows, row: int) -> bool:
    for channel in range(rows.shape[1]):  # noqa: SIM110 (numba compiles the loop, not all())
        if not np.isfinite(rows[row, channel]):
            return False
    return True


@njit(cache=True, nogil=True)
def sample_bounds(rows: Rows, batch: Ints, batch_size: int) -> tuple[Floats, Floats]:
    """Smallest and largest xyz (B, 3) of every sample's finite rows; ``batch`` empty: sample 0."""
    low = np.full((batch_size, 3), np.inf)
    high = np.full((batch_size, 3), -np.inf)
    for row in range(rows.shape[0]):
        if not _is_finite(rows, row):
            continue
        sample = batch[row] if batch.size else 0
        for axis in range(3):
            value = np.float64(rows[row, axis])
            low[sample, axis] = min(low[sample, axis], value)
            high[sample, axis] = max(high[sample, axis], value)
    return low, high


@njit(cache=True, nogil=True)
def point_keys(
    rows: Rows, batch: Ints, origin: Floats, high: Floats, size: Floats, shape: Ints
) -> tuple[Ints, int]:
    """int64 (N,) row-major keys, CROPPED or REJECTED without one, and how many were rejected."""
    keys = np.empty(rows.shape[0], np.int64)
    rejected = 0
    for row in range(rows.shape[0]):
        if not _is_finite(rows, row):
            keys[row] = REJECTED
            rejected += 1
            continue
        sample = batch[row] if batch.size else 0
        key = np.int64(sample)
        for axis in range(3):
            value = np.float64(rows[row, axis])
            start = origin[sample, axis]
            if not (start <= value < high[axis]):
                key = np.int64(CROPPED)
                break
            index = np.int64(np.floor((value - start) / size[axis]))
            key = key * shape[axis] + min(index, shape[axis] - 1)
        keys[row] = key
    return keys, rejected


@njit(cache=True, nogil=True)
def group(keys: Ints, key_bits: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Voxel keys, rows ordered by (key, row), voxel starts, and each row's voxel (-1: none)."""
    sorted_keys, order = _sort_kept(keys, key_bits)
    point_to_voxel = np.full(keys.size, -1, np.int64)
    voxels = np.empty(order.size, np.int64)
    starts = np.empty(order.size + 1, np.int64)
    count = 0
    last = np.int64(-1)
    for at in range(order.size):
        if sorted_keys[at] != last:
            last = sorted_keys[at]
            voxels[count] = last
            starts[count] = at
            count += 1
        point_to_voxel[order[at]] = count - 1
    starts[count] = order.size
    return voxels[:count].copy(), order, starts[: count + 1].copy(), point_to_voxel


@njit(cache=True, nogil=True)
def _sort_kept(keys: Ints, key_bits: int) -> tuple[Ints, Ints]:
    """Least significant digit radix sort, stable, of the keys that are not negative."""
    kept = 0
    for row in range(keys.size):
        kept += keys[row] >= 0
    here, there = np.empty(kept, np.int64), np.empty(kept, np.int64)
    order, order_there = np.empty(kept, np.int64), np.empty(kept, np.int64)
    at = 0
    for row in range(keys.size):
        if keys[row] >= 0:
            here[at] = keys[row]
            order[at] = row
            at += 1
    mask = (1 << _DIGIT_BITS) - 1
    slots = np.empty(1 << _DIGIT_BITS, np.int64)
    for shift in range(0, key_bits, _DIGIT_BITS):
        slots[:] = 0
        for at in range(kept):
            slots[(here[at] >> shift) & mask] += 1
        total = 0
        for digit in range(slots.size):
            count = slots[digit]
            slots[digit] = total
            total += count
        for at in range(kept):
            digit = (here[at] >> shift) & mask
            slot = slots[digit]
            slots[digit] = slot + 1
            there[slot] = here[at]
            order_there[slot] = order[at]
        here, there = there, here
        order, order_there = order_there, order
    return here, order


@njit(cache=True, nogil=True)
def unravel(keys: Ints, shape: Ints) -> NDArray[np.int32]:
    """int32 (V, 4) rows (batch, i, j, k) of row-major keys."""
    coords = np.empty((keys.size, 4), np.int32)
    for voxel in range(keys.size):
        key = keys[voxel]
        for axis in range(2, -1, -1):
            above = key // shape[axis]
            coords[voxel, axis + 1] = key - above * shape[axis]
            key = above
        coords[voxel, 0] = key
    return coords


@njit(cache=True, nogil=True)
def segment_mean(rows: Rows, order: Ints, starts: Ints, out: Rows) -> None:
    """Mean row of every voxel into ``out``: summed in float64 in the given order, rounded once."""
    channels = rows.shape[1]
    sums = np.empty(channels)
    for voxel in range(starts.size - 1):
        sums[:] = 0.0
        for at in range(starts[voxel], starts[voxel + 1]):
            row = order[at]
            for channel in range(channels):
                sums[channel] += rows[row, channel]
        count = starts[voxel + 1] - starts[voxel]
        for channel in range(channels):
            out[voxel, channel] = sums[channel] / count


@njit(cache=True, nogil=True)
def segment_random(order: Ints, starts: Ints, seed: int) -> Ints:
    """One row of every voxel: the one whose hash of (seed, row) is smallest."""
    picks = np.empty(starts.size - 1, np.int64)
    base = _mix(np.uint64(seed) + _MIX_STEP)
    for voxel in range(starts.size - 1):
        best = np.uint64(0xFFFFFFFFFFFFFFFF)
        for at in range(starts[voxel], starts[voxel + 1]):
            score = _mix(base + np.uint64(order[at]) * _MIX_STEP) >> np.uint64(1)
            if score < best:
                best = score
                picks[voxel] = order[at]
    return picks


@njit(cache=True, nogil=True)
def _mix(x: Any) -> Any:
    x = (x ^ (x >> np.uint64(30))) * _MIX_A
    x = (x ^ (x >> np.uint64(27))) * _MIX_B
    return x ^ (x >> np.uint64(31))
