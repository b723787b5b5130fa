"""Real Fourier transforms along the slow axis, written as the rows that ``spectrum`` asks for.

Each transform takes a group of columns into the cache, two columns as one complex number, and
runs a mixed-radix Stockham transform (radices 4, 2, 3, 5) on LANES of them at a time. The rows of
a spectrum are those of ``spectrum.transforms``: real frequencies first, then three groups of
products; matrices and this module may stand in for each other.

A frequency with transform a + ib has the three rows ``mix`` (3, 2) times (a, b) going forth; going
back, its transform is ``mix`` (2, 3) times the three rows.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray
from torch import Tensor

from neurospike.kernels.buffers import DTYPES
from neurospike.kernels.delays.lanes import LANES, load, spread, store
from neurospike.kernels.delays.spectrum import factors
from neurospike.kernels.threads import one_at_a_time

GROUP = 256
"""Columns that come and go together: short pieces of far rows would miss every cache."""


@dataclass(frozen=True)
class Mix:
    """How rows are made of transforms, or transforms of rows; some are divided by the length."""

    mix: tuple[tuple[float, ...], ...]
    per_length: bool


# Two columns share a transform, hence the halves; back, a frequency stands for its conjugate too.
INPUT = Mix(((0.5, 0.5), (0.5, 0), (0, 0.5)), per_length=False)
OUTPUT = Mix(((1, 0, -1), (1, 1, 0)), per_length=True)
INPUT_GRADIENT = Mix(((0.5, 0.5, 0), (0.5, 0, 0.5)), per_length=False)
OUTPUT_GRADIENT = Mix(((1, 1), (0, 1), (-1, 0)), per_length=True)

_JIT: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
_SIN3 = np.sqrt(0.75)
_COS5, _SIN5 = np.cos(2 * np.pi * np.arange(1, 3) / 5), np.sin(2 * np.pi * np.arange(1, 3) / 5)
_C1, _C2, _S1, _S2 = *(float(v) for v in _COS5), *(float(v) for v in _SIN5)


@functools.lru_cache(maxsize=64)
def plan(length: int, dtype: torch.dtype) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Radices, and cosines and sines of every multiple of the base angle, forth."""
    radices = np.array(factors(length), np.int64)
    turn = -2 * np.pi * np.arange(length) / length
    return radices, np.cos(turn).astype(DTYPES[dtype]), np.sin(turn).astype(DTYPES[dtype])


@njit(**_JIT)
def _turn(yr, yi, at, r, i, wr, wi):  # type: ignore[no-untyped-def]
    store(yr, at, r * wr - i * wi)
    store(yi, at, r * wi + i * wr)


@njit(**_JIT)
def _radix2(xr, xi, yr, yi, half, width, cos, sin, step):  # type: ignore[no-untyped-def]
    for p in range(half):
        wr, wi = spread(cos[p * step]), spread(sin[p * step])
        for q in range(p * width, (p + 1) * width, LANES):
            b, u = q + half * width, q + p * width
            r0, i0, r1, i1 = load(xr, q), load(xi, q), load(xr, b), load(xi, b)
            store(yr, u, r0 + r1)
            store(yi, u, i0 + i1)
            _turn(yr, yi, u + width, r0 - r1, i0 - i1, wr, wi)


@njit(**_JIT)
def _radix3(xr, xi, yr, yi, third, width, cos, sin, step):  # type: ignore[no-untyped-def]
    half, root = spread(cos.dtype.type(0.5)), spread(cos.dtype.type(_SIN3))
    for p in range(third):
        w1r, w1i = spread(cos[p * step]), spread(sin[p * step])
        w2r, w2i = spread(cos[2 * p * step]), spread(sin[2 * p * step])
        for q in range(p * width, (p + 1) * width, LANES):
            b, u = q + third * width, q + 2 * p * width
            c = b + third * width
            ar, ai, br, bi = load(xr, q), load(xi, q), load(xr, b), load(xi, b)
            cr, ci = load(xr, c), load(xi, c)
            sr, si = br + cr, bi + ci
            dr, di = root * (br - cr), root * (bi - ci)
            mr, mi = ar - half * sr, ai - half * si
            store(yr, u, ar + sr)
            store(yi, u, ai + si)
            _turn(yr, yi, u + width, mr + di, mi - dr, w1r, w1i)
            _turn(yr, yi, u + 2 * width, mr - di, mi + dr, w2r, w2i)


