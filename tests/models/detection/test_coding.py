"""Residuals and directions: exact inverses, and values worked out by hand."""

import math

import pytest
import torch

from neurospike.models.detection.coding import decode, direction_of, encode, with_direction


def boxes(count: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    unit = torch.rand(count, 7, generator=draw, dtype=torch.float64)
    low = torch.tensor([0.0, -40, -3, 0.3, 0.3, 0.5, -math.pi], dtype=torch.float64)
    high = torch.tensor([70.0, 40, 1, 12, 3, 4, math.pi], dtype=torch.float64)
    return low + unit * (high - low)


@pytest.mark.parametrize("count", [0, 1, 63])
def test_decoding_undoes_encoding(count: int) -> None:
    wanted, anchors = boxes(count), boxes(count).flip(0)
    again = decode(encode(wanted, anchors), anchors)
    torch.testing.assert_close(again, wanted, rtol=0, atol=1e-9)


def test_residuals_of_a_box_worked_out_by_hand() -> None:
    anchor = torch.tensor([[10.0, 0.0, -1.0, 3.0, 4.0, 2.0, 0.0]])  # a diagonal of 5 m
    box = torch.tensor([[11.0, -2.0, 0.0, 3.0, 4.0 * math.e, 1.0, 0.5]])
    expected = [0.2, -0.4, 0.5, 0.0, 1.0, -math.log(2), 0.5]
    torch.testing.assert_close(encode(box, anchor), torch.tensor([expected]))


def test_sizes_stay_finite_whatever_a_net_says() -> None:
    anchor = torch.tensor([[10.0, 0.0, -1.0, 3.9, 1.6, 1.5, 0.0]])
    assert decode(torch.full((1, 7), 1e4), anchor).isfinite().all()


def test_direction_brings_back_the_whole_circle() -> None:
    yaw = torch.linspace(-3.1, 3.1, 63, dtype=torch.float64)
    folded = yaw + math.pi * torch.arange(63, dtype=torch.float64)  # any number of half turns
    torch.testing.assert_close(with_direction(folded, direction_of(yaw)), yaw)
