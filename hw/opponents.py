"""A spiking network beside conventional ones on one machine, fair in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from neurospike.hw.contests import Contest, Entrant
from neurospike.hw.conventions import CONVENTIONS
from neurospike.hw.counter import count_by
from neurospike.hw.machine import Format, access_pj, float32, integers
from neurospike.hw.trace import Trace
from neurospike.hw.twin import ann_twin
from neurospike.hw.workloads import Layer, Workload, workload

SPIKING = "spiking"


def _float_access_pj(size_bytes: float) -> float:
    return access_pj(32, 8 * size_bytes)


_MACHINE = replace(CONVENTIONS["lemaire"], name="machine", access_pj=_float_access_pj)
"""Lemaire's formulas pay a whole access for 32 bits, beyond DRAM's price too; here neighbours share
the 64 bits of one, and DRAM is the dearest, as on the spiking side."""


def contest(
    trace: Trace,
    inputs: Any = None,
    *,
    model: nn.Module | None = None,
    modules: Mapping[str, tuple[nn.Module, Any]] | None = None,
    weight_bits: int = 8,
    state_bits: int = 16,
    counting: Mapping[str, Any] | None = None,
) -> Contest:
    """Put a spiking network and conventional ones on one machine, on the same samples.

    All pay for arithmetic, and for what products and events read and write, by the size of the
    memory; additions and activations between them work in registers. All have the same weights, the
    same widths of sums, and no other reuse than registers give. The quantised twin's activations
    have ceil(log2(T * D + 1)) bits, T steps of D spikes; it runs densely, or visits only what is
    not zero, as the spiking network does: both are listed. What no source prices (making voxels,
    building their index, sending the input) stands beside it and is the same for both.

    Parameters
    ----------
    trace
        What the spiking network did.
    inputs
        The samples: for networks on voxels, and for ``model``.
    model
        The torch model; with it its ANN twin in float32 is an opponent.
    modules
        Name -> (any torch module, its inputs): opponents in float32, such as a CNN or a ViT.
    weight_bits, state_bits
        Widths of the integers, on both sides; those of a quantised network hold.
    counting
        Keyword arguments of ``count`` for ``inputs``.

    Raises
    ------
    UncountedLayerError
        As ``count``.

    Cost
    ----
    Two replays, and a counted forward pass for each opponent in float32.

    Source
    ------
    arXiv:2409.08290 (the opponent's width, and one memory system for both); Lemaire et al. 2022
    (memory by size). Departures: integers, reads of 64 bits shared by neighbours, and the opponent
    skips zeros too.
    """
    work = workload(trace, inputs)
    if trace.network.quantised is not None:
        weight_bits = trace.network.quantised.weight_bits
        state_bits = trace.network.quantised.membrane_bits
    small = integers(weight_bits, state_bits)
    opponents = [
        _twin(work, small, skipping=False),
        _twin(work, small, skipping=True),
    ]
    if model is not None:
        opponents.append(conventional("ANN twin", ann_twin(model), inputs, counting or {}))
    for name, (module, own) in (modules or {}).items():
        opponents.append(conventional(name, module, own))
    return Contest(
        spiking=_spiking(work, small),
        spiking_float=_spiking(work, float32()),
        opponents=tuple(opponents),
        density=work.density,
        lookups=work.lookups,
        outside=work.outside,
    )


def _spiking(work: Workload, form: Format) -> Entrant:
    """Event by event: a spike is read, then each of its synapses reads a weight and updates a sum;
    every neuron is read and written once a step."""
    arithmetic = memory = events = 0.0
    for layer in work.layers:
        if layer.real:
            own, moved = _dense(layer, form, layer.synops)
        else:
            own = layer.synops * form.add_pj
            state = layer.targets * layer.lag * form.state_bits
            moved = layer.synops * (_weight(layer, form) + 2 * access_pj(form.state_bits, state))
            moved += 2 * layer.events * _event_pj(layer)  # written once, read once
            events += own + moved
        arithmetic, memory = arithmetic + own, memory + moved
    for width, steps in work.updates.values():
        arithmetic += steps * (form.leak_pj + form.add_pj)
        memory += 2 * steps * access_pj(form.state_bits, width * form.state_bits)
    arithmetic += work.adds[0] * form.add_pj
    operations = sum(layer.synops for layer in work.layers)
    return Entrant(SPIKING, form.name, operations, arithmetic, memory, events)


def _twin(work: Workload, form: Format, *, skipping: bool) -> Entrant:
    """Layer by layer with integer activations, each output written once."""
    arithmetic = memory = events = 0.0
    for layer in work.layers:
        if skipping and not layer.real:
            own = layer.skipping * (form.product_pj(layer.bits) + form.add_pj)
            state = access_pj(form.state_bits, layer.targets * layer.lag * form.state_bits)
            moved = layer.skipping * (_weight(layer, form) + 2 * state)
            moved += 2 * layer.nonzero * _event_pj(layer, layer.bits)
            events += own + moved
            moved += layer.targets * layer.passes * state
        else:
            own, moved = _dense(layer, form, layer.dense)
        arithmetic, memory = arithmetic + own, memory + moved
    # Every sum is rescaled and clipped to an activation.
    outputs = sum(steps for _, steps in work.updates.values()) / work.steps
    arithmetic += outputs * (form.leak_pj + form.add_pj) + work.adds[1] * form.add_pj
    operations = sum(
        layer.skipping if skipping and not layer.real else layer.dense for layer in work.layers
    )
    name = "quantised twin, skipping zeros" if skipping else "quantised twin"
    return Entrant(name, form.name, operations, arithmetic, memory, events)


def _dense(layer: Layer, form: Format, products: float) -> tuple[float, float]:
    """A product reads a weight and an activation; sums stay in registers until written."""
    width = form.input_bits if layer.real else form.width(layer.bits)
    sources = layer.sources * layer.lag * width
    each = _weight(layer, form) + access_pj(width, sources)
    wide = form.state_bits if layer.out_bits is None else form.width(layer.out_bits)
    out = access_pj(wide, layer.targets * wide)
    arithmetic = products * (form.product_pj(width) + form.add_pj)
    return arithmetic, products * each + layer.targets * layer.passes * out


def _weight(layer: Layer, form: Format) -> float:
    return access_pj(form.weight_bits, layer.weights * form.weight_bits)


def _event_pj(layer: Layer, value_bits: int = 0) -> float:
    """Energy of one access to an event: its address, and its value where it has one."""
    address = max(int(layer.sources) - 1, 1).bit_length()
    return access_pj(address + value_bits, layer.sources * layer.bits)


def conventional(
    name: str, module: nn.Module, inputs: Any, counting: Mapping[str, Any] | None = None
) -> Entrant:
    """Any torch module in float32, dense: Lemaire's accesses at this machine's prices.

    Raises
    ------
    UncountedLayerError
        As ``count``, whose keyword arguments ``counting`` are.
    """
    counts = count_by(_MACHINE, module, inputs, **(counting or {}))
    form = float32()
    arithmetic = counts.macs * (form.multiply_pj + form.add_pj)
    arithmetic += (counts.acs + counts.synops) * form.add_pj
    memory = sum(layer.memory_pj for layer in counts.layers)
    return Entrant(name, form.name, counts.macs, arithmetic, memory)
