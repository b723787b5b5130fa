"""Destination cores, compiled. Imported on first use only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def runs_of_cores(
    core: NDArray[np.int32], rows: int, outputs: int, cores: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Cores of each row of ``outputs`` neurons, and how many of them sit there, as CSR."""
    offsets = np.zeros(rows + 1, np.int64)
    stamp = np.full(max(cores, 1), -1, np.int64)
    for row in range(rows):
        found = 0
        for neuron in range(row * outputs, (row + 1) * outputs):
            if stamp[core[neuron]] != row:
                stamp[core[neuron]] = row
                found += 1
        offsets[row + 1] = offsets[row] + found
    where = np.empty(offsets[rows], np.int32)
    size = np.zeros(offsets[rows], np.int64)
    at = np.zeros(max(cores, 1), np.int64)
    stamp[:] = -1
    for row in range(rows):
        last = offsets[row]
        for neuron in range(row * outputs, (row + 1) * outputs):
            c = core[neuron]
            if stamp[c] != row:
                stamp[c] = row
                at[c] = last
                where[last] = c
                last += 1
            size[at[c]] += 1
    return offsets, where, size


@njit(cache=True, nogil=True)
def merge_runs(
    pair_offsets: NDArray[np.int64],
    target: NDArray[np.int32],
    groups: int,
    run_offsets: NDArray[np.int64],
    run_core: NDArray[np.int32],
    run_size: NDArray[np.int64],
    cores: int,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Union of the cores of all targets of each (source site, group), with synapses, as CSR."""
    sources = len(pair_offsets) - 1
    offsets = np.zeros(sources * groups + 1, np.int64)
    stamp = np.full(cores, -1, np.int64)
    for row in range(sources * groups):
        site, group = row // groups, row % groups
        found = 0
        for pair in range(pair_offsets[site], pair_offsets[site + 1]):
            reached = target[pair] * groups + group
            for run in range(run_offsets[reached], run_offsets[reached + 1]):
                if stamp[run_core[run]] != row:
                    stamp[run_core[run]] = row
                    found += 1
        offsets[row + 1] = offsets[row] + found
    where = np.empty(offsets[-1], np.int32)
    synapses = np.zeros(offsets[-1], np.int64)
    at = np.zeros(cores, np.int64)
    stamp[:] = -1
    for row in range(sources * groups):
        site, group = row // groups, row % groups
        last = offsets[row]
        for pair in range(pair_offsets[site], pair_offsets[site + 1]):
            reached = target[pair] * groups + group
            for run in range(run_offsets[reached], run_offsets[reached + 1]):
                c = run_core[run]
                if stamp[c] != row:
                    stamp[c] = row
                    at[c] = last
                    where[last] = c
                    last += 1
                synapses[at[c]] += run_size[run]
    return offsets, where, synapses
