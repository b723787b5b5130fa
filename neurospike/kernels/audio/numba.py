"""Hair cells, nerve fibres and bushy cells, fused: from membrane velocity to spikes.

Sixteen channels run abreast through the hair cells, which are arithmetic without branches; the
fibres and the bushy cell of each channel follow, some dozens of samples later, from the cache.
A channel's result depends on its own input, seed and state alone: not on threads, nor on where a
stream was cut.

The 40 fibres of a channel share one probability p, are alike, and their currents add up in one
synapse: only how many of them are ready counts. Each ready fibre fires when its own exponential
clock of rate -log(1 - p) rings, so the next firing of n of them is drawn once, as a budget that
n * -log(1 - p) eats up. In law this is one coin a sample and fibre, with dead time after a spike.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from neurospike.kernels.audio import model
from neurospike.kernels.threads import one_at_a_time

LANES = 16
CHUNK = 64  # samples that hair cells run ahead of the fibres

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 2.0**-53
_SERIES_LIMIT = np.float32(0.3)  # up to here nine terms of the logarithm's series are exact to 1e-5

_A = np.float32(model.PERMEABILITY_A)
_B = np.float32(model.PERMEABILITY_B)
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_LIMIT = np.float32(model.POOL_LIMIT)

# Columns of the state arrays.
FREE, CLEFT, STORE = range(3)
V, SYNAPSE, BUDGET = range(3)
WAIT, READY = range(2)


@njit(cache=True, nogil=True)
def seed_channels(seed: int, first: int, channels: int) -> NDArray[np.uint64]:
    """One generator a channel: where its counter starts."""
    base = _mix(np.uint64(seed) + _STEP)
    states = np.empty(channels, np.uint64)
    for channel in range(channels):
        states[channel] = _mix(base + np.uint64(first + channel) * _MIX_A)
    return states


@njit(cache=True, nogil=True)
def _mix(x: Any) -> Any:
    x = (x ^ (x >> np.uint64(30))) * _MIX_A
    x = (x ^ (x >> np.uint64(27))) * _MIX_B
    return x ^ (x >> np.uint64(31))


@njit(cache=True, nogil=True)
def _exponential(generators: NDArray[np.uint64], channel: int) -> float:
    """A draw of mean 1; the counter moves on."""
    generators[channel] += _STEP
    bits = _mix(generators[channel]) >> np.uint64(11)
    return -math.log((np.float64(bits) + 0.5) * _TO_UNIT)


@njit(cache=True, nogil=True)
def first_draws(generators: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The first exponential of every channel."""
    draws = np.empty(generators.size)
    for channel in range(generators.size):
        draws[channel] = _exponential(generators, channel)
    return draws


@njit(cache=True, nogil=True, error_model="numpy")
def hair_cells(
    velocity: Any, tile: int, start: int, count: int, rate_hz: float, pools: Any, hazard: Any
) -> None:
    """Meddis' hair cells, Euler, into the hazard of a firing per sample and fibre.

    Where the probability is large it is stored below zero, as it is: the logarithm is taken later.
    """
    first = tile * LANES
    last = velocity.shape[0] - 1
    release = np.float32(model.RELEASE / rate_hz)
    filling = np.float32(model.REPLENISHING / rate_hz)
    losing = np.float32((model.LOSS + model.REUPTAKE) / rate_hz)
    taking = np.float32(model.REUPTAKE / rate_hz)
    processing = np.float32(model.REPROCESSING / rate_hz)
    firing = np.float32(model.FIRING / rate_hz)
    for lane in range(LANES):
        channel = min(first + lane, last)
        for at in range(count):
            hazard[at, lane] = velocity[channel, start + at]
    for at in range(count):
        for lane in range(LANES):
            free = pools[tile, FREE, lane]
            cleft = pools[tile, CLEFT, lane]
            store = pools[tile, STORE, lane]
            drive = max(hazard[at, lane] + _A, _ZERO)
            ejected = release * drive / (drive + _B) * free
            refill = filling * max(_LIMIT - free, _ZERO)
            back = processing * store
            taken = taking * cleft
            lost = losing * cleft
            free = max(free + refill - ejected + back, _ZERO)
            cleft = max(cleft + ejected - lost, _ZERO)
            store = max(store + taken - back, _ZERO)
            pools[tile, FREE, lane] = free
            pools[tile, CLEFT, lane] = cleft
            pools[tile, STORE, lane] = store
            p = firing * cleft
            hazard[at, lane] = _series(p) if p <= _SERIES_LIMIT else -p


