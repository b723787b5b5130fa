"""How kernels take a time constant."""

from __future__ import annotations

import math


def leak_of(tau: float) -> tuple[float, bool]:
    """(tau, divide by it) or (1 / tau, multiply); a power of two is exact both ways.

    Examples
    --------
    >>> leak_of(3.0), leak_of(4.0)
    ((3.0, True), (0.25, False))
    """
    return (1 / tau, False) if math.frexp(tau)[0] == 0.5 else (tau, True)
