"""From what a model takes to what a network's source sends, sample by sample."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from torch import Tensor

from neurospike.errors import ArgumentError
from neurospike.hw.emulation.record import Array
from neurospike.hw.network import Network, Population
from neurospike.hw.neuron_models import Source
from neurospike.hw.quantising.rounding import to_grid
from neurospike.hw.sites import active_sets, samples_of
from neurospike.nn.unary import collapse
from neurospike.sparse import ActiveSet, VoxelTensor

Sample = tuple[dict[str, Array], list[ActiveSet], int]
"""Values of the source (steps, neurons), voxels of every level, integer steps."""

_MOST_SPIKES = 1 << 31
"""Spikes, and real inputs in units of their scale, are kept in 32 bits."""


def samples(network: Network, inputs: Any) -> Iterator[Sample]:
    """Take inputs apart: one sample after another, in the network's own order of neurons.

    Raises
    ------
    ArgumentError
        Inputs of another kind or shape, more or fewer steps than the network's, or numbers that
        are not spikes where the source sends spikes.
    """
    source = _source(network)
    if source is None:
        if inputs is not None or network.steps is None:
            raise ArgumentError(
                "emulate.inputs: a network without a source runs for its own Network.steps, on no "
                f"input; got {_kind(inputs)} and {network.steps} steps."
            )
        yield {}, [], network.steps
    elif network.layout == "voxels":
        yield from _voxels(network, source, inputs)
    else:
        yield from _arrays(network, source, inputs)


def _voxels(network: Network, source: Population, inputs: Any) -> Iterator[Sample]:
    if not isinstance(inputs, VoxelTensor):
        raise ArgumentError(
            f"emulate.inputs: must be a VoxelTensor, as the network was lowered with; got "
            f"{_kind(inputs)}."
        )
    for sample in samples_of(collapse(inputs)):
        features = sample.features.detach().cpu().numpy()
        if features.shape[-1] != source.space.channels:
            raise ArgumentError(
                f"emulate.inputs: must have {source.space.channels} features a voxel; got "
                f"{features.shape[-1]}."
            )
        rows = features if features.ndim == 3 else features[None]
        flat = rows.reshape(len(rows), rows.shape[1] * rows.shape[2])
        yield _sample(network, source, flat, active_sets(network, sample))


def _arrays(network: Network, source: Population, inputs: Any) -> Iterator[Sample]:
    if not isinstance(inputs, (Tensor, np.ndarray)):
        raise ArgumentError(
            f"emulate.inputs: must be a tensor or an array, as the network was lowered with; got "
            f"{_kind(inputs)}."
        )
    x = inputs.detach().cpu().numpy() if isinstance(inputs, Tensor) else inputs
    sequence = network.layout == "sequence"
    one = (source.space.channels, *source.space.shape)
    leading = ("T", "B") if sequence else ("B",)
    if x.shape[len(leading) :] != one:
        wanted = ", ".join((*leading, *map(str, one)))
        raise ArgumentError(f"emulate.inputs: must be ({wanted}); got {x.shape}.")
    batch = x if sequence else x[None]
    for index in range(batch.shape[1]):
        rows = np.moveaxis(batch[:, index], 1, -1)  # channels beside one another, site by site
        yield _sample(network, source, rows.reshape(len(rows), math.prod(one)), [])


def _sample(network: Network, source: Population, rows: Array, sets: list[ActiveSet]) -> Sample:
    if not len(rows):
        raise ArgumentError("emulate.inputs: must have 1 step or more; got 0.")
    steps = len(rows) if network.steps is None else network.steps
    if len(rows) not in (1, steps):
        raise ArgumentError(
            f"emulate.inputs: must have {steps} steps, as the network was lowered with; got "
            f"{len(rows)}."
        )
    values = _values(network, source, rows)
    if len(values) < steps:
        values = _over_time(network, source, values, steps)
    return {source.name: values}, sets, steps


def _over_time(network: Network, source: Population, values: Array, steps: int) -> Array:
    """One step of input, repeated for those who listen at every step; else followed by silence."""
    repeated = not all(p.once for p in network.out_of(source.name))
    later = np.repeat(values if repeated else 0 * values, steps - 1, axis=0)
    return np.concatenate((values, later))


def _values(network: Network, source: Population, rows: Array) -> Array:
    """Spikes as whole numbers; real numbers as such, or on the grid of a quantised network."""
    neuron = source.neuron
    if isinstance(neuron, Source) and neuron.real:
        if not np.isfinite(rows).all():
            raise ArgumentError(
                f"emulate.inputs: {source.name} sends finite numbers; got "
                f"{rows[~np.isfinite(rows)].flat[0]:g}."
            )
        if network.quantised is not None:
            scale = network.quantised.input_scale.get(source.name, 1.0)
            most = float(np.abs(rows).max(initial=0.0))
            if most >= scale * _MOST_SPIKES:
                raise ArgumentError(
                    f"emulate.inputs: {source.name} sends numbers below {scale * _MOST_SPIKES:g} "
                    f"when quantised; got {most:g}. Scale the inputs as in training."
                )
            return to_grid(rows, scale)
        return rows.astype(np.float64)
    if isinstance(neuron, Source) and neuron.binary and np.any(rows > 1):
        raise ArgumentError(
            f"emulate.inputs: {source.name} sends binary spikes, since a maximum reads them; got "
            f"{rows.max():g}. Clip the counts, or have the model take averages."
        )
    wrong = ~((np.floor(rows) == rows) & (rows >= 0) & (rows < _MOST_SPIKES))
    if wrong.any():
        raise ArgumentError(
            f"emulate.inputs: {source.name} sends spikes, whole numbers of 0 to "
            f"{_MOST_SPIKES - 1}; got {rows[wrong].flat[0]:g}. Encode them, or lower with an "
            "example of real numbers."
        )
    return rows.astype(np.int32)


def _source(network: Network) -> Population | None:
    found = [p for p in network.populations if isinstance(p.neuron, Source)]
    if len(found) > 1:
        names = ", ".join(p.name for p in found)
        raise ArgumentError(f"Network.populations: must have one source at most; got {names}.")
    return found[0] if found else None


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__
