"""What the processes of a distributed run have in common: sums, means, whose gradients agree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, distributed

_ASKED: ContextVar[bool] = ContextVar("together", default=False)


def processes() -> int:
    """Processes of this run; 1 where ``torch.distributed`` has not been initialised."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return 1
    return int(distributed.get_world_size())


@contextmanager
def together() -> Iterator[None]:
    """Inside, losses are of the batches of all processes: each of them must be inside.

    A training loop asks for it around a step. Elsewhere, as in validation, processes need not
    have as many batches, and one that waited for the others would wait for ever.
    """
    token = _ASKED.set(True)
    try:
        yield
    finally:
        _ASKED.reset(token)


def is_together() -> bool:
    """Whether losses are of several processes."""
    return _ASKED.get() and processes() > 1


def summed(x: Tensor) -> Tensor:
    """The sum over all processes, without a gradient; every process must call it."""
    total = x.detach().clone()
    distributed.all_reduce(total)
    return total


def counted(number: int, *, device: torch.device | None = None) -> int:
    """A number summed over processes where ``is_together()``, as it is elsewhere."""
    return int(summed(torch.tensor(number, device=device))) if is_together() else number


def total(value: Tensor) -> Tensor:
    """The sum over processes, with its gradient as ``weighted_mean`` has it."""
    return processes() * weighted_mean(value, 1.0) if is_together() else value


def weighted_mean(value: Tensor, weight: Tensor | float) -> Tensor:
    """Mean over processes; where ``is_together()`` is false, ``value`` itself.

    Parameters
    ----------
    value
        Any shape, the same on every process: a mean of this process's batch.
    weight
        0 or more: what ``value`` is the mean of, such as a number of voxels. A process with 0
        counts for nothing, if its value is finite; where all have 0, so does the mean.

    Shape
    -----
    out: as ``value``

    Notes
    -----
    Its gradient is right once gradients are averaged over processes, as
    ``DistributedDataParallel`` does: a process passes on processes * weight / sum of weights.

    Cost
    ----
    One sum over processes, none in the backward pass.

    Examples
    --------
    >>> float(weighted_mean(torch.tensor(2.0), 3))
    2.0
    """
    if not is_together():
        return value
    own = value.detach().double().flatten()
    if isinstance(weight, Tensor):
        weights = weight.detach().to(own).reshape(1)
    else:  # filled in where it is needed: for a copy from the host it would have to wait
        weights = own.new_full((1,), weight)
    total = summed(torch.cat([own * weights, weights]))
    everything = total[-1].clamp(min=torch.finfo(torch.float64).tiny)
    mean = (total[:-1] / everything).reshape(value.shape).to(value.dtype)
    share = (processes() * weights[0] / everything).to(value.dtype)
    return mean + share * (value - value.detach())
