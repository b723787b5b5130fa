"""The pair lists of one kernel map, as raw tensors that every backend reads."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Rules:
    """Which input row meets which output row at each kernel offset.

    Parameters
    ----------
    inputs, outputs
        int32 (P,), the pairs of offset 0, then of offset 1, and so on. Within an offset both
        columns ascend strictly: a fixed offset maps ascending sites to ascending sites.
    bounds
        int64 (K + 1,) on the CPU: offset k owns pairs ``bounds[k]:bounds[k + 1]``.
    n_in, n_out
        Rows of the input and of the output features.
    """

    __slots__ = ("_derived", "bounds", "inputs", "n_in", "n_out", "outputs")

    def __init__(
        self, inputs: Tensor, outputs: Tensor, bounds: Tensor, *, n_in: int, n_out: int
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.bounds = bounds
        self.n_in = n_in
        self.n_out = n_out
        self._derived: dict[str, Any] = {}

    @property
    def volume(self) -> int:
        """Kernel offsets, K."""
        return self.bounds.shape[0] - 1

    @property
    def pairs(self) -> int:
        """Pairs of all offsets together, P."""
        return self.inputs.shape[0]

    def at(self, offset: int) -> tuple[Tensor, Tensor]:
        """int32 input rows and output rows of one kernel offset, ascending."""
        low, high = int(self.bounds[offset]), int(self.bounds[offset + 1])
        return self.inputs[low:high], self.outputs[low:high]

    def transposed(self) -> Rules:
        """The same pairs with the two sides exchanged; no copy, since both columns ascend."""
        turned: Rules = self.derived(
            "transposed",
            lambda: Rules(self.outputs, self.inputs, self.bounds, n_in=self.n_out, n_out=self.n_in),
        )
        return turned

    def fan_in(self) -> Tensor:
        """int64 (n_out,) pairs that end in each output row."""
        return torch.bincount(self.outputs, minlength=self.n_out)

    def fan_out(self) -> Tensor:
        """int64 (n_in,) pairs that start from each input row."""
        return torch.bincount(self.inputs, minlength=self.n_in)

    def derived(self, name: str, build: Any) -> Any:
        """What a backend worked out from the lists once, such as its tiles."""
        if name not in self._derived:
            self._derived[name] = build()
        return self._derived[name]
