"""A bill in the making: rows priced, counts left over, and the rule against counting twice."""

from __future__ import annotations

from dataclasses import dataclass, field

from neurospike.errors import ArgumentError
from neurospike.hw.chip import Chip
from neurospike.hw.figures import Price
from neurospike.hw.pricing.charges import Element, find_price
from neurospike.hw.pricing.interval import Interval
from neurospike.hw.pricing.report import Row

SILENT = {"events", "hits", "spikes", "saturations", "accesses"}
"""Counts that tell something but are no work of their own."""

NOT_HELD = {
    "graded_synops",
    "macs",
    "probes",
    "index_reads",
    "marks",
    "adds",
    "messages",
    "chip_crossings",
}
"""What no figure of a whole chip holds: the networks it was measured on had none of it."""


@dataclass
class Bill:
    """Rows of a report, and what found no price.

    Attributes
    ----------
    chip, samples
        Whose prices, and how many inferences share the counts.
    rows
        As in ``Report``.
    unpriced, around
        Counts without a price, on the chip and around it.
    used
        Name of a price -> the price, of the rows.
    """

    chip: Chip
    samples: int
    rows: list[Row] = field(default_factory=list)
    unpriced: dict[str, float] = field(default_factory=dict)
    around: dict[str, float] = field(default_factory=dict)
    used: dict[str, Price] = field(default_factory=dict)

    def charge(self, element: Element) -> None:
        """Price what the chip has prices for; what it has none for is left over."""
        found = [
            (item, *priced)
            for item in element.charges
            if element.counts.get(item.cause) and (priced := find_price(self.chip.prices, item))
        ]
        covered = {cause for _, _, price in found for cause in price.covers}
        if any(item.cause == "accesses" for item, _, _ in found):
            covered.add("idle")
        for item, name, price in found:
            if item.cause not in covered:
                n = element.counts[item.cause]
                self.add(element, item.cause, item.group, n, f"prices.{name}", price)
        self.leave(element, covered | {item.cause for item, _, _ in found})

    def add(
        self, element: Element, cause: str, group: str, n: float, key: str, price: Price
    ) -> None:
        """Add one row."""
        self.used[key] = price
        each = Interval.of(price)
        count = n / self.samples
        self.rows.append(
            Row(element.name, element.type, cause, group, count, key, each, each * count)
        )

    def leave(self, element: Element, settled: set[str]) -> None:
        """Note counts that have no price."""
        silent = set(SILENT)
        if not {"updates", "idle"} & {name for name, n in element.counts.items() if n}:
            silent.discard("accesses")  # nothing else speaks for these neurons
        for name, n in element.counts.items():
            if n and name not in settled | silent:
                bucket = self.around if element.type == "outside" else self.unpriced
                bucket[name] = bucket.get(name, 0.0) + n / self.samples

    def left(self) -> dict[str, float]:
        """Counts without a price; an all-in figure holds all that happens on the chip."""
        if not self.whole:
            return self.unpriced | self.around
        return {name: n for name, n in self.unpriced.items() if name in NOT_HELD} | self.around

    @property
    def whole(self) -> bool:
        """Whether a price holds all that the chip spends."""
        return any(price.scope == "all_in" for price in self.used.values())

    def check_scopes(self) -> None:
        """Refuse a sum of a figure that holds everything with figures that hold a part."""
        whole = [key for key, price in self.used.items() if price.scope == "all_in"]
        if whole and len(self.used) > 1:
            others = ", ".join(key for key in self.used if key != whole[0])
            remedy = (
                "use convention='affine'"
                if self.chip.affine
                else "take one of them out of the file"
            )
            raise ArgumentError(
                f"price.chip: {whole[0]} of {self.chip.name} is an all-in figure, everything the "
                f"chip spends shared out, and is never summed with a part; got {others} too; "
                f"{remedy}."
            )

    def sensitivity(self) -> dict[str, float]:
        """Energy that each price moves: over its range, or without one over +-10 %."""
        moved: dict[str, float] = {}
        for row in self.rows:
            energy = row.energy_pj
            swing = energy.high - energy.low if energy.ranges else 0.2 * energy.nominal
            moved[row.price] = moved.get(row.price, 0.0) + swing
        return moved
