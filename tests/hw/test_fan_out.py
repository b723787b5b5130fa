"""How many outputs each position feeds, against maps of ones through which each is sent alone."""

import itertools
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neurospike import hw
from neurospike.hw.fan_out import conv_fan_out, transposed_fan_out


def reached(shape: tuple[int, ...], linear: Callable[[Tensor], Tensor]) -> Tensor:
    count = torch.Size(shape).numel()
    alone = torch.eye(count, dtype=torch.float64).reshape(count, 1, *shape)
    return linear(alone).flatten(1).sum(1).reshape(shape)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_a_line_under_every_border(mode: str) -> None:
    rows = itertools.product((5, 8), (1, 3, 4), (1, 2, 3), (1, 2), ((0, 0), (2, 1), (3, 4)))
    for length, kernel, stride, dilation, around in rows:
        if length + sum(around) <= dilation * (kernel - 1):
            continue  # no window fits, and the layer itself raises
        ones = torch.ones(1, 1, kernel, dtype=torch.float64)
        padded = {"border": (around, mode), "padding": (0,)}
        found = conv_fan_out((length,), (kernel,), (stride,), dilation=(dilation,), **padded)

        def linear(
            x: Tensor, ones: Tensor = ones, around: tuple[int, int] = around,
            stride: int = stride, dilation: int = dilation,
        ) -> Tensor:  # fmt: skip
            x = F.pad(x, around, mode=mode)
            return F.conv1d(x, ones, stride=stride, dilation=dilation)

        assert torch.equal(found, reached((length,), linear)), (length, kernel, stride, around)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("padding", ["same", "valid", (2, 0)])
@pytest.mark.parametrize("kernel", [(3, 2), (4, 5)])
def test_a_plane_under_padding_by_name_and_by_number(
    padding: str | tuple[int, int], kernel: tuple[int, int]
) -> None:
    ones = torch.ones(1, 1, *kernel, dtype=torch.float64)
    found = conv_fan_out((9, 7), kernel, (1, 1), padding, (2, 1))
    expected = reached((9, 7), lambda x: F.conv2d(x, ones, padding=padding, dilation=(2, 1)))
    assert torch.equal(found, expected)


def test_a_transposed_line() -> None:
    rows = itertools.product((1, 6), (1, 3, 4), (1, 2, 3), (0, 1), (1, 2))
    for length, kernel, stride, padding, dilation in rows:
        ones = torch.ones(1, 1, kernel, dtype=torch.float64)
        for extra in range(max(stride, dilation)):
            if (length - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1 < 1:
                continue
            found = transposed_fan_out(
                (length,), (kernel,), (stride,), (padding,), (extra,), (dilation,)
            )

            def linear(
                x: Tensor, ones: Tensor = ones, stride: int = stride, padding: int = padding,
                extra: int = extra, dilation: int = dilation,
            ) -> Tensor:  # fmt: skip
                return F.conv_transpose1d(x, ones, None, stride, padding, extra, 1, dilation)

            assert torch.equal(found, reached((length,), linear)), (length, kernel, stride)


def test_minutes_of_sound_are_counted_without_a_square_of_their_length() -> None:
    events = torch.zeros(1, 1, 1 << 20)
    events[..., ::1000] = 1
    layer = nn.Conv1d(1, 4, 9, stride=4, padding=4, bias=False)
    # 1000 is a multiple of the stride: each event but the first is in three windows, as it is.
    counted = hw.count(layer, events, inputs_are_spikes=True)
    assert counted.synops == 4 * 3 * events.sum().item() - 4
