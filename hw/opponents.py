"""A spiking network beside conventional ones on one machine, fair in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from neurospike.hw.counter import count
from neurospike.hw.counts import align, energy, number
from neurospike.hw.machine import Format, access_pj, bits_of, float32, integers
from neurospike.hw.trace import Trace
from neurospike.hw.twin import ann_twin
from neurospike.hw.workloads import Layer, Workload, workload

SPIKING = "spiking"


@dataclass(frozen=True)
class Entrant:
    """One network on the machine, per inference.

    Attributes
    ----------
    name, numbers
        Which network, in which number format.
    operations
        Multiply-accumulations or event-driven accumulations.
    arithmetic_pj, memory_pj
        Energy of arithmetic, and of reads and writes.
    event_pj
        The part of both that grows with the spikes.
    """

    name: str
    numbers: str
    operations: float
    arithmetic_pj: float
    memory_pj: float
    event_pj: float = 0.0

    @property
    def energy_pj(self) -> float:
        """Arithmetic and memory, in pJ."""
        return self.arithmetic_pj + self.memory_pj

    @property
    def fixed_pj(self) -> float:
        """What is spent however few spikes there are."""
        return self.energy_pj - self.event_pj


@dataclass(frozen=True)
class Contest:
    """A spiking network and its opponents on the machine of ``horowitz45``, per inference.

    Attributes
    ----------
    spiking, spiking_float
        The network itself, in integers and in float32.
    opponents
        Integers against integers, float32 against float32.
    density
        Spikes over the most there could be: neurons x steps x spikes a step.
    lookups
        Look-ups of voxels while running, of the spiking network and of its quantised twin; not
        priced.
    outside
        What both sides need around the network, in the same numbers; not priced.
    """

    spiking: Entrant
    spiking_float: Entrant
    opponents: tuple[Entrant, ...]
    density: float
    lookups: tuple[float, float] = (0.0, 0.0)
    outside: dict[str, float] = field(default_factory=dict)

    def own(self, opponent: Entrant) -> Entrant:
        """The spiking network in the numbers of an opponent."""
        return self.spiking_float if opponent.numbers == "float32" else self.spiking

    def ratio(self, opponent: Entrant) -> float:
        """Energy of the opponent over the spiking network's: above 1 where spikes save."""
        own = self.own(opponent).energy_pj
        return opponent.energy_pj / own if own else float("inf")

    def break_even(self, opponent: Entrant) -> float | None:
        """The density at which both cost the same; None where there is none within 0..1.

        The event-driven parts grow with the density; everything else stays.
        """
        own = self.own(opponent)
        slope = own.event_pj - opponent.event_pj
        gap = opponent.fixed_pj - own.fixed_pj
        if not self.density or slope <= 0 or gap < 0:
            return None
        found = self.density * gap / slope
        return found if found <= 1 else None

    def table(self) -> str:
        """Aligned text."""
        header = ("network", "numbers", "operations", "arithmetic", "memory", "energy",
                  "times spiking", "break-even density")  # fmt: skip
        own = [_row(entrant, "", "") for entrant in (self.spiking, self.spiking_float)]
        others = [_row(one, f"{self.ratio(one):.2f}", self._verdict(one)) for one in self.opponents]
        *rows, last = [*own, *others]
        return "\n".join([align(header, rows, last), *self.notes()])

    def notes(self) -> list[str]:
        """What the numbers stand on."""
        lines = [
            f"measured spike density {100 * self.density:.3g} %; one machine for all: arithmetic "
            "and memory by size at 45 nm (Horowitz 2014), evidence: estimated"
        ]
        if self.outside:
            listed = ", ".join(f"{number(n)} {name}" for name, n in self.outside.items())
            lines.append(f"on both sides alike, without a price: {listed}")
        if any(self.lookups):
            spiking, twin = (number(n) for n in self.lookups)
            lines.append(f"look-ups of voxels, without a price: {spiking} spiking, {twin} twin")
        return lines

    def rows(self) -> list[dict[str, Any]]:
        """Rows for a page."""
        found = []
        for one in (self.spiking, self.spiking_float, *self.opponents):
            against = one in self.opponents
            found.append(
                {
                    "name": one.name if one.numbers != "float32" else f"{one.name}, float32",
                    "numbers": one.numbers,
                    "operations": one.operations,
                    "arithmetic": energy(one.arithmetic_pj),
                    "memory": energy(one.memory_pj),
                    "energy": _interval(one.energy_pj),
                    "times spiking": self.ratio(one) if against else None,
                    "break-even density": self._verdict(one) if against else "",
                }
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON."""
        return {
            "density": self.density,
            "entrants": [
                {
                    "name": one.name,
                    "numbers": one.numbers,
                    "operations": one.operations,
                    "arithmetic_pj": one.arithmetic_pj,
                    "memory_pj": one.memory_pj,
                    "event_pj": one.event_pj,
                    "energy_pj": one.energy_pj,
                    "ratio": self.ratio(one) if one in self.opponents else None,
                    "break_even_density": self.break_even(one) if one in self.opponents else None,
                }
                for one in (self.spiking, self.spiking_float, *self.opponents)
            ],
            "lookups": {"spiking": self.lookups[0], "quantised_twin": self.lookups[1]},
            "outside": self.outside,
        }

    def _verdict(self, opponent: Entrant) -> str:
        found = self.break_even(opponent)
        if found is not None:
            return f"{100 * found:.3g} %"
        return "spiking saves at any" if self.ratio(opponent) > 1 else "opponent saves at any"


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

    All pay for arithmetic and for every read and write, by the size of the memory it goes to; all
    have the same weights, the same widths of sums, and no other reuse than registers give. The
    quantised twin's activations have ceil(log2(T * D + 1)) bits, T steps of D spikes; it runs
    densely, or visits only what is not zero, as the spiking network does: both are listed. What
    no source prices (making voxels, building their index, sending the input) stands beside it and
    is the same for both.

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
    bits = bits_of(work.steps, work.depth)
    small = integers(weight_bits, state_bits, bits)
    opponents = [
        _twin(work, small, skipping=False),
        _twin(work, small, skipping=True),
    ]
    if model is not None:
        opponents.append(_counted("ANN twin", ann_twin(model), inputs, counting or {}))
    for name, (module, own) in (modules or {}).items():
        opponents.append(_counted(name, module, own, {}))
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
            moved += 2 * layer.events * _event_pj(layer, work)  # written once, read once
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
            own = layer.skipping * (form.multiply_pj + form.add_pj)
            state = access_pj(form.state_bits, layer.targets * form.state_bits)
            moved = layer.skipping * (_weight(layer, form) + 2 * state)
            moved += 2 * layer.nonzero * _event_pj(layer, work, form.activation_bits)
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
    width = form.input_bits if layer.real else form.activation_bits
    multiply = form.input_multiply_pj if layer.real else form.multiply_pj
    sources = layer.sources * layer.lag * width
    each = _weight(layer, form) + access_pj(width, sources)
    out = access_pj(form.activation_bits, layer.targets * form.activation_bits)
    return products * (multiply + form.add_pj), products * each + layer.targets * layer.passes * out


def _weight(layer: Layer, form: Format) -> float:
    return access_pj(form.weight_bits, layer.weights * form.weight_bits)


def _event_pj(layer: Layer, work: Workload, value_bits: int = 0) -> float:
    """Energy of one access to an event: its address, and its value where it has one."""
    address = max(int(layer.sources) - 1, 1).bit_length()
    held = layer.sources * bits_of(work.steps, work.depth)
    return access_pj(address + value_bits, held)


def _counted(name: str, module: nn.Module, inputs: Any, counting: Mapping[str, Any]) -> Entrant:
    """Any torch module in float32, dense, by the accesses of Lemaire's formulas."""
    counts = count(module, inputs, "lemaire", **counting)
    form = float32()
    arithmetic = counts.macs * (form.multiply_pj + form.add_pj)
    arithmetic += (counts.acs + counts.synops) * form.add_pj
    # Those formulas pay a whole access for 32 bits; here neighbours share the 64 of one.
    memory = sum(layer.memory_pj for layer in counts.layers) / 2
    return Entrant(name, form.name, counts.macs, arithmetic, memory)


def _row(one: Entrant, ratio: str, verdict: str) -> tuple[str, ...]:
    return (
        one.name,
        one.numbers,
        number(one.operations),
        energy(one.arithmetic_pj),
        energy(one.memory_pj),
        energy(one.energy_pj),
        ratio,
        verdict,
    )


def _interval(value: float) -> dict[str, Any]:
    return {"low": value, "nominal": value, "high": value, "evidence": "estimated"}
