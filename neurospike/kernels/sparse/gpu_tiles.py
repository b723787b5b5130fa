"""Sizes of the tiles of Triton's convolutions: what can be chosen, and what is by default."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import torch

from neurospike.kernels import devices
from neurospike.kernels.tuning import lookup, shape_class

Precision = Literal["ieee", "tf32"]


class Tile(NamedTuple):
    """What one program multiplies at a time, and the threads it has for it.

    Attributes
    ----------
    rows, columns
        Of the product: output rows and channels, or, of a weight gradient, C_in and C_out.
    depth
        What is summed over at a time: input channels, or, of a weight gradient, pairs.
    warps, stages
        Of 32 threads each; loads under way at once.
    """

    rows: int
    columns: int
    depth: int
    warps: int
    stages: int


CONFIGS = [
    Tile(128, 16, 16, 4, 4),
    Tile(64, 32, 16, 4, 4),
    Tile(128, 32, 32, 4, 4),
    Tile(64, 64, 16, 4, 4),
    Tile(64, 64, 16, 8, 4),
    Tile(64, 64, 32, 4, 4),
    Tile(128, 64, 32, 4, 4),
    Tile(64, 128, 32, 4, 4),
    Tile(128, 128, 32, 8, 4),
]
"""Tiles of the convolution and of its gradient by the features."""

WEIGHT_CONFIGS = [
    Tile(16, 16, 64, 4, 3),
    Tile(32, 32, 32, 4, 3),
    Tile(64, 64, 16, 4, 3),
    Tile(64, 64, 32, 4, 3),
    Tile(64, 64, 64, 4, 3),
    Tile(128, 64, 32, 8, 3),
]
"""Tiles of the gradient by the weight."""


_SMALL = [Tile(64, 64, 16, 4, 4), Tile(64, 32, 16, 4, 4)]
_PREFERRED = {
    (16, True): [Tile(128, 16, 16, 4, 4)],
    (16, False): [Tile(128, 16, 16, 4, 4)],
    (32, True): [Tile(64, 32, 16, 4, 4)],
    (32, False): [Tile(128, 32, 32, 4, 4), Tile(64, 32, 16, 4, 4)],
    (64, True): _SMALL,
    (64, False): [Tile(128, 64, 32, 4, 4), Tile(64, 64, 32, 4, 4)],
    (128, True): _SMALL,
    (128, False): [Tile(128, 128, 32, 8, 4), Tile(128, 64, 32, 4, 4), Tile(64, 64, 32, 4, 4)],
}
"""By output channels and whether tiles are shallow. A large tile reads rows and weights less often:
the first is taken that leaves every multiprocessor enough to do, or the last."""

FILLING = 2
"""Programs for each multiprocessor that are enough to do."""


def fits(tile: Tile, dtype: torch.dtype) -> bool:
    """Whether the compiler keeps a tile in registers.

    Exact products hold every operand of a step there: as many as the tile is deep, in each row
    and column that a thread owns. Tensor cores read theirs from shared memory.
    """
    return not exact(dtype) or (tile.rows + tile.columns) * tile.depth <= 4096


def precision(dtype: torch.dtype) -> Precision:
    """ "tf32" for float32 where the user lets torch's own products round to it, else "ieee"."""
    if dtype != torch.float32:
        return "ieee"
    matmul = torch.backends.cuda.matmul
    if hasattr(matmul, "fp32_precision"):  # torch 2.9; the older flag raises once this one is set
        return "tf32" if matmul.fp32_precision == "tf32" else "ieee"
    return "tf32" if matmul.allow_tf32 else "ieee"


@contextmanager
def products(precision: Precision) -> Iterator[None]:
    """Let products of float32 round to tf32 inside the block, torch's and ours, or let them not."""
    matmul: Any = torch.backends.cuda.matmul
    # The older flag raises once the newer one, of torch 2.9, is set.
    newer = hasattr(matmul, "fp32_precision")
    name, value = ("fp32_precision", precision) if newer else ("allow_tf32", precision == "tf32")
    before = getattr(matmul, name)
    setattr(matmul, name, value)
    try:
        yield
    finally:
        setattr(matmul, name, before)


def exact(dtype: torch.dtype) -> bool:
    """Whether products are of whole float32 numbers, which tensor cores do not take."""
    return dtype == torch.float32 and precision(dtype) == "ieee"


def convolution_tile(
    rows: int, c_in: int, c_out: int, dtype: torch.dtype, device: torch.device
) -> Tile:
    """The tile measured to be fastest on this card, or the default."""
    key = (shape_class(rows), f"{c_in}x{c_out}", kind(dtype))
    found = lookup("sparse.convolve", device, key)
    if found is not None:
        return CONFIGS[int(found["config"])]
    shallow = c_in <= 16 or exact(dtype)
    for tile in _PREFERRED[min(max(16, devices.power_of_two(c_out)), 128), shallow]:
        programs = -(-rows // tile.rows) * -(-c_out // tile.columns)
        if programs >= FILLING * devices.multiprocessors(device):
            break
    return tile


def weight_tile(rows: int, c_in: int, c_out: int, dtype: torch.dtype, device: torch.device) -> Tile:
    """As ``convolution_tile``, for the gradient by the weight."""
    key = (shape_class(rows), f"{c_in}x{c_out}", kind(dtype))
    found = lookup("sparse.weight_gradient", device, key)
    if found is not None:
        return WEIGHT_CONFIGS[int(found["config"])]
    widest = max(c_in, c_out)
    if widest <= 16:
        return Tile(16, 16, 64, 4, 3)
    if widest <= 32:
        return Tile(32, 32, 32, 4, 3)
    return Tile(64, 64, 16 if exact(dtype) else 64, 4, 3)


def event_tile(c_out: int) -> Tile:
    """The tile of a convolution of events: rows wait for the longest of their neighbours' lists."""
    columns = min(max(16, devices.power_of_two(c_out)), 64)
    return Tile(1024 // columns, columns, 1, 4, 1)


def kind(dtype: torch.dtype) -> str:
    """What a measurement is of, in a key: the dtype, and how its products are rounded."""
    return f"{str(dtype).removeprefix('torch.')} {precision(dtype)}"
