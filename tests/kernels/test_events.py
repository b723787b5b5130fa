"""Events and the tensor that they came from, there and back."""

import pytest
import torch

from neurospike.errors import ArgumentError
from neurospike.kernels.events import Events


@pytest.mark.parametrize("shape", [(4, 17), (2, 3, 5), (0, 3), (3, 0), (1, 1)])
@pytest.mark.parametrize("binary", [False, True])
def test_events_hold_the_whole_tensor(shape: tuple[int, ...], binary: bool) -> None:
    draws = torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(0))
    dense = (draws == 1).float() if binary else draws.float()
    events = Events.of(dense, binary=binary)
    assert torch.equal(events.dense(torch.float32), dense)
    assert events.channels.dtype == torch.int16
    for count, row in zip(events.counts.tolist(), events.channels.tolist(), strict=True):
        assert row[:count] == sorted(set(row[:count]))


def test_unused_slots_mean_nothing() -> None:
    events = Events.empty(torch.zeros(2, 3), binary=False)
    assert events.values is not None
    events.counts.zero_()
    events.channels.fill_(1 << 14)
    events.values.fill_(float("nan"))
    assert torch.equal(events.dense(torch.float32), torch.zeros(2, 3))


def test_rows_too_wide_are_refused() -> None:
    with pytest.raises(ArgumentError, match="at most 32767 a row; got 32768"):
        Events.of(torch.zeros(1, 1 << 15))
