"""A spiking network beside its ANN twin, counted on the same inputs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from torch import nn

from neurospike.hw.counter import ConventionName, count
from neurospike.hw.counts import Counts, LayerCount, align, energy, number
from neurospike.hw.twin import RecurrentReLU, ann_twin
from neurospike.nn import RecurrentDelay


@dataclass(frozen=True)
class Comparison:
    """Two counts of one topology on one input.

    Attributes
    ----------
    spiking, twin
        Counts of the network, and of its copy with ReLU, by one convention.
    """

    spiking: Counts
    twin: Counts

    @property
    def ratio(self) -> float:
        """Energy of the twin over energy of the spiking network: above 1 where spikes save."""
        own = self.spiking.energy_pj
        return self.twin.energy_pj / own if own else float("inf")

    @property
    def spike_density(self) -> float:
        """Share of non-zero numbers in what the neurons sent; 0 without neurons."""
        return self.spiking.spike_density

    def table(self) -> str:
        """Aligned text: each layer that does something, spiking and as a twin."""
        header = (
            "layer", "type", "input", "density", "synop", "MAC", "AC", "energy",
            "twin MAC", "twin energy", "twin / own", "note",
        )  # fmt: skip
        twins = {_key(layer): layer for layer in self.twin.layers}
        rows = [
            _row(layer, twins.get(_key(layer)))
            for layer in self.spiking.layers
            if layer.macs or layer.acs or layer.synops
        ]
        own, other = self.spiking, self.twin
        density = f"{100 * self.spike_density:.1f} %"
        last = (
            "total", "per sample", "", density, number(own.synops), number(own.macs),
            number(own.acs), energy(own.energy_pj), number(other.macs), energy(other.energy_pj),
            f"{self.ratio:.2f}", "",
        )  # fmt: skip
        note = (
            f"convention {own.convention}, mean of {own.batch_size} sample(s); energy of "
            f"arithmetic alone (MAC 4.6 pJ, AC and synop 0.9 pJ); {number(own.updates)} neuron "
            "updates unpriced"
        )
        return f"{align(header, rows, last)}\n{note}"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        return {
            "ratio": self.ratio,
            "spike_density": self.spike_density,
            "spiking": self.spiking.to_dict(),
            "twin": self.twin.to_dict(),
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """One JSON document."""
        return json.dumps(self.to_dict(), indent=indent)


def compare(
    model: nn.Module,
    inputs: Any,
    *,
    convention: ConventionName = "exact",
    batch_dim: int = 0,
    inputs_are_spikes: bool = False,
) -> Comparison:
    """Count a spiking network and its ANN twin on the same inputs.

    By the exact convention the twin's products are dense over what exists: every pair of a kernel
    map, every input of a dense layer, zero or not. Inputs that are events stay events for the
    twin too, whose first layer then adds as the spiking network's does.

    Parameters
    ----------
    model, inputs, convention, batch_dim, inputs_are_spikes
        As in ``count``.

    Raises
    ------
    UncountedLayerError, ArgumentError
        As ``count``.

    Cost
    ----
    Two counted forward passes and a deep copy.

    Examples
    --------
    >>> import torch
    >>> from neurospike import nn as snn
    >>> net = torch.nn.Sequential(snn.LIF(tau=2.0), torch.nn.Linear(3, 2, bias=False))
    >>> both = compare(net, torch.tensor([[[1.0, 0.0, 1.0]]]), batch_dim=1)
    >>> both.spiking.synops, both.twin.macs, round(both.ratio, 2)
    (4.0, 6.0, 7.67)
    """

    def counted(module: nn.Module) -> Counts:
        return count(module, inputs, convention, batch_dim, inputs_are_spikes=inputs_are_spikes)

    return Comparison(spiking=counted(model), twin=counted(ann_twin(model)))


_REPLACED = {RecurrentDelay.__name__: RecurrentReLU.__name__}
"""Layers of synapses that have another class in the twin."""


def _key(layer: LayerCount) -> tuple[str, str]:
    return layer.name, _REPLACED.get(layer.type, layer.type)


def _row(own: LayerCount, twin: LayerCount | None) -> tuple[str, ...]:
    macs = "" if twin is None else number(twin.macs)
    other = "" if twin is None else energy(twin.energy_pj)
    ratio = f"{twin.energy_pj / own.energy_pj:.2f}" if twin and own.energy_pj else ""
    return (
        own.name or "(root)",
        own.type,
        own.input,
        "" if own.density is None else f"{100 * own.density:.1f} %",
        number(own.synops),
        number(own.macs),
        number(own.acs),
        energy(own.energy_pj),
        macs,
        other,
        ratio,
        own.note,
    )
