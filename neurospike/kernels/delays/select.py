"""Choose how a delay layer is computed: spread delays in torch, whole ones event by event."""

from __future__ import annotations

from torch import Tensor

from neurospike.functional.delays import DelayRule
from neurospike.kernels.delays.autograd import Convolve


def convolve(x: Tensor, weight: Tensor, delay: Tensor, rule: DelayRule) -> Tensor:
    """(T, B, in), (out, in, taps), delays that broadcast to them -> (T + tail, B, out)."""
    y: Tensor = Convolve.apply(x, weight, delay, rule)  # type: ignore[no-untyped-call]
    return y
