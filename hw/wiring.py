"""Which site meets which: the address part of a projection, without weights.

A wiring says how; ``Pairs`` is what it gives for one sample, since voxels differ from sample to
sample. Whatever the wiring, an event at site p and channel c visits the pairs of p, and at each
pair (tap k, site q) meets the neurons q * C_out + o with the weights [c, k, o].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Edges: TypeAlias = tuple[int, ...]
Shape3 = tuple[int, int, int]


@dataclass(frozen=True)
class Level:
    """One set of occupied voxels: the input's own, or what a strided window makes of another.

    Attributes
    ----------
    shape
        Edges of the grid.
    parent
        Index of the finer level, or None for the input's.
    window
        Window from the parent to here; None for the input's.
    """

    shape: Shape3
    parent: int | None = None
    window: Window | None = None


@dataclass(frozen=True)
class Window:
    """A window on a grid, as ``torch.nn.functional.conv3d`` has it, one edge an axis.

    As a wiring: site p meets (p + padding - dilation * k) / stride where that divides and lies
    inside; between two dense grids, or between an occupied level and the level made from it.
    """

    kernel: Edges
    stride: Edges
    padding: Edges
    dilation: Edges


@dataclass(frozen=True)
class Transposed:
    """The pairs of a window with both sides exchanged: a transposed or an inverse convolution."""

    window: Window


@dataclass(frozen=True)
class Submanifold:
    """A centred window that meets occupied sites only."""

    kernel: Edges
    dilation: Edges


@dataclass(frozen=True)
class Pointwise:
    """Every site meets itself, at one tap."""


@dataclass(frozen=True)
class Whole:
    """Every site meets the one site of the target; the tap is the site's own index."""


@dataclass(frozen=True)
class Taps:
    """One site meets one site, several times: synapses with more than one delay."""

    count: int = 1


@dataclass(frozen=True)
class Pooled:
    """Sites are first moved to ``p // window`` of a coarser grid, then wired from there.

    A sum or a mean over windows that do not overlap is an address, not an operation; a mean's
    factor is in the weights. Sites beyond the last whole window have no pairs.
    """

    window: Edges
    then: Wiring


Wiring: TypeAlias = Window | Transposed | Submanifold | Pointwise | Whole | Taps | Pooled


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of every source site, in the order of the taps.

    Attributes
    ----------
    offsets
        int64 (source sites + 1,): site p owns the pairs ``offsets[p]:offsets[p + 1]``.
    tap, target
        int32 (P,): tap k and target site q of a pair.
    taps
        Taps of the wiring, occupied or not: the second axis of the weights.
    targets
        Sites of the target.
    visited
        int64 (source sites,): taps that fall inside the grid. An address generator visits these,
        whether something is there or not; dense wirings visit what they meet.
    """

    offsets: NDArray[np.int64]
    tap: NDArray[np.int32]
    target: NDArray[np.int32]
    taps: int
    targets: int
    visited: NDArray[np.int64]

    @property
    def sources(self) -> int:
        """Sites of the source."""
        return len(self.offsets) - 1