@njit(cache=True, nogil=True, inline="always")
def _series(p: Any) -> Any:
    """-log(1 - p) for small p."""
    high = np.float32(1 / 6) + p * (
        np.float32(1 / 7) + p * (np.float32(1 / 8) + p * np.float32(1 / 9))
    )
    low = np.float32(1 / 3) + p * (np.float32(1 / 4) + p * (np.float32(1 / 5) + p * high))
    return p * (_ONE + p * (np.float32(0.5) + p * low))


@njit(cache=True, nogil=True)
def bushy_cell(
    hazard: Any,
    lane: int,
    channel: int,
    time: int,
    count: int,
    rate_hz: float,
    floats: Any,
    ints: Any,
    ring: Any,
    generators: Any,
    events: Any,
    found: int,
) -> int:
    """Fibres and bushy cell of a channel over some samples; returns how many spikes it has now."""
    keep_v = math.exp(-1.0 / (rate_hz * model.TAU_MEMBRANE_S))
    keep_synapse = math.exp(-1.0 / (rate_hz * model.TAU_SYNAPSE_S))
    weight = model.WEIGHT / rate_hz
    dead = math.ceil(model.BUSHY_REFRACTORY_S * rate_hz)
    period = ring.shape[1]
    v, synapse, budget = floats[channel, V], floats[channel, SYNAPSE], floats[channel, BUDGET]
    wait, ready = ints[channel, WAIT], ints[channel, READY]
    slot = time % period
    for at in range(count):
        left = float(hazard[at, lane])
        if left < 0.0:
            left = -math.log(max(1.0 + left, 1e-300))
        ready += ring[channel, slot]
        fired = 0
        while budget <= left * ready and ready > 0:
            left -= budget / ready
            ready -= 1
            fired += 1
            budget = _exponential(generators, channel)
        budget -= left * ready
        ring[channel, slot] = fired
        slot += 1
        if slot == period:
            slot = 0
        if wait <= 0:
            if v < 1.0:
                v *= keep_v
            else:
                events[channel, found] = time + at - 1
                found += 1
                wait = dead
                v = 0.0
        synapse = synapse * keep_synapse + fired
        if wait <= 0:
            v += synapse * weight
        wait -= 1
    floats[channel, V], floats[channel, SYNAPSE], floats[channel, BUDGET] = v, synapse, budget
    ints[channel, WAIT], ints[channel, READY] = wait, ready
    return found


@one_at_a_time
@njit(cache=True, nogil=True, parallel=True)
def nerve(
    velocity: Any,
    begin: int,
    samples: int,
    time: int,
    rate_hz: float,
    pools: Any,
    floats: Any,
    ints: Any,
    ring: Any,
    generators: Any,
    events: Any,
    found: Any,
) -> None:
    """Spikes of every channel over a stretch of membrane velocity; the state moves on.

    Shape
    -----
    velocity: (C, any) float32, contiguous, of which ``samples`` from ``begin`` on are heard
    time: index of the first of them since the start, what the events count in
    pools: (ceil(C / 16), 3, 16) float32; floats: (C, 3) float64; ints: (C, 2) int64
    ring: (C, dead samples of a fibre) int64; generators: (C,) uint64
    events: (C, room) int64 sample indices, written; found: (C,) how many, written
    """
    channels = velocity.shape[0]
    for tile in prange(pools.shape[0]):
        first = tile * LANES
        lanes = min(LANES, channels - first)
        hazard = np.empty((CHUNK, LANES), np.float32)
        for lane in range(lanes):
            found[first + lane] = 0
        for start in range(0, samples, CHUNK):
            count = min(CHUNK, samples - start)
            hair_cells(velocity, tile, begin + start, count, rate_hz, pools, hazard)
            for lane in range(lanes):
                channel = first + lane
                found[channel] = bushy_cell(
                    hazard,
                    lane,
                    channel,
                    time + start,
                    count,
                    rate_hz,
                    floats,
                    ints,
                    ring,
                    generators,
                    events,
                    found[channel],
                )
