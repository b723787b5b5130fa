"""Compile every CPU kernel once; numba caches them on disk, so that no first call has to wait."""

from __future__ import annotations

from itertools import product
from typing import Any


def warmup() -> None:
    """Run each kernel on a handful of values: a minute at first, a second when cached."""
    _neurons()
    _sparse()
    _audio()
    _recurrent()
    _delays()
    _boxes()
    _voxels()
    _points()


def _neurons() -> None:
    import torch

    from neurospike.functional.adaptive import AdaptiveRule
    from neurospike.functional.cuba import CubaRule
    from neurospike.functional.neurons import LIFRule
    from neurospike.kernels.neurons import select

    sizes = (3, 150_000)  # in the calling thread, and spread over all of them
    for dtype, size in product((torch.float32, torch.float64), sizes):
        x = torch.ones(2, size, dtype=dtype, requires_grad=True)
        select.lif(x, None, LIFRule(tau=2.0))[0].sum().backward()  # type: ignore[no-untyped-call]
        select.ilif(x, None, max_spikes=4, beta=0.25)[0].sum().backward()  # type: ignore[no-untyped-call]
        select.readout(x, None, tau=2.0, decay_input=False).sum().backward()  # type: ignore[no-untyped-call]
        gains = torch.ones(4, 3, dtype=dtype, requires_grad=True)
        rows = x.reshape(2, -1, 3)
        select.adaptive(rows, None, gains, AdaptiveRule())[0].sum().backward()  # type: ignore[no-untyped-call]
        keep = torch.full((2,), 0.5, dtype=dtype, requires_grad=True)
        select.cuba(x, None, keep, CubaRule())[0].sum().backward()  # type: ignore[no-untyped-call]


def _sparse() -> None:
    import torch

    from neurospike.kernels.sparse import cpu, select
    from neurospike.kernels.sparse.geometry import strided, submanifold

    grid, one, two, three = (8, 8, 8), (1, 1, 1), (2, 2, 2), (3, 3, 3)
    coords = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [0, 4, 4, 4]], dtype=torch.int32)
    centred = submanifold(three, one, grid)
    rules = select.build_rules(coords, coords, centred)
    for geometry in (strided(two, two, (0, 0, 0), one, grid), strided(three, two, one, one, grid)):
        sites = select.output_coords(coords, geometry)
        select.build_rules(coords, sites, geometry)
    for dtype in (torch.float32, torch.float64):
        fast = cpu.runs_fast(dtype)
        for value in (0.0, 1.0):  # the event-driven kernels, then the dense ones
            x: Any = torch.full((3, 128), value, dtype=dtype, requires_grad=True)
            weight = torch.ones(27, 128, 128, dtype=dtype, requires_grad=True)
            bias = torch.zeros(128, dtype=dtype, requires_grad=True)
            with select.backend("numba" if fast else "portable"):
                select.convolve(x, weight, bias, rules).sum().backward()  # type: ignore[no-untyped-call]


def _audio() -> None:
    import numpy as np

    from neurospike.kernels.audio.state import Nerve

    Nerve.at_rest(range(3), 12_000.0, seed=0).hear(np.zeros((3, 8), np.float32), 0, 8)


def _recurrent() -> None:
    import torch

    from neurospike.kernels.recurrent import select

    for dtype in (torch.float32, torch.float64):
        x, weight = torch.ones(2, 1, 3, dtype=dtype), torch.ones(3, 3, dtype=dtype)
        for shape in ((2, 3), (2, 3, 3)):
            share = torch.ones(shape, dtype=dtype, requires_grad=True)
            for whole in (False, True):
                y, _, _ = select.recurrent(
                    x, torch.zeros_like(x), (), lambda v, state: (v, state),
                    weight=weight, share=share, whole=whole,
                )  # fmt: skip
                y.sum().backward()  # type: ignore[no-untyped-call]


def _delays() -> None:
    import torch

    from neurospike.functional.delays import DelayRule
    from neurospike.kernels.delays import select, spectra

    for dtype in (torch.float32, torch.float64):
        rule, weight = DelayRule(3, "none", tail=1), torch.ones(2, 2, 1, dtype=dtype)
        kernel, x = torch.ones(3, 2, 2, dtype=dtype), torch.ones(4, 1, 2, dtype=dtype)
        y = spectra.forward(x, kernel, 1)
        spectra.backward(y, x, kernel, taps=3, parameters=True)
        packed = select.pack(weight, weight, 3)
        for batch in (1, 1 << 14):  # in the calling thread, and spread over all of them
            select.sequence(x.expand(4, batch, 2), weight, weight, rule, packed)
        select.arrive(x[0], torch.zeros(1, 3, 2, dtype=dtype), weight, weight, rule, packed)


def _boxes() -> None:
    import numpy as np

    from neurospike.kernels.boxes import assignment_numba, select

    box = np.ones((1, 7))
    select.iou(box, box, volume=True)
    select.iou(box, box, volume=True, paired=True)
    select.nms(box, np.ones(1), 0.5)
    one, none = np.ones(1), np.zeros(1, np.int8)
    pair = (np.array([0, 1]), np.array([0]), none, none, one)
    assignment_numba.found_scores(*pair)
    assignment_numba.tally(*pair, one, one, one > 1, one, one)


def _voxels() -> None:
    import numpy as np

    from neurospike.kernels.voxels import query_numba

    starts, one = np.array([0, 1]), np.zeros((1, 4), np.int64)
    for dtype in (np.float32, np.float64):
        rows, source = np.ones((1, 1), dtype), np.zeros((1, 1), np.int32)
        query_numba.neighbourhood_max(
            rows, one[0, :1], starts, np.ones(2, np.int64), one, 0, rows.copy(), source
        )
        query_numba.give_back(rows, source, rows.copy())


def _points() -> None:
    import numpy as np

    from neurospike.kernels.points import numba as points

    points.nearest(np.zeros((1, 3), np.float32), np.array([0]), 1)
    points.farthest(np.zeros((1, 3), np.float32), 0, 1)
