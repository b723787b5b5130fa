"""Greedy packing of sites, compiled. Imported on first use only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def turn_round(
    offsets: Ints, target: NDArray[np.int32], base: int, into: Ints, starts: Ints
) -> None:
    """Write the sources of every target site: source p as ``base + p``, from ``starts`` on."""
    for p in range(len(offsets) - 1):
        for pair in range(offsets[p], offsets[p + 1]):
            q = target[pair]
            into[starts[q]] = base + p
            starts[q] += 1


@njit(cache=True, nogil=True)
def _list_bits(n: int, bits: int, header: int, word: int) -> int:
    plain = n * bits + ((n + 63) // 64) * header
    return (plain + word - 1) // word * word


@njit(cache=True, nogil=True)
def pack_sites(
    order: Ints,
    offsets: Ints,
    source: Ints,
    owner: NDArray[np.int32],
    channels: Ints,
    outputs: Ints,
    bits: Ints,
    header: int,
    word: int,
    fixed_bits: int,
    neurons: int,
    slots: int,
    axons_out: Ints,
    limits: Ints,
) -> tuple[NDArray[Any], int, NDArray[Any], int, NDArray[Any]]:
    """Fill cores with sites in order; close a core when one of its limits would be passed.

    owner: (sources,) projection of each source. channels, outputs, bits: of each projection, the
    source channels that reach the core's channels, the synapses of a pair, the bits of a synapse
    (0 where a kernel is shared). limits: neurons, synapse bits, axons in, axons out, delay slots.

    Returns block of every site, blocks, how often each limit closed a block, the limit that a
    single site breaks (-1: none), and what the site or the fullest block needs of each.
    """
    sites = len(order)
    block = np.zeros(sites, np.int32)
    stamp = np.full(len(owner), -1, np.int32)
    count = np.zeros(len(owner), np.int64)
    closed = np.zeros(5, np.int64)
    fullest = np.zeros(5, np.int64)
    used = np.zeros(5, np.int64)
    used[1] = fixed_bits
    need = np.zeros(5, np.int64)
    current, first = 0, True
    for at in range(sites):
        site = order[at]
        while True:
            need[0] = used[0] + neurons
            need[1] = used[1]
            need[2] = used[2]
            need[3] = used[3] + axons_out[site]
            need[4] = used[4] + slots
            for i in range(offsets[site], offsets[site + 1]):
                p = source[i]
                j = owner[p]
                if stamp[p] != current:
                    stamp[p] = current
                    count[p] = 0
                    need[2] += channels[j]
                if bits[j]:
                    before = _list_bits(count[p] * outputs[j], bits[j], header, word)
                    count[p] += 1
                    after = _list_bits(count[p] * outputs[j], bits[j], header, word)
                    need[1] += channels[j] * (after - before)
            broken = -1
            for limit in range(5):
                if need[limit] > limits[limit]:
                    broken = limit
                    break
            if broken < 0:
                break
            if first:
                return block, 0, closed, broken, need
            closed[broken] += 1
            current += 1
            used[:] = 0
            used[1] = fixed_bits
            first = True
        used[:] = need
        for limit in range(5):
            fullest[limit] = max(fullest[limit], need[limit])
        block[site] = current
        first = False
    return block, current + 1, closed, -1, fullest
