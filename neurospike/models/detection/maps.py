"""What a detector says of every anchor, before it is read as boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from neurospike.sparse import VoxelTensor

if TYPE_CHECKING:
    from neurospike.models.detection.proposals import Proposals

NUMBERS = 10
"""Numbers of an anchor: a logit, seven residuals, two logits of the direction."""

WITH_OVERLAP = NUMBERS + 1
"""The same, and a logit of the overlap of the anchor's box with its object."""


@dataclass(frozen=True, eq=False)
class Maps:
    """Raw outputs on the bird's-eye grid (X, Y); anchors A are classes times two yaws.

    Attributes
    ----------
    numbers
        (B, A * each, X, Y): of each anchor a logit, seven residuals, two logits of directions,
        and perhaps a logit of its overlap.
    each
        Numbers of an anchor, 10 or 11.
    stages
        Membranes of the 3D backbone that a second stage looks at; empty without one.
    refined
        What the second stage has found, in evaluation mode; None otherwise.
    """

    numbers: Tensor
    each: int = NUMBERS
    stages: tuple[VoxelTensor, ...] = ()
    refined: Proposals | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Cells (X, Y) of the grid."""
        return self.numbers.shape[2], self.numbers.shape[3]

    @property
    def logits(self) -> Tensor:
        """(B, A, X, Y), of the anchor's own class against nothing; a view, as the other two."""
        return self._anchors()[:, :, 0]

    @property
    def boxes(self) -> Tensor:
        """(B, A, 7, X, Y) residuals: x, y, z, log length, log width, log height, yaw."""
        return self._anchors()[:, :, 1:8]

    @property
    def directions(self) -> Tensor:
        """(B, A, 2, X, Y) logits: which half of the circle the box looks along."""
        return self._anchors()[:, :, 8:10]

    def rows(self) -> Tensor:
        """(B, N, each): a row an anchor, numbered (x * Y + y) * A + anchor; a view."""
        batch, channels, x, y = self.numbers.shape
        anchors = x * y * channels // self.each
        return torch.movedim(self.numbers, 1, -1).reshape(batch, anchors, self.each)

    def _anchors(self) -> Tensor:
        return self.numbers.reshape(len(self.numbers), -1, self.each, *self.shape)
