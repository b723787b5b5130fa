"""Hold an emulation against torch: real numbers layer by layer, integers end to end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from neurospike.errors import ArgumentError
from neurospike.hw.emulation import emulate
from neurospike.hw.network import Network
from neurospike.hw.neuron_models import fires
from neurospike.hw.origins import tensors_in
from neurospike.hw.quantising import integer_twin, quantise
from neurospike.hw.quantising.widths import Bits, widths_of
from neurospike.hw.recording import Array, evaluated_copy, record, single_samples
from neurospike.hw.verification import Row, Verification
from neurospike.sparse import VoxelTensor

USUAL_BITS = (8, 24)
"""Widths of weights and membranes where none are given: Loihi's."""


def verify(
    model: nn.Module, network: Network, inputs: Any, *, bits: Bits | None = None
) -> Verification:
    """Compare emulation and torch on samples, neuron by neuron and step by step.

    Real numbers: each population decides on the torch model's own input spikes, so that one
    flipped spike is one difference and not a cascade. Integers: the quantised emulation runs on
    its own spikes, and must give those of ``integer_twin``.

    Parameters
    ----------
    model
        The torch model, in the precision that it is to be held against.
    network
        What ``lower`` made of it.
    inputs
        What the model takes, a batch or a list of them.
    bits
        A chip, or (weight_bits, membrane_bits); (8, 24) unless given.

    Raises
    ------
    ArgumentError
        A network that is quantised, or of another model.

    Cost
    ----
    Three runs of the model a sample, one of them with Python loops over time.

    Examples
    --------
    >>> import torch
    >>> from neurospike import hw, nn as snn
    >>> _ = torch.manual_seed(0)
    >>> model = snn.SpikingSequential(torch.nn.Linear(8, 16), snn.LIF(tau=2.0)).eval()
    >>> x = (torch.rand(20, 2, 8) < 0.3).float()
    >>> verify(model, hw.lower(model, x), x).passed
    True
    """
    if network.quantised is not None:
        raise ArgumentError(
            "verify.network: must hold real numbers, which it quantises itself; got one of "
            f"{network.quantised.weight_bits} bits. Give the lowered network, and bits."
        )
    samples = single_samples(network, inputs)
    widths = widths_of(USUAL_BITS if bits is None else bits)
    given = (widths.weight, widths.membrane)
    floats = _compare_floats(model, network, samples)
    try:
        whole = quantise(network, given)
        twin = integer_twin(model, whole)
    except ArgumentError as refusal:
        return Verification(len(samples), floats, (), *given, refused=str(refusal))
    integers, saturations = _compare_integers(twin, whole, samples)
    return Verification(len(samples), floats, integers, *given, saturations=saturations)


def _compare_floats(model: nn.Module, network: Network, samples: list[Any]) -> tuple[Row, ...]:
    reference = evaluated_copy(model)
    firing = [p.name for p in network.populations if fires(p.neuron)]
    rows = _Rows()
    for sample in samples:
        sent, _ = record(reference, network, sample)
        forced = {name: sent[name] for name in firing if name in sent}
        trace = emulate(network, sample, forced=forced)
        for name, expected in forced.items():
            different = int(np.count_nonzero(_spikes(trace, name) != expected))
            distance = float(np.max(trace.margin[name], initial=0.0))
            rows.add(Row(name, expected.size, different, distance))
    return rows.all()


def _compare_integers(
    twin: nn.Module, network: Network, samples: list[Any]
) -> tuple[tuple[Row, ...], int]:
    quantised = network.quantised
    scale = {} if quantised is None else quantised.scale
    rows, saturations = _Rows(), 0
    for sample in samples:
        sent, output = record(twin, network, in_float64(sample))
        trace = emulate(network, sample)
        saturations += trace.total("saturations")
        for name, values in sent.items():
            # A readout's membranes come out of torch in real units.
            unit = 1.0 if fires(network.population(name).neuron) else scale[name]
            different = int(np.count_nonzero(_spikes(trace, name) * unit != values))
            rows.add(Row(name, values.size, different))
        last = _output_row(trace.output[0], output)
        if last.compared:
            rows.add(last)
    return rows.all(), saturations


def _output_row(emulated: Array, output: Any) -> Row:
    """What the host reads; a mean may end in another last bit. Grids are left out."""
    values = next(tensors_in(output))
    expected = values.numpy().reshape(-1)
    if values.ndim > 3 or expected.size != emulated.size:
        return Row("(output)", 0, 0)
    near = np.isclose(emulated.reshape(-1), expected, rtol=1e-12, atol=0.0)
    return Row("(output)", expected.size, int(np.count_nonzero(~near)))


class _Rows:
    """Rows of several samples, added up by population."""

    def __init__(self) -> None:
        self.found: dict[str, Row] = {}

    def add(self, row: Row) -> None:
        before = self.found.get(row.population, Row(row.population, 0, 0))
        self.found[row.population] = replace(
            row,
            compared=row.compared + before.compared,
            different=row.different + before.different,
            distance=max(row.distance, before.distance),
        )

    def all(self) -> tuple[Row, ...]:
        return tuple(self.found.values())


def in_float64(x: Any) -> Any:
    """The same sample in the precision in which integers are exact."""
    return x.replace(x.features.double()) if isinstance(x, VoxelTensor) else x.double()


def _spikes(trace: Any, name: str) -> Array:
    values = trace.spikes[name]
    found: Array = values[0] if isinstance(values, list) else values
    return found
