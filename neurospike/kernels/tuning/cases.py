"""What ``neurospike tune`` searches: the configurations of Triton's kernels on a small grid.

The grid is coarse on purpose: a measured size answers for sizes up to four times larger or smaller,
and a kernel is compiled once for all sizes. Channels and dtypes are matched exactly; those that are
not listed here keep their defaults. Inputs are drawn from one seed.

This is imported where Triton is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from neurospike.functional.neurons import LIFRule
from neurospike.kernels.neurons import gpu as neurons
from neurospike.kernels.neurons import launches
from neurospike.kernels.sparse import gpu as sparse
from neurospike.kernels.sparse import gpu_tiles, select
from neurospike.kernels.sparse.geometry import submanifold
from neurospike.kernels.tuning.session import Case

SITES = ((16, 1 << 15), (16, 1 << 18), (32, 1 << 15), (64, 1 << 12), (64, 1 << 15), (128, 1 << 12))
"""Channels, and rows: deeper layers of a network have more of those and fewer of these."""

SEQUENCES = tuple(product((4, 64), (1 << 14, 1 << 17, 1 << 20)))
"""Steps, and neurons."""

DTYPES = (torch.bfloat16, torch.float32)


def cases(
    *,
    sites: Sequence[tuple[int, int]] = SITES,
    sequences: Sequence[tuple[int, int]] = SEQUENCES,
    dtypes: Sequence[torch.dtype] = DTYPES,
) -> list[Case]:
    """All of them, what takes most of a training step first."""
    return [
        case
        for dtype in dtypes
        for case in (*_convolutions(sites, dtype), *_neurons(sequences, dtype))
    ]


def _convolutions(sites: Sequence[tuple[int, int]], dtype: torch.dtype) -> Iterator[Case]:
    def forward(channels: int, rows: int) -> Callable[[torch.device], Callable[[], Any]]:
        def make(device: torch.device) -> Callable[[], Any]:
            rules = _rules(rows, device)
            x = _drawn(1, rows, channels, dtype=dtype, device=device)
            weight = _drawn(27, channels, channels, dtype=dtype, device=device)
            return lambda: sparse.convolve(x, weight, None, rules)

        return make

    def weight_gradient(channels: int, rows: int) -> Callable[[torch.device], Callable[[], Any]]:
        def make(device: torch.device) -> Callable[[], Any]:
            rules = _rules(rows, device)
            x = _drawn(1, rows, channels, dtype=dtype, device=device)
            grad = _drawn(1, rows, channels, dtype=dtype, device=device)
            return lambda: sparse.weight_gradient(x, grad, rules)

        return make

    for channels, rows in sites:
        shape = f"{rows} sites, {channels} channels, {_name(dtype)}"
        for op, configs, make in (
            ("sparse.convolve", gpu_tiles.CONFIGS, forward),
            ("sparse.weight_gradient", gpu_tiles.WEIGHT_CONFIGS, weight_gradient),
        ):
            # A tile of more columns than there are channels multiplies zeros.
            tiles = [i for i, tile in enumerate(configs) if tile.columns <= max(16, channels)]
            yield Case(op, shape, _choices(tiles), make(channels, rows))


def _neurons(sequences: Sequence[tuple[int, int]], dtype: torch.dtype) -> Iterator[Case]:
    rule = LIFRule()
    passes: dict[str, Callable[[Tensor, Tensor], Any]] = {
        "neurons.lif": lambda x, g: neurons.lif(x, None, None, rule),
        "neurons.lif_backward": lambda x, g: neurons.lif_backward(
            g, None, x, None, None, rule, (True, False, False)
        ),
        "neurons.ilif": lambda x, g: neurons.ilif(x, None, 4, 0.25),
        "neurons.ilif_backward": lambda x, g: neurons.ilif_backward(
            g, None, x, None, 4, 0.25, (True, False)
        ),
    }

    def made(
        run: Callable[[Tensor, Tensor], Any], T: int, N: int
    ) -> Callable[[torch.device], Callable[[], Any]]:
        def make(device: torch.device) -> Callable[[], Any]:
            x, g = (_drawn(T, N, dtype=dtype, device=device) for _ in range(2))
            return lambda: run(x, g)

        return make

    choices = _choices(range(len(launches.CONFIGS)))
    for (T, N), (op, run) in product(sequences, passes.items()):
        yield Case(op, f"{T} steps, {N} neurons, {_name(dtype)}", choices, made(run, T, N))


def _choices(configs: Any) -> dict[str, dict[str, int]]:
    return {f"config {i}": {"config": i} for i in configs}


def _drawn(*shape: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    draws = torch.Generator(device).manual_seed(0)
    return torch.randn(*shape, generator=draws, device=device).to(dtype)


def _rules(sites: int, device: torch.device) -> Any:
    """Of a rolling surface, whose voxels have about as many neighbours as a scan's."""
    edge = max(1, int(sites**0.5))
    at = torch.arange(sites)
    x, y = at // edge, at % edge
    z = (4 + 3 * torch.sin(x / 9) * torch.cos(y / 13)).long()
    coords = torch.stack([torch.zeros_like(x), x, y, z], 1).int().to(device)
    shape = (int(x.max()) + 1, edge, 8)
    return select.build_rules(coords, coords, submanifold((3, 3, 3), (1, 1, 1), shape))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
