"""Launches of the sparse convolution's kernels, to be compiled."""

from itertools import product
from unittest.mock import patch

import torch

from neurospike.kernels.events import Events
from neurospike.kernels.sparse import gpu, gpu_tiles, select
from neurospike.kernels.sparse.rules import Rules


def rules() -> Rules:
    """A map that nothing was worked out from yet: that is compiled too, for each generation."""
    return Rules.from_table(torch.zeros(27, 1000, dtype=torch.int32), n_in=1000)


def convolved(
    c_in: int, c_out: int, dtype: torch.dtype, *, steps: int = 2, bias: bool = True
) -> None:
    x = torch.zeros(steps, 1000, c_in, dtype=dtype, requires_grad=True)
    weight = torch.zeros(27, c_in, c_out, dtype=dtype, requires_grad=True)
    shift = torch.zeros(c_out, dtype=dtype, requires_grad=True) if bias else None
    with select.backend("triton"):
        select.convolve(x, weight, shift, rules()).sum().backward()


def case_default_tiles() -> None:
    for dtype, channels in product((torch.float32, torch.bfloat16), (16, 64)):
        convolved(channels, channels, dtype)


def case_other_dtypes_and_channels() -> None:
    convolved(64, 64, torch.float16)
    convolved(4, 16, torch.float32, steps=1, bias=False)
    convolved(17, 33, torch.bfloat16)


def case_tf32() -> None:
    torch.set_float32_matmul_precision("high")
    convolved(128, 128, torch.float32)
    torch.set_float32_matmul_precision("highest")


def case_every_tile() -> None:
    for dtype in (torch.float32, torch.bfloat16):
        for name, tiles in (
            ("convolution_tile", gpu_tiles.CONFIGS),
            ("weight_tile", gpu_tiles.WEIGHT_CONFIGS),
        ):
            for tile in tiles:
                if gpu_tiles.fits(tile, dtype):
                    with patch.object(gpu_tiles, name, lambda *_, tile=tile: tile):
                        convolved(128, 128, dtype)


def case_events() -> None:
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        x, weight = torch.zeros(2, 1000, 128, dtype=dtype), torch.zeros(27, 128, 128, dtype=dtype)
        for spikes in (gpu.events(x), Events.of(x, binary=True)):
            gpu.convolve_events(spikes, weight, None, rules())
