"""The pairs of one kernel map, as raw tensors that every backend reads."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Rules:
    """Which input row meets which output row at each kernel offset.

    They are kept as lists of pairs, which CPU kernels walk, or as a table of neighbours, which GPU
    kernels read; each is made from the other when it is first asked for.

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

    __slots__ = (
        "__weakref__",
        "_derived",
        "_pairs",
        "_table",
        "_turn",
        "_turned_from",
        "mirrored",
        "n_in",
        "n_out",
        "volume",
    )

    def __init__(
        self, inputs: Tensor, outputs: Tensor, bounds: Tensor, *, n_in: int, n_out: int
    ) -> None:
        self._pairs: tuple[Tensor, Tensor, Tensor] | None = (inputs, outputs, bounds)
        self._table: Tensor | None = None
        self._turn: Callable[[Tensor], Tensor] | None = None
        self._turned_from: weakref.ref[Rules] | None = None
        self.mirrored = False
        self.volume = bounds.shape[0] - 1
        self.n_in = n_in
        self.n_out = n_out
        self._derived: dict[str, Any] = {}

    @classmethod
    def from_table(
        cls,
        table: Tensor,
        *,
        n_in: int,
        turn: Callable[[Tensor], Tensor] | None = None,
        mirrored: bool = False,
    ) -> Rules:
        """Rules of a table of neighbours, int32 (K, n_out); pairs are listed when asked for.

        ``turn`` makes the table (K, n_in) of the exchanged sides, if there is a quicker way to it
        than torch's. ``mirrored`` says that where row a meets row b at one offset, b meets a at the
        opposite one, counted from the last: exchanged, offsets change places and rows do not.
        """
        made = cls.__new__(cls)
        made._pairs, made._table = None, table
        made._turn, made._turned_from = turn, None
        made.mirrored = mirrored
        made.volume, made.n_out = table.shape
        made.n_in = n_in
        made._derived = {}
        return made

    @property
    def inputs(self) -> Tensor:
        """int32 (P,) input rows, offset by offset."""
        return self._lists()[0]

    @property
    def outputs(self) -> Tensor:
        """int32 (P,) output rows, offset by offset."""
        return self._lists()[1]

    @property
    def bounds(self) -> Tensor:
        """int64 (K + 1,) on the CPU: where each offset's pairs begin and end."""
        return self._lists()[2]

    @property
    def pairs(self) -> int:
        """Pairs of all offsets together, P; of a table they are counted at the first call."""
        if self._pairs is None:
            counted: int = self.derived("pairs", lambda: int((self.table() >= 0).sum()))
            return counted
        return self.inputs.shape[0]

    def at(self, offset: int) -> tuple[Tensor, Tensor]:
        """int32 input rows and output rows of one kernel offset, ascending."""
        inputs, outputs, bounds = self._lists()
        low, high = int(bounds[offset]), int(bounds[offset + 1])
        return inputs[low:high], outputs[low:high]

    @property
    def has_table(self) -> bool:
        """Whether ``table`` is there, and need not be made of the pairs first."""
        return self._table is not None

    def table(self) -> Tensor:
        """int32 (K, n_out): the input row that each output meets at each offset, or -1.

        On the device of the pairs; nothing is read back from there.
        """
        if self._table is None:
            inputs, outputs, bounds = self._lists()
            self._table = inputs.new_full((self.volume, self.n_out), -1)
            tap = torch.arange(self.volume).repeat_interleave(bounds.diff()).to(inputs.device)
            self._table[tap, outputs.long()] = inputs
        return self._table

    def transposed(self) -> Rules:
        """The same pairs with the two sides exchanged; lists are not copied: both ascend."""
        before = None if self._turned_from is None else self._turned_from()
        if before is not None:
            return before
        turned: Rules = self.derived("transposed", self._transposed)
        turned._turned_from = weakref.ref(self)
        return turned

    def fan_in(self) -> Tensor:
        """int64 (n_out,) pairs that end in each output row."""
        if self._pairs is None:
            return (self.table() >= 0).sum(0)
        return torch.bincount(self.outputs, minlength=self.n_out)

    def fan_out(self) -> Tensor:
        """int64 (n_in,) pairs that start from each input row."""
        if self._pairs is None:
            return self.transposed().fan_in()
        return torch.bincount(self.inputs, minlength=self.n_in)

    def derived(self, name: str, build: Any) -> Any:
        """What a backend worked out from the pairs once, such as its tiles."""
        if name not in self._derived:
            self._derived[name] = build()
        return self._derived[name]

    def _lists(self) -> tuple[Tensor, Tensor, Tensor]:
        if self._pairs is None:
            table = self.table()
            tap, outputs = (table >= 0).nonzero(as_tuple=True)
            ends = (table >= 0).sum(1).cumsum(0).cpu()
            bounds = torch.cat([ends.new_zeros(1), ends])
            self._pairs = table[tap, outputs], outputs.int(), bounds
        return self._pairs

    def _transposed(self) -> Rules:
        if self._pairs is not None:
            inputs, outputs, bounds = self._pairs
            return Rules(outputs, inputs, bounds, n_in=self.n_out, n_out=self.n_in)
        table = self.table()
        if self.mirrored:
            return Rules.from_table(table.flip(0), n_in=self.n_out, mirrored=True)
        if self._turn is not None:
            return Rules.from_table(self._turn(table), n_in=self.n_out)
        # A column beside the last takes what has no neighbour, so that nothing need be counted.
        turned = table.new_full((self.volume, self.n_in + 1), -1)
        rows = torch.arange(self.n_out, device=table.device, dtype=table.dtype)
        target = torch.where(table < 0, self.n_in, table).long()
        turned.scatter_(1, target, rows.expand_as(table))
        return Rules.from_table(turned[:, :-1].contiguous(), n_in=self.n_out)
