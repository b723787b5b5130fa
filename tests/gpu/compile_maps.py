"""Launches of the kernel maps' kernels, to be compiled."""

import torch

from neurospike.kernels.sparse import maps_gpu
from neurospike.kernels.sparse.geometry import strided, submanifold

SITES = torch.zeros(300, 4, dtype=torch.int32)
GRID = (40, 50, 20)


def case_submanifold() -> None:
    for kernel in ((1, 1, 1), (3, 3, 3), (5, 5, 5)):
        maps_gpu.build_rules(SITES, SITES, submanifold(kernel, (1, 1, 1), GRID))
    maps_gpu.build_rules(SITES, SITES, submanifold((3, 3, 3), (1, 1, 2), GRID))


def case_strided() -> None:
    for kernel, padding in (((2, 2, 2), (0, 0, 0)), ((3, 3, 3), (1, 1, 1))):
        geometry = strided(kernel, (2, 2, 2), padding, (1, 1, 1), GRID)
        rules = maps_gpu.build_rules(SITES, maps_gpu.output_coords(SITES, geometry), geometry)
        rules.transposed()


def case_edges_beyond_int32() -> None:
    grid = (2**31 - 1, 2**14, 2**14)
    geometry = strided((3, 1, 2), (2, 1, 3), (2, 0, 1), (3, 1, 2), grid)
    maps_gpu.build_rules(SITES, maps_gpu.output_coords(SITES, geometry), geometry)
