"""What a verification found, row by row."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

MOST_PER_MILLION = 1.0
"""Neuron-steps of a million that may differ where sums are floats."""

CLOSEST = 1e-5
"""How far from its threshold a membrane may be whose spike differs."""


@dataclass(frozen=True)
class Row:
    """One population, or all of them.

    Attributes
    ----------
    population
        Its name.
    compared, different
        Neuron-steps, and how many of them differ.
    distance
        Largest distance of a differing membrane from what would have given the model's spike; 0
        where none differs, and where integers are compared.
    """

    population: str
    compared: int
    different: int
    distance: float = 0.0

    @property
    def per_million(self) -> float:
        """Differing neuron-steps of a million."""
        return 1e6 * self.different / self.compared if self.compared else 0.0


@dataclass(frozen=True)
class Verification:
    """How an emulation compares with torch.

    Attributes
    ----------
    samples
        Samples that were run.
    floats
        A row a population that fires: decisions of the emulator, in real numbers, on the torch
        model's own spikes, against those spikes.
    integers
        A row a population with neurons: the quantised emulation, on its own spikes from input to
        output, against the integer twin; membranes where it does not fire; what the host reads.
    weight_bits, membrane_bits
        Widths of the integers.
    saturations
        Currents and membranes that hit the end of their width, in the quantised emulation.
    refused
        Why the network has no integers, or "".
    """

    samples: int
    floats: tuple[Row, ...]
    integers: tuple[Row, ...]
    weight_bits: int
    membrane_bits: int
    saturations: int = 0
    refused: str = ""

    @property
    def floats_passed(self) -> bool:
        """At most one neuron-step of a million differs, each within 1e-5 of its threshold."""
        total = _total(self.floats)
        return (
            total.compared > 0
            and total.per_million <= MOST_PER_MILLION
            and total.distance <= CLOSEST
        )

    @property
    def integers_passed(self) -> bool:
        """Every spike of the quantised emulation is the integer twin's."""
        total = _total(self.integers)
        return total.compared > 0 and total.different == 0

    @property
    def passed(self) -> bool:
        """Both facts hold."""
        return self.floats_passed and self.integers_passed

    def table(self) -> str:
        """Both comparisons as text, a line a population."""
        width = max(len(row.population) for row in (*self.floats, *self.integers, _total(())))
        numbers = f"{'compared':>13} {'different':>10}"
        lines = [
            f"Real numbers, layer by layer on the torch model's own spikes ({self._samples}):",
            f"{'':{width}} {numbers} {'a million':>10} {'distance':>9}",
            *(_float_line(row, width) for row in (*self.floats, _total(self.floats))),
            f"{_verdict(self.floats_passed)}: at most {MOST_PER_MILLION:g} of a million differs, "
            f"each within {CLOSEST:g} of its threshold.",
            "",
        ]
        if self.refused:
            return "\n".join([*lines, f"No integers: {self.refused}"])
        return "\n".join(
            [
                *lines,
                f"Integers of {self.weight_bits} bits, membranes of {self.membrane_bits}, from "
                "input to output, against integer torch:",
                f"{'':{width}} {numbers}",
                *(_integer_line(row, width) for row in (*self.integers, _total(self.integers))),
                f"{_verdict(self.integers_passed)}: spike for spike. Saturated: "
                f"{self.saturations}.",
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and dicts, for JSON."""
        return {
            "passed": self.passed,
            "samples": self.samples,
            "float": {
                "passed": self.floats_passed,
                "total": _as_dict(_total(self.floats)),
                "populations": [_as_dict(row) for row in self.floats],
            },
            "quantised": {
                "passed": self.integers_passed,
                "weight_bits": self.weight_bits,
                "membrane_bits": self.membrane_bits,
                "saturations": self.saturations,
                "refused": self.refused,
                "total": _as_dict(_total(self.integers)),
                "populations": [_as_dict(row) for row in self.integers],
            },
        }

    @property
    def _samples(self) -> str:
        return f"{self.samples} sample{'' if self.samples == 1 else 's'}"


def _total(rows: tuple[Row, ...]) -> Row:
    return Row(
        "all",
        sum(row.compared for row in rows),
        sum(row.different for row in rows),
        max((row.distance for row in rows), default=0.0),
    )


def _as_dict(row: Row) -> dict[str, Any]:
    return {**asdict(row), "per_million": row.per_million}


def _float_line(row: Row, width: int) -> str:
    return f"{_integer_line(row, width)} {row.per_million:10.3g} {row.distance:9.2g}"


def _integer_line(row: Row, width: int) -> str:
    return f"{row.population:{width}} {row.compared:13,} {row.different:10,}"


def _verdict(passed: bool) -> str:
    return "Passed" if passed else "FAILED"