@njit(**_JIT)
def _radix4(xr, xi, yr, yi, fourth, width, cos, sin, step):  # type: ignore[no-untyped-def]
    for p in range(fourth):
        w1r, w1i = spread(cos[p * step]), spread(sin[p * step])
        w2r, w2i = spread(cos[2 * p * step]), spread(sin[2 * p * step])
        w3r, w3i = spread(cos[3 * p * step]), spread(sin[3 * p * step])
        for q in range(p * width, (p + 1) * width, LANES):
            b, u = q + fourth * width, q + 3 * p * width
            c = b + fourth * width
            d = c + fourth * width
            ar, ai, br, bi = load(xr, q), load(xi, q), load(xr, b), load(xi, b)
            cr, ci, dr, di = load(xr, c), load(xi, c), load(xr, d), load(xi, d)
            s0r, s0i, d0r, d0i = ar + cr, ai + ci, ar - cr, ai - ci
            s1r, s1i, d1r, d1i = br + dr, bi + di, br - dr, bi - di
            store(yr, u, s0r + s1r)
            store(yi, u, s0i + s1i)
            _turn(yr, yi, u + width, d0r + d1i, d0i - d1r, w1r, w1i)
            _turn(yr, yi, u + 2 * width, s0r - s1r, s0i - s1i, w2r, w2i)
            _turn(yr, yi, u + 3 * width, d0r - d1i, d0i + d1r, w3r, w3i)


@njit(**_JIT)
def _radix5(xr, xi, yr, yi, fifth, width, cos, sin, step):  # type: ignore[no-untyped-def]
    real = cos.dtype.type
    c1, c2 = spread(real(_C1)), spread(real(_C2))
    s1, s2 = spread(real(_S1)), spread(real(_S2))
    for p in range(fifth):
        w1r, w1i = spread(cos[p * step]), spread(sin[p * step])
        w2r, w2i = spread(cos[2 * p * step]), spread(sin[2 * p * step])
        w3r, w3i = spread(cos[3 * p * step]), spread(sin[3 * p * step])
        w4r, w4i = spread(cos[4 * p * step]), spread(sin[4 * p * step])
        for q in range(p * width, (p + 1) * width, LANES):
            b, u = q + fifth * width, q + 4 * p * width
            c = b + fifth * width
            d = c + fifth * width
            e = d + fifth * width
            ar, ai, br, bi = load(xr, q), load(xi, q), load(xr, b), load(xi, b)
            cr, ci, dr, di = load(xr, c), load(xi, c), load(xr, d), load(xi, d)
            er, ei = load(xr, e), load(xi, e)
            t1r, t1i, t2r, t2i = br + er, bi + ei, cr + dr, ci + di
            t3r, t3i, t4r, t4i = br - er, bi - ei, cr - dr, ci - di
            m1r, m1i = ar + c1 * t1r + c2 * t2r, ai + c1 * t1i + c2 * t2i
            m2r, m2i = ar + c2 * t1r + c1 * t2r, ai + c2 * t1i + c1 * t2i
            n1r, n1i = s1 * t3r + s2 * t4r, s1 * t3i + s2 * t4i
            n2r, n2i = s2 * t3r - s1 * t4r, s2 * t3i - s1 * t4i
            store(yr, u, ar + t1r + t2r)
            store(yi, u, ai + t1i + t2i)
            _turn(yr, yi, u + width, m1r + n1i, m1i - n1r, w1r, w1i)
            _turn(yr, yi, u + 2 * width, m2r + n2i, m2i - n2r, w2r, w2i)
            _turn(yr, yi, u + 3 * width, m2r - n2i, m2i + n2r, w3r, w3i)
            _turn(yr, yi, u + 4 * width, m1r - n1i, m1i + n1r, w4r, w4i)


