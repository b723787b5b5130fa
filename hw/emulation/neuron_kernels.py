"""Compiled neurons: currents in, spikes or values out, state in place.

Each kernel takes x (steps, neurons) from step ``first`` on, parameters of (channels,) and states
(neurons,), and writes rows of ``out`` and ``active`` (all steps, neurons). Where ``forced`` has
rows, neurons reset by those spikes, and ``deciding`` (steps, neurons) gets the membranes behind
their own decisions. Integers are the same code: their decay counts in 4096ths and loses its
fraction, and with ``largest`` above 0 membranes stop there and ``saturated`` (all steps,) counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

from neurospike.hw.emulation.kernels import JIT
from neurospike.hw.emulation.record import LOIHI_LARGEST
from neurospike.hw.quantising.rounding import DECAY_UNITS

_BITS = DECAY_UNITS.bit_length() - 1


def share(value: Any, decay: Any) -> Any:
    """What is left of a value: a real share of a real one, 4096ths of an integer."""
    raise NotImplementedError  # compiled code has its own, by type


@overload(share)
def _share(value, decay):  # type: ignore[no-untyped-def]
    if isinstance(value, types.Float):
        return lambda value, decay: decay * value

    def whole(value, decay):  # type: ignore[no-untyped-def]
        left = (abs(value) * decay) >> _BITS
        return left if value >= 0 else -left

    return whole


@njit(**JIT)
def clip(values, largest):  # type: ignore[no-untyped-def]
    """Bring values back to the ends of their width; how many there were."""
    count = 0
    for n in range(values.size):
        if abs(values[n]) > largest:
            values[n] = largest if values[n] > 0 else -largest
            count += 1
    return count


@njit(**JIT)
def mark_nonzero(state, on):  # type: ignore[no-untyped-def]
    """A neuron whose state is not 0 has work."""
    for n in range(state.size):
        on[n] |= state[n] != 0


@njit(**JIT)
def membrane(x, first, out):  # type: ignore[no-untyped-def]
    """Values are currents."""
    for i in range(x.shape[0]):
        out[first + i] = x[i]


@njit(**JIT)
def readout(x, first, v, decay, gain, largest, out, active, saturated):  # type: ignore[no-untyped-def]
    """v <- decay * v + gain * x, and that is the value."""
    channels = decay.size
    for i in range(x.shape[0]):
        mark_nonzero(v, active[first + i])
        for q in range(v.size // channels):
            for c in range(channels):
                n = q * channels + c
                v[n] = share(v[n], decay[c]) + gain * x[i, n]
        if largest:
            saturated[first + i] += clip(v, largest)
        out[first + i] = v


@njit(**JIT)
def lif(  # type: ignore[no-untyped-def]
    x, first, v, decay, threshold, v_reset, gain, soft, strict, largest, out, active, saturated,
    forced, deciding,
):  # fmt: skip
    """v <- v_reset + decay * (v - v_reset) + gain * x; fire at the threshold; reset."""
    channels = decay.size
    for i in range(x.shape[0]):
        fired = out[first + i]
        mark_nonzero(v, active[first + i])
        for q in range(v.size // channels):
            for c in range(channels):
                n = q * channels + c
                v[n] = v_reset[c] + share(v[n] - v_reset[c], decay[c]) + gain * x[i, n]
        if largest:
            saturated[first + i] += clip(v, largest)
        fire(v, threshold, strict, fired)
        if forced.shape[0]:
            deciding[i] = v
            fired = forced[first + i]
        reset(v, threshold, v_reset, soft, fired)


@njit(**JIT)
def fire(v, threshold, strict, fired):  # type: ignore[no-untyped-def]
    """1 where the membrane reaches the threshold, or with ``strict`` passes it."""
    channels = threshold.size
    for q in range(v.size // channels):
        for c in range(channels):
            n = q * channels + c
            fired[n] = v[n] > threshold[c] if strict else v[n] >= threshold[c]


@njit(**JIT)
def reset(v, threshold, v_reset, soft, fired):  # type: ignore[no-untyped-def]
    """Where it fired take the threshold off, or start from ``v_reset``."""
    channels = threshold.size
    for q in range(v.size // channels):
        for c in range(channels):
            n = q * channels + c
            after = v[n] - threshold[c] if soft else v_reset[c]
            v[n] = after if fired[n] else v[n]


@njit(**JIT)
def ilif(  # type: ignore[no-untyped-def]
    x, first, h, beta, unit, max_spikes, largest, out, active, saturated, forced, deciding
):
    """u = beta * h + x; s = round(clip(u / unit, 0, D)), halves up; h = u - s * unit."""
    channels, bits = beta.size, 0
    while (1 << bits) < unit:
        bits += 1
    for i in range(x.shape[0]):
        spikes = out[first + i]
        mark_nonzero(h, active[first + i])
        for q in range(h.size // channels):
            for c in range(channels):
                n = q * channels + c
                h[n] = share(h[n], beta[c]) + x[i, n]
        if largest:
            saturated[first + i] += clip(h, largest)
        for n in range(h.size):
            spikes[n] = level(h[n], unit, bits, max_spikes)
        if forced.shape[0]:
            deciding[i] = h
            spikes = forced[first + i]
        for n in range(h.size):
            h[n] -= spikes[n] * unit


def level(u: Any, unit: Any, bits: int, max_spikes: Any) -> Any:
    """The integer spike of a membrane; of integers the unit is 1 << bits."""
    raise NotImplementedError


@overload(level)
def _level(u, unit, bits, max_spikes):  # type: ignore[no-untyped-def]
    if isinstance(u, types.Float):
        return lambda u, unit, bits, max_spikes: np.floor(min(max(u / unit, 0.0), max_spikes) + 0.5)
    return lambda u, unit, bits, max_spikes: min(max((u + (unit >> 1)) >> bits, 0), max_spikes)


@njit(**JIT)
def cuba(  # type: ignore[no-untyped-def]
    x, first, current, v, keep_syn, keep_mem, threshold, nothing, soft, largest, out, active,
    saturated, forced, deciding,
):  # fmt: skip
    """i <- keep_syn * i + x; v <- keep_mem * v + i; fire at the threshold; reset to ``nothing``."""
    channels = threshold.size
    for i in range(x.shape[0]):
        fired = out[first + i]
        mark_nonzero(current, active[first + i])
        mark_nonzero(v, active[first + i])
        for q in range(v.size // channels):
            for c in range(channels):
                n = q * channels + c
                current[n] = share(current[n], keep_syn[c]) + x[i, n]
        if largest:
            saturated[first + i] += clip(current, largest)
        for q in range(v.size // channels):
            for c in range(channels):
                n = q * channels + c
                v[n] = share(v[n], keep_mem[c]) + current[n]
        if largest:
            saturated[first + i] += clip(v, largest)
        fire(v, threshold, False, fired)
        if forced.shape[0]:
            deciding[i] = v
            fired = forced[first + i]
        reset(v, threshold, nothing, soft, fired)


@njit(**JIT)
def whole_cuba(  # type: ignore[no-untyped-def]
    x, first, current, v, keep_syn, keep_mem, threshold, nothing, soft, scale, out, active, forced,
    deciding,
):  # fmt: skip
    """The same in whole numbers of 1 / scale that decay and stop as on Loihi."""
    channels = threshold.size
    for i in range(x.shape[0]):
        fired = out[first + i]
        mark_nonzero(current, active[first + i])
        mark_nonzero(v, active[first + i])
        for q in range(v.size // channels):
            for c in range(channels):
                n = q * channels + c
                units = leaky(current[n] * scale, keep_syn[c], np.rint(x[i, n] * scale))
                current[n] = units / scale
                v[n] = leaky(v[n] * scale, keep_mem[c], units) / scale
        fire(v, threshold, False, fired)
        if forced.shape[0]:
            deciding[i] = v
            fired = forced[first + i]
        reset(v, threshold, nothing, soft, fired)


@njit(**JIT)
def leaky(units, keep, given):  # type: ignore[no-untyped-def]
    """What is left of whole units, rounded toward zero, and what is added, within 24 bits."""
    left = np.trunc(np.rint(units) * np.rint(keep * DECAY_UNITS) / DECAY_UNITS)
    return min(max(left + given, -LOIHI_LARGEST), LOIHI_LARGEST)


@njit(**JIT)
def adlif(  # type: ignore[no-untyped-def]
    x, first, u, w, late, alpha, beta, a, b, threshold, nothing, soft, euler, out, active, forced,
    deciding,
):  # fmt: skip
    """h = alpha * u + (1 - alpha) * (x - w); fire, reset; w <- beta * w + (a * u + b * s)."""
    channels = threshold.size
    for i in range(x.shape[0]):
        fired = out[first + i]
        mark_nonzero(u, active[first + i])
        mark_nonzero(w, active[first + i])
        if euler:
            mark_nonzero(late, active[first + i])
        for q in range(u.size // channels):
            for c in range(channels):
                n = q * channels + c
                felt = late[n] if euler else w[n]
                u[n] = alpha[c] * u[n] + (1 - alpha[c]) * (x[i, n] - felt)
        fire(u, threshold, False, fired)
        if forced.shape[0]:
            deciding[i] = u
            fired = forced[first + i]
        reset(u, threshold, nothing, soft, fired)
        for q in range(u.size // channels):
            for c in range(channels):
                n = q * channels + c
                late[n] = w[n]
                w[n] = beta[c] * w[n] + (a[c] * u[n] + b[c] * fired[n])
