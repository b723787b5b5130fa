"""What networks spend on one machine, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from neurospike.errors import ArgumentError
from neurospike.hw.counts import align, energy, number


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
                    "arithmetic": _interval(one.arithmetic_pj),
                    "memory": _interval(one.memory_pj),
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


def mean_contest(found: Sequence[Contest]) -> Contest:
    """The mean of contests of the same entrants, one a sample.

    Raises
    ------
    ArgumentError
        None at all, or with other entrants.
    """
    names = {tuple(one.name for one in each.opponents) for each in found}
    if len(names) != 1:
        raise ArgumentError(
            f"mean_contest.found: must be one or more, of the same opponents; got {sorted(names)}."
        )
    keys = dict.fromkeys(key for each in found for key in each.outside)
    return Contest(
        spiking=_mean([each.spiking for each in found]),
        spiking_float=_mean([each.spiking_float for each in found]),
        opponents=tuple(
            _mean(parts) for parts in zip(*(each.opponents for each in found), strict=True)
        ),
        density=fmean(each.density for each in found),
        lookups=(fmean(e.lookups[0] for e in found), fmean(e.lookups[1] for e in found)),
        outside={key: fmean(each.outside.get(key, 0.0) for each in found) for key in keys},
    )


def _mean(parts: Sequence[Entrant]) -> Entrant:
    return replace(
        parts[0],
        operations=fmean(one.operations for one in parts),
        arithmetic_pj=fmean(one.arithmetic_pj for one in parts),
        memory_pj=fmean(one.memory_pj for one in parts),
        event_pj=fmean(one.event_pj for one in parts),
    )


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
