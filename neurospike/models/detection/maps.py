"""What a detector says of every anchor, before it is read as boxes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

NUMBERS = 10
"""Numbers of an anchor: a logit, seven residuals, two logits of the direction."""


class Maps(NamedTuple):
    """Raw outputs on the bird's-eye grid (X, Y); anchors A are classes times two yaws.

    Attributes
    ----------
    logits
        (B, A, X, Y), of the anchor's own class against nothing.
    boxes
        (B, A, 7, X, Y) residuals of x, y, z, log length, log width, log height and yaw.
    directions
        (B, A, 2, X, Y) logits: whether the box looks along the anchor's half of the circle.
    """

    logits: Tensor
    boxes: Tensor
    directions: Tensor

    @classmethod
    def split(cls, numbers: Tensor) -> Maps:
        """The maps in a tensor (B, A * 10, X, Y) of a head; views, nothing is copied."""
        batch, channels, x, y = numbers.shape
        each = numbers.reshape(batch, channels // NUMBERS, NUMBERS, x, y)
        return cls(each[:, :, 0], each[:, :, 1:8], each[:, :, 8:10])

    def rows(self) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (B, X*Y*A), residuals (B, X*Y*A, 7), directions (B, X*Y*A, 2), by cell."""
        batch = self.logits.shape[0]
        return (
            torch.movedim(self.logits, 1, -1).reshape(batch, -1),
            self.boxes.permute(0, 3, 4, 1, 2).reshape(batch, -1, 7),
            self.directions.permute(0, 3, 4, 1, 2).reshape(batch, -1, 2),
        )
