"""What ``neurospike tune`` searches: the configurations of Triton's kernels on a small grid.

The grid is coarse on purpose: a measured size answers for sizes up to four times larger or smaller,
and a kernel is compiled once for all sizes. Channels and dtypes are matched exactly; those that are
not listed here keep their defaults. Inputs are drawn from one seed.

Configurations are named by their place in the lists beside the kernels. Triton is not imported
before a case is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import torch
from torch import Tensor

from neurospike.functional.adaptive import AdaptiveRule
from neurospike.functional.cuba import CubaRule
from neurospike.functional.neurons import LIFRule
from neurospike.kernels.neurons import launches
from neurospike.kernels.neurons import select as neurons
from neurospike.kernels.sparse import gpu_tiles, paths
from neurospike.kernels.sparse import select as sparse
from neurospike.kernels.sparse.geometry import submanifold
from neurospike.kernels.tuning.session import Case

SITES = ((16, 1 << 15), (16, 1 << 18), (32, 1 << 15), (64, 1 << 12), (64, 1 << 15), (128, 1 << 12))
"""Channels, and rows: deeper layers of a network have more of those and fewer of these."""

SEQUENCES = tuple(product((4, 64), (1 << 14, 1 << 17, 1 << 20)))
"""Steps, and neurons."""

SOUND = ((64, 1 << 14), (64, 1 << 17))
"""As SEQUENCES, of the neurons that networks for sound are made of."""

SPIKES = ((32, 1 << 15), (128, 1 << 12))
"""As SITES, where convolutions of lists of spikes are tried against dense ones."""

DENSITIES = (0.02, 0.08, 0.32)

DTYPES = (torch.bfloat16, torch.float32)

Make = Callable[[torch.device], Callable[[], Any]]


def cases(
    *,
    sites: Sequence[tuple[int, int]] = SITES,
    sequences: Sequence[tuple[int, int]] = SEQUENCES,
    sound: Sequence[tuple[int, int]] = SOUND,
    spikes: Sequence[tuple[int, int]] = SPIKES,
    dtypes: Sequence[torch.dtype] = DTYPES,
) -> list[Case]:
    """All of them, what takes most of a training step first."""
    parts: list[Case] = []
    for dtype in dtypes:
        parts += _convolutions(sites, dtype)
        parts += _paths(spikes, dtype)
        parts += _neurons({"ilif": _ilif, "lif": _lif}, sequences, dtype)
    if torch.float32 in dtypes:
        with gpu_tiles.products("tf32"):  # which lets more tiles stay in registers
            rounded = list(_convolutions(sites, torch.float32))
        parts += map(_rounded, rounded)
    for dtype in dtypes:
        parts += _neurons({"readout": _readout, "adaptive": _adaptive, "cuba": _cuba}, sound, dtype)
    return parts


def _convolutions(sites: Sequence[tuple[int, int]], dtype: torch.dtype) -> Iterator[Case]:
    for channels, rows in sites:
        shape = f"{rows} sites, {channels} channels, {_name(dtype)}"
        for op, configs in (
            ("sparse.convolve", gpu_tiles.CONFIGS),
            ("sparse.weight_gradient", gpu_tiles.WEIGHT_CONFIGS),
        ):
            # A tile of more columns than there are channels multiplies zeros.
            tiles = [
                place
                for place, tile in enumerate(configs)
                if tile.columns <= max(16, channels) and gpu_tiles.fits(tile, dtype)
            ]
            back = op == "sparse.weight_gradient"
            yield Case(op, shape, _choices(tiles), _convolution(channels, rows, dtype, back=back))


def _convolution(channels: int, rows: int, dtype: torch.dtype, *, back: bool) -> Make:
    def convolved(x: Tensor, weight: Tensor, rules: Any) -> Tensor:
        with sparse.backend("triton"):
            return sparse.convolve(x, weight, None, rules)

    def make(device: torch.device) -> Callable[[], Any]:
        rules = _rules(rows, device)
        x = _drawn(rows, channels, dtype=dtype, device=device)
        weight = _drawn(27, channels, channels, dtype=dtype, device=device)
        if not back:
            return lambda: convolved(x, weight, rules)
        return _gradient(convolved(x, weight.requires_grad_(), rules), weight)

    return make


def _rounded(case: Case) -> Case:
    """A convolution in float32 whose products may be rounded to tf32, on tensor cores."""

    def make(device: torch.device) -> Callable[[], Any]:
        with gpu_tiles.products("tf32"):
            call = case.make(device)

        def rounded() -> Any:
            with gpu_tiles.products("tf32"):
                return call()

        return rounded

    return replace(case, shape=case.shape.replace("float32", "tf32"), make=make)


def _paths(sites: Sequence[tuple[int, int]], dtype: torch.dtype) -> Iterator[Case]:
    """Dense against event-driven: whole paths, which a model chooses between by name."""
    choices = {"events": {"backend": "triton-events"}}
    for (channels, rows), density in product(sites, DENSITIES):
        shape = f"{rows} sites, {channels} channels, {density:.0%} spike, {_name(dtype)}"
        yield Case(paths.OP, shape, choices, _path(channels, rows, density, dtype))


def _path(channels: int, rows: int, density: float, dtype: torch.dtype) -> Make:
    def make(device: torch.device) -> Callable[[], Any]:
        rules = _rules(rows, device)
        weight = _drawn(27, channels, channels, dtype=dtype, device=device)
        draws = torch.Generator(device).manual_seed(1)
        level = torch.rand(rows, channels, generator=draws, device=device) / density
        x = torch.where(level < 1, 1 + (4 * level).floor(), 0.0).to(dtype)  # spikes of 1 to 4

        def call() -> Tensor:
            name = paths.fastest(
                rows, channels, channels, dtype=dtype, device=device, density=density
            )
            with sparse.backend(name):
                return sparse.convolve(x, weight, None, rules)

        return call

    return make


def _lif(x: Tensor) -> Tensor:
    return neurons.lif(x, None, LIFRule(), backend="triton")[0]


def _ilif(x: Tensor) -> Tensor:
    return neurons.ilif(x, None, max_spikes=4, beta=0.25, backend="triton")[0]


def _readout(x: Tensor) -> Tensor:
    return neurons.readout(x, None, tau=3.0, decay_input=False, backend="triton")


def _adaptive(x: Tensor) -> Tensor:
    gains = x.new_tensor([0.9, 0.8, 0.1, 0.2])[:, None].repeat(1, x.shape[2])
    return neurons.adaptive(x, None, gains, AdaptiveRule(), backend="triton")[0]


def _cuba(x: Tensor) -> Tensor:
    return neurons.cuba(x, None, x.new_tensor([0.8, 0.9]), CubaRule(), backend="triton")[0]


def _neurons(
    kinds: dict[str, Callable[[Tensor], Tensor]],
    sequences: Sequence[tuple[int, int]],
    dtype: torch.dtype,
) -> Iterator[Case]:
    choices = _choices(range(len(launches.CONFIGS)))
    for (T, N), (name, run) in product(sequences, kinds.items()):
        shape = f"{T} steps, {N} neurons, {_name(dtype)}"
        for op, back in ((f"neurons.{name}", False), (f"neurons.{name}_backward", True)):
            yield Case(op, shape, choices, _sequence(run, T, N, dtype, back=back))


def _sequence(
    run: Callable[[Tensor], Tensor], T: int, N: int, dtype: torch.dtype, *, back: bool
) -> Make:
    def make(device: torch.device) -> Callable[[], Any]:
        wide = 256 if N % 256 == 0 else N
        x = _drawn(T, N // wide, wide, dtype=dtype, device=device)
        return _gradient(run(x.requires_grad_()), x) if back else lambda: run(x)

    return make


def _gradient(y: Tensor, wanted: Tensor) -> Callable[[], Any]:
    """The way back alone, again and again."""
    g = _drawn(*y.shape, dtype=y.dtype, device=y.device)
    return lambda: torch.autograd.grad(y, wanted, g, retain_graph=True)


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
    return sparse.build_rules(coords, coords, submanifold((3, 3, 3), (1, 1, 1), shape))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
