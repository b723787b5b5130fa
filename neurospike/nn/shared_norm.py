"""Batch normalisation with the statistics of all processes of a distributed run."""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from neurospike.errors import ArgumentError
from neurospike.nn.together import processes, summed


def share_norms(model: nn.Module, shared: bool = True) -> None:
    """Let every batch norm of a network train on the statistics of all processes, or of its own.

    Works on ``SparseBatchNorm``, by its attribute ``sync``, and on torch's dense norms, which keep
    their class and their parameters. Torch's ``SyncBatchNorm`` needs a GPU and averages in
    float32; here sums are float64, on any device and backend, gloo on CPUs included. In
    evaluation, and in a single process, nothing changes.

    Parameters
    ----------
    model
        Changed in place.
    shared
        False gives each process its own statistics again.

    Cost
    ----
    A norm in training: a sum of 2 C + 1 numbers over processes, and one of 2 C in the backward
    pass.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))
    >>> share_norms(model)
    >>> model(torch.ones(2, 3)).shape
    torch.Size([2, 5])
    """
    norms: list[Any] = [part for part in model.modules() if isinstance(part, _BatchNorm)]
    for norm in norms:
        if hasattr(norm, "sync"):
            norm.sync = shared
        elif not isinstance(norm, nn.SyncBatchNorm):
            _share_dense(norm, shared)


def normalised_together(norm: Any, rows: Tensor) -> Tensor:
    """Rows (N, C) in training, by the statistics of the rows of all processes; N may be 0."""
    from neurospike.kernels.sparse import norm as kernels

    sums = kernels.sums(rows)
    total = summed(torch.cat([sums.flatten(), sums.new_full((1,), rows.shape[0])]))
    # As tensors throughout: a number on the host would make it wait for the device.
    count = total[-1]
    several = count > 1
    known = [old.to(sums, copy=True) for old in (norm.running_mean, norm.running_var)]
    mean, var = kernels.moments(total[:-1].view_as(sums), count.clamp(min=1))
    remember(norm, mean, var * (count / (count - 1).clamp(min=1)), several)
    mean, var = torch.where(several, mean, known[0]), torch.where(several, var, known[1])
    weight = rows.new_ones(rows.shape[1]) if norm.weight is None else norm.weight
    bias = rows.new_zeros(rows.shape[1]) if norm.bias is None else norm.bias
    return kernels.normalise(
        rows,
        weight,
        bias,
        mean,
        var,
        eps=norm.eps,
        fixed=False,
        shared=kernels.Shared(count, summed),
    )


@torch.no_grad()
def remember(norm: Any, mean: Tensor, var: Tensor, measured: Tensor | None = None) -> None:
    """Move a norm's running statistics towards those of a batch, its variance unbiased.

    Parameters
    ----------
    measured
        Whether there are any, a boolean scalar: else they stay as they are.
    """
    norm.num_batches_tracked += 1 if measured is None else measured
    share = norm.momentum
    if share is None:
        share = 1.0 / norm.num_batches_tracked.double().clamp(min=1)
    if measured is not None:
        share = share * measured.double()
    norm.running_mean += share * (mean.to(norm.running_mean) - norm.running_mean)
    norm.running_var += share * (var.to(norm.running_var) - norm.running_var)


def _share_dense(norm: _BatchNorm, shared: bool) -> None:
    # By its forward, not by another class: whoever counts, merges or lowers a norm asks its class.
    if shared:
        norm.forward = MethodType(_dense_forward, norm)  # type: ignore[method-assign]
    else:
        norm.__dict__.pop("forward", None)


def _dense_forward(norm: _BatchNorm, x: Tensor) -> Tensor:
    """(N, C, ...) as torch's own, in training over all processes."""
    if not (norm.training and norm.track_running_stats and processes() > 1):
        y: Tensor = type(norm).forward(norm, x)
        return y
    if x.ndim < 2 or x.shape[1] != norm.num_features:
        raise ArgumentError(
            f"{type(norm).__name__}.num_features: the input must be (N, {norm.num_features}, ...); "
            f"got {tuple(x.shape)}."
        )
    last = x.movedim(1, -1)
    rows = normalised_together(norm, last.reshape(-1, norm.num_features))
    return rows.reshape(last.shape).movedim(-1, 1)
