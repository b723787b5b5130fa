"""The demonstration on a chip: a trained network emulated on Loihi 1 as the chip's integers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neurospike import viz
from neurospike.errors import ChipLimitError
from neurospike.hw.counts import energy
from neurospike.train.chip_energy import energy_on_chips
from neurospike.train.chip_energy_page import page_of
from neurospike.train.chip_samples import Options

CHIP = "loihi1_sanafe"
SAMPLES = 8


@dataclass(frozen=True)
class ChipDemo:
    """A network on Loihi 1, per inference, by SANA-FE's prices.

    Attributes
    ----------
    energy_pj, low_pj, high_pj
        Energy of operations, and its range where sources disagree.
    total_pj
        With the power of the idle chip over that time.
    latency_s
        Time.
    accuracy
        Of the chip's integers, on the few samples that were emulated.
    cores, least_cores
        Used, and what no placement can do without.
    page
        The page with every layer, count and source.
    """

    energy_pj: float
    low_pj: float
    high_pj: float
    total_pj: float
    latency_s: float
    accuracy: float
    cores: int
    least_cores: int
    page: str

    @property
    def facts(self) -> dict[str, str]:
        """For the report."""
        return {
            "energy on Loihi 1": f"{energy(self.energy_pj)} ({energy(self.low_pj)} .. "
            f"{energy(self.high_pj)})",
            "with the idle chip": energy(self.total_pj),
            "latency on Loihi 1": f"{1e3 * self.latency_s:.2f} ms",
            "cores": f"{self.cores}, and no placement needs fewer than {self.least_cores}",
            "layer by layer": f"{Path(self.page).name}, beside this page",
        }


def run_on_chip(checkpoint: str | Path, page: Path) -> ChipDemo:
    """Emulate some test samples and write the page.

    Cost
    ----
    Seconds.
    """
    options = Options(quantise=True, against=("ann-twin", "quantised-twin"))
    found = energy_on_chips(checkpoint, [CHIP], samples=SAMPLES, options=options)
    viz.chip_page(page_of(found, Path(checkpoint).name), page)
    (one,) = found.chips
    report, placement = one.report, None if one.trace is None else one.trace.placement
    if report is None or placement is None or report.latency_s is None or report.total_pj is None:
        raise ChipLimitError(f"demo: the network must fit {CHIP}; got {one.refused or 'no time'}.")
    return ChipDemo(
        energy_pj=report.energy_pj.nominal,
        low_pj=report.energy_pj.low,
        high_pj=report.energy_pj.high,
        total_pj=report.total_pj.nominal,
        latency_s=report.latency_s.nominal,
        accuracy=found.accuracy[1]["accuracy"],
        cores=placement.cores,
        least_cores=placement.lower_bound,
        page=str(page),
    )
