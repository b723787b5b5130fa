"""Tensors on different devices: a refusal, as their addresses mean nothing to each other's GPU."""

import pytest
import torch

from neurospike.errors import ArgumentError
from neurospike.functional.neurons import LIFRule
from neurospike.kernels.neurons import select
from neurospike.kernels.sparse import gpu, maps_gpu
from neurospike.kernels.sparse.geometry import submanifold
from neurospike.kernels.sparse.rules import Rules


def test_neurons_refuse_a_state_that_is_elsewhere(device: torch.device) -> None:
    x, v = torch.zeros(2, 3, device=device), torch.zeros(3, device="meta")
    with pytest.raises(ArgumentError, match=f"must lie on {device}.* got one on meta"):
        select.lif(x, v, LIFRule(), backend="triton")
    with pytest.raises(ArgumentError, match="got one on meta"):
        select.lif_events(x, v, LIFRule(), backend="triton")


def test_convolutions_refuse_weights_that_are_elsewhere(device: torch.device) -> None:
    rules = Rules.from_table(torch.zeros(1, 2, dtype=torch.int32, device=device), n_in=2)
    x, weight = torch.zeros(1, 2, 3, device=device), torch.zeros(1, 3, 4, device="meta")
    with pytest.raises(ArgumentError, match="got one on meta"):
        gpu.convolve(x, weight, None, rules)


def test_maps_refuse_voxels_that_are_elsewhere(device: torch.device) -> None:
    coords = torch.zeros(1, 4, dtype=torch.int32, device=device)
    with pytest.raises(ArgumentError, match="got one on meta"):
        maps_gpu.build_rules(
            coords, coords.to("meta"), submanifold((3, 3, 3), (1, 1, 1), (4, 4, 4))
        )