@njit(**_JIT)
def _transform(work, length, radices, cos, sin):  # type: ignore[no-untyped-def]
    """work (4, length * LANES): from rows 0, 1 (real, imaginary) to the row that is returned."""
    n, width, source = length, LANES, 0
    for radix in radices:
        n //= radix
        step = width // LANES
        xr, xi = work[source], work[source + 1]
        yr, yi = work[2 - source], work[3 - source]
        if radix == 4:
            _radix4(xr, xi, yr, yi, n, width, cos, sin, step)
        elif radix == 2:
            _radix2(xr, xi, yr, yi, n, width, cos, sin, step)
        elif radix == 3:
            _radix3(xr, xi, yr, yi, n, width, cos, sin, step)
        else:
            _radix5(xr, xi, yr, yi, n, width, cos, sin, step)
        width *= radix
        source = 2 - source
    return source


@njit(**_JIT)
def _block_forth(steps, n, length, tables, scale, mix, work, spectra, at):  # type: ignore[no-untyped-def]
    """2 LANES columns of steps (n, GROUP), flat, -> of spectra (R, GROUP), flat."""
    radices, cos, sin = tables
    zr, zi = work[0], work[1]
    for t in range(n):
        store(zr, t * LANES, load(steps, t * GROUP + at))
        store(zi, t * LANES, load(steps, t * GROUP + at + LANES))
    zr[n * LANES :] = 0
    zi[n * LANES :] = 0
    source = _transform(work, length, radices, cos, sin)
    zr, zi = work[source], work[source + 1]
    real = 1 + (length % 2 == 0) * (length > 1)
    pairs = length // 2 + 1 - real
    gain = spread(scale)
    for f in range(real):
        u = f * (length // 2) * LANES
        store(spectra, f * GROUP + at, gain * load(zr, u))
        store(spectra, f * GROUP + at + LANES, gain * load(zi, u))
    a1, a2, a3 = spread(mix[0, 0]), spread(mix[1, 0]), spread(mix[2, 0])
    b1, b2, b3 = spread(mix[0, 1]), spread(mix[1, 1]), spread(mix[2, 1])
    for f in range(pairs):
        u, v = (f + 1) * LANES, (length - f - 1) * LANES
        ur, ui, vr, vi = load(zr, u), load(zi, u), load(zr, v), load(zi, v)
        re1, im1, re2, im2 = ur + vr, ui - vi, ui + vi, vr - ur
        to = (real + f) * GROUP + at
        store(spectra, to, a1 * re1 + b1 * im1)
        store(spectra, to + LANES, a1 * re2 + b1 * im2)
        to += pairs * GROUP
        store(spectra, to, a2 * re1 + b2 * im1)
        store(spectra, to + LANES, a2 * re2 + b2 * im2)
        to += pairs * GROUP
        store(spectra, to, a3 * re1 + b3 * im1)
        store(spectra, to + LANES, a3 * re2 + b3 * im2)


@njit(**_JIT)
def _block_back(spectra, length, tables, scale, mix, work, steps, n, at):  # type: ignore[no-untyped-def]
    """2 LANES columns of spectra (R, GROUP), flat, -> of steps (n, GROUP), flat."""
    radices, cos, sin = tables
    # Real and imaginary parts change places: a transform forth then goes back.
    zi, zr = work[0], work[1]
    real = 1 + (length % 2 == 0) * (length > 1)
    pairs = length // 2 + 1 - real
    gain = spread(scale)
    for f in range(real):
        u = f * (length // 2) * LANES
        store(zr, u, gain * load(spectra, f * GROUP + at))
        store(zi, u, gain * load(spectra, f * GROUP + at + LANES))
    a1, a2, a3 = spread(mix[0, 0]), spread(mix[0, 1]), spread(mix[0, 2])
    b1, b2, b3 = spread(mix[1, 0]), spread(mix[1, 1]), spread(mix[1, 2])
    for f in range(pairs):
        u, v = (f + 1) * LANES, (length - f - 1) * LANES
        row1 = (real + f) * GROUP + at
        row2 = row1 + pairs * GROUP
        row3 = row2 + pairs * GROUP
        k1, k2, k3 = load(spectra, row1), load(spectra, row2), load(spectra, row3)
        re1, im1 = a1 * k1 + a2 * k2 + a3 * k3, b1 * k1 + b2 * k2 + b3 * k3
        k1, k2 = load(spectra, row1 + LANES), load(spectra, row2 + LANES)
        k3 = load(spectra, row3 + LANES)
        re2, im2 = a1 * k1 + a2 * k2 + a3 * k3, b1 * k1 + b2 * k2 + b3 * k3
        store(zr, u, re1 - im2)
        store(zi, u, im1 + re2)
        store(zr, v, re1 + im2)
        store(zi, v, re2 - im1)
    source = _transform(work, length, radices, cos, sin)
    zi, zr = work[source], work[source + 1]
    for t in range(n):
        store(steps, t * GROUP + at, load(zr, t * LANES))
        store(steps, t * GROUP + at + LANES, load(zi, t * LANES))


@one_at_a_time
@njit(parallel=True, **_JIT)
def _forth(x, first, length, tables, scale, mix, out):  # type: ignore[no-untyped-def]
    """Columns ``first`` and on of x (n, C) -> the rows of their spectra, out (R, columns).

    ``scale`` multiplies real frequencies.
    """
    (rows, columns), n = out.shape, len(x)
    for group in prange((columns + GROUP - 1) // GROUP):
        start = group * GROUP
        m = min(GROUP, columns - start)
        work = np.empty((4, length * LANES), x.dtype)
        steps = np.zeros(n * GROUP, x.dtype)
        spectra = np.empty(rows * GROUP, x.dtype)
        for t in range(n):
            steps[t * GROUP : t * GROUP + m] = x[t, first + start : first + start + m]
        for at in range(0, m, 2 * LANES):
            _block_forth(steps, n, length, tables, scale, mix, work, spectra, at)
        for r in range(rows):
            out[r, start : start + m] = spectra[r * GROUP : r * GROUP + m]


@one_at_a_time
@njit(parallel=True, **_JIT)
def _back(spectra, length, tables, scale, mix, first, y, add):  # type: ignore[no-untyped-def]
    """Spectra (R, columns) -> the first len(y) steps, written or added to y (n, C) at ``first``."""
    (rows, columns), n = spectra.shape, len(y)
    for group in prange((columns + GROUP - 1) // GROUP):
        start = group * GROUP
        m = min(GROUP, columns - start)
        work = np.empty((4, length * LANES), spectra.dtype)
        steps = np.empty(n * GROUP, spectra.dtype)
        local = np.zeros(rows * GROUP, spectra.dtype)
        for r in range(rows):
            local[r * GROUP : r * GROUP + m] = spectra[r, start : start + m]
        for at in range(0, m, 2 * LANES):
            _block_back(local, length, tables, scale, mix, work, steps, n, at)
        for t in range(n):
            due = steps[t * GROUP : t * GROUP + m]
            if add:
                y[t, first + start : first + start + m] += due
            else:
                y[t, first + start : first + start + m] = due


def forth(x: Tensor, first: int, mix: Mix, length: int, out: Tensor) -> None:
    """Columns ``first`` and on of x (n, C) -> the rows of their spectra, out (R, columns)."""
    scale, table = _table(mix, length, x.dtype)
    _forth(x.numpy(), first, length, plan(length, x.dtype), scale, table, out.numpy())


def back(spectra: Tensor, mix: Mix, length: int, first: int, y: Tensor, *, add: bool) -> None:
    """Spectra (R, columns) -> the first len(y) steps, written or added to y (n, C) at ``first``."""
    scale, table = _table(mix, length, y.dtype)
    tables = plan(length, y.dtype)
    _back(spectra.numpy(), length, tables, scale, table, first, y.numpy(), add)


def _table(mix: Mix, length: int, dtype: torch.dtype) -> tuple[Any, NDArray[Any]]:
    real = DTYPES[dtype]
    scale: Any = real(1 / length if mix.per_length else 1)
    return scale, np.array(mix.mix, real) * scale
