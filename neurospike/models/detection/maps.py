"""What a detector says of every anchor, before it is read as boxes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NUMBERS = 10
"""Numbers of an anchor: a logit, seven residuals, two logits of the direction."""


@dataclass(frozen=True, eq=False)
class Maps:
    """Raw outputs on the bird's-eye grid (X, Y); anchors A are classes times two yaws.

    Attributes
    ----------
    numbers
        (B, A * 10, X, Y): of each anchor a logit, seven residuals and two logits of directions.
    """

    numbers: Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """Cells (X, Y) of the grid."""
        return self.numbers.shape[2], self.numbers.shape[3]

    @property
    def logits(self) -> Tensor:
        """(B, A, X, Y), of the anchor's own class against nothing; a view, as the other two."""
        return self._each()[:, :, 0]

    @property
    def boxes(self) -> Tensor:
        """(B, A, 7, X, Y) residuals: x, y, z, log length, log width, log height, yaw."""
        return self._each()[:, :, 1:8]

    @property
    def directions(self) -> Tensor:
        """(B, A, 2, X, Y) logits: which half of the circle the box looks along."""
        return self._each()[:, :, 8:]

    def rows(self) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (B, X*Y*A), residuals (B, X*Y*A, 7) and directions (B, X*Y*A, 2), by cell."""
        batch, channels, x, y = self.numbers.shape
        anchors = x * y * channels // NUMBERS
        each = torch.movedim(self.numbers, 1, -1).reshape(batch, anchors, NUMBERS)
        return each[..., 0], each[..., 1:8], each[..., 8:]

    def _each(self) -> Tensor:
        return self.numbers.reshape(len(self.numbers), -1, NUMBERS, *self.shape)
