"""``hw.count``: run a network once and say what it did."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.hw import (
    rules_delays,
    rules_recurrent_delays,
    rules_sequence,
    rules_spiking,
    rules_stateless,
    rules_timm,
    rules_transformers,
    rules_weights,
)
from neurospike.hw.conventions import CONVENTIONS, Convention
from neurospike.hw.counts import Counts
from neurospike.hw.origins import Kind, Origin, tensors_in
from neurospike.hw.tracer import Tracer
from neurospike.nn.evaluating import evaluating
from neurospike.sparse import VoxelTensor

ConventionName = Literal["exact", "paper", "neurobench", "lemaire"]

RULE_MODULES = (
    rules_delays,
    rules_recurrent_delays,
    rules_sequence,
    rules_spiking,
    rules_stateless,
    rules_timm,
    rules_transformers,
    rules_weights,
)
"""Importing them registers their rules."""


def count(
    module: nn.Module,
    inputs: Any,
    convention: ConventionName = "exact",
    batch_dim: int = 0,
    *,
    inputs_are_spikes: bool = False,
) -> Counts:
    """Count the operations of one forward pass, per sample.

    The network runs once, in evaluation mode, without gradients; its modes are put back.

    Parameters
    ----------
    module
        Any torch module: spiking or conventional.
    inputs
        A tensor, a VoxelTensor, a tuple of arguments, or a mapping of keyword arguments.
    convention
        "exact": synaptic operations from the connections that exist and the actual spikes.
        "paper", "neurobench", "lemaire": as published; see docs/energy.md.
    batch_dim
        Dimension of the samples in the first tensor: 1 for sequences (T, B, ...). A VoxelTensor
        knows its batch; a tensor of one dimension is one sample.
    inputs_are_spikes
        Whether the inputs are events already, such as binned recordings of a sensor. Otherwise
        they are real numbers, whatever their values.

    Raises
    ------
    UncountedLayerError
        A layer or a function without a rule; unknown costs are never zero.
    ArgumentError
        An unknown convention, inputs without a tensor, or a batch of no samples.

    Cost
    ----
    One forward pass, some tens of microseconds per function between layers, and one pass over
    each layer's input.

    Examples
    --------
    >>> import torch
    >>> counted = count(torch.nn.Linear(784, 128, bias=False), torch.rand(2, 784))
    >>> counted.macs, round(counted.energy_pj, 1)
    (100352.0, 461619.2)
    """
    if convention not in get_args(ConventionName):
        raise ArgumentError(
            f"hw.count.convention: must be one of {', '.join(CONVENTIONS)}; got {convention!r}."
        )
    found = CONVENTIONS[convention]
    return count_by(found, module, inputs, batch_dim, inputs_are_spikes=inputs_are_spikes)


def count_by(
    convention: Convention,
    module: nn.Module,
    inputs: Any,
    batch_dim: int = 0,
    *,
    inputs_are_spikes: bool = False,
) -> Counts:
    """As ``count``, by a convention of one's own."""
    batch, steps = _batch_of(inputs, batch_dim)
    tracer = Tracer(module, convention, batch=batch, steps=steps)
    tracer.origins.mark(inputs, Origin(Kind.SPIKES if inputs_are_spikes else Kind.REAL))
    with torch.inference_mode(False), evaluating(module), _unfused(), tracer.watching():
        if isinstance(inputs, Mapping):
            module(**inputs)
        elif isinstance(inputs, (tuple, list)):
            module(*inputs)
        else:
            module(inputs)
    return tracer.ledger.close(convention.name, batch)


def _batch_of(inputs: Any, batch_dim: int) -> tuple[int, int]:
    """Samples and time steps of the inputs."""
    parts = list(inputs.values()) if isinstance(inputs, Mapping) else inputs
    parts = parts if isinstance(parts, (tuple, list)) else [parts]
    first = next((p for p in parts if isinstance(p, (Tensor, VoxelTensor))), None)
    if first is None:
        first = next(tensors_in(parts), None)
    if first is None:
        raise ArgumentError(
            "hw.count.inputs: must hold a tensor or a VoxelTensor; got "
            f"{type(inputs).__name__}. Give what the module's forward takes."
        )
    if isinstance(first, VoxelTensor):
        batch, steps = first.batch_size, 1
    elif first.ndim <= 1:
        batch, steps = 1, 1
    else:
        if not -first.ndim <= batch_dim < first.ndim:
            raise ArgumentError(
                f"hw.count.batch_dim: must be a dimension of the first input, of shape "
                f"{tuple(first.shape)}; got {batch_dim}."
            )
        batch = first.shape[batch_dim]
        steps = math.prod(first.shape[: batch_dim % first.ndim])
    if batch < 1:
        raise ArgumentError("hw.count.inputs: must hold one sample or more; got an empty batch.")
    return batch, steps


@contextmanager
def _unfused() -> Iterator[None]:
    """Fused encoders would pass by the layers that they are made of."""
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
