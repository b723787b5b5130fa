"""The prices that the counting conventions share."""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass(frozen=True)
class OperationPrices:
    """Energy of one arithmetic operation, in pJ, and where the numbers come from."""

    name: str
    mac_pj: float
    ac_pj: float
    source: str
    evidence: str

    def energy_pj(self, *, macs: float, accumulations: float) -> float:
        """Energy of so many multiply-accumulates and so many plain accumulations."""
        return self.mac_pj * macs + self.ac_pj * accumulations


HOROWITZ45 = OperationPrices(
    name="horowitz45",
    mac_pj=4.6,
    ac_pj=0.9,
    source=(
        "M. Horowitz, ISSCC 2014, 45 nm at 0.9 V: float32 add 0.9 pJ, float32 multiply 3.7 pJ; "
        "a MAC is one of each"
    ),
    evidence="estimated",
)

MEMORY_BYTES_PJ = ((0.0, 0.0), (8192.0, 10.0), (32768.0, 20.0), (1048576.0, 100.0))
"""Energy of one access against the size of the memory: Horowitz's table, linear in between."""


def memory_access_pj(size_bytes: float) -> float:
    """Energy of one access to a memory of ``size_bytes``, in pJ.

    Linear between the listed sizes, and beyond the last one along its last line.

    Source
    ------
    Lemaire et al., "An Analytical Estimation of Spiking Neural Networks Energy Efficiency",
    ICONIP 2022, on Horowitz's SRAM figures.

    Examples
    --------
    >>> memory_access_pj(4096), memory_access_pj(20480), memory_access_pj(2**20)
    (5.0, 15.0, 100.0)
    """
    lines = itertools.pairwise(MEMORY_BYTES_PJ)
    (low, low_pj), (high, high_pj) = next(
        (line for line in lines if size_bytes <= line[1][0]), MEMORY_BYTES_PJ[-2:]
    )
    return low_pj + (high_pj - low_pj) * (size_bytes - low) / (high - low)
