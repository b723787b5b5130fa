"""Anchors: boxes of each class's usual size, at every cell of the bird's-eye grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neurospike.errors import ArgumentError

YAWS = (0.0, math.pi / 2)
"""Every class has an anchor along x and one along y."""


@dataclass(frozen=True)
class Anchor:
    """Usual box of a class, in metres, and the overlaps at which anchors are trained.

    Attributes
    ----------
    size
        Length, width, height.
    z
        Height of the centre in the LiDAR frame.
    positive, negative
        Overlap with an object from which on an anchor stands for it, and below which it stands
        for nothing; anchors between the two are not trained.
    """

    size: tuple[float, float, float]
    z: float
    positive: float
    negative: float


KITTI_ANCHORS: dict[str, Anchor] = {
    "Car": Anchor((3.9, 1.6, 1.56), -1.0, positive=0.6, negative=0.45),
    "Pedestrian": Anchor((0.8, 0.6, 1.73), -0.6, positive=0.5, negative=0.35),
    "Cyclist": Anchor((1.76, 0.6, 1.73), -0.6, positive=0.5, negative=0.35),
}
"""Anchors for scans of KITTI: Yan et al., SECOND, Sensors 2018, 18(10), 3337."""


@dataclass(frozen=True)
class AnchorGrid:
    """Where anchors stand: cells of a grid, one class after the other, two yaws each.

    Attributes
    ----------
    anchors
        One a class, in the order of the network's outputs.
    origin
        Low corner (x, y) of the grid, in metres.
    cell
        Edges (x, y) of a cell, in metres; anchors stand at the centres of cells.
    """

    anchors: tuple[Anchor, ...]
    origin: tuple[float, float]
    cell: tuple[float, float]

    @classmethod
    def of_classes(
        cls, classes: Sequence[str], origin: tuple[float, float], cell: tuple[float, float]
    ) -> AnchorGrid:
        """The grid for named classes.

        Raises
        ------
        ArgumentError
            A class without anchor, or no class.
        """
        unknown = [name for name in classes if name not in KITTI_ANCHORS]
        if unknown or not classes:
            raise ArgumentError(
                f"e3dsnn_detector.classes: must be among {', '.join(KITTI_ANCHORS)}, one or more; "
                f"got {', '.join(unknown) or 'none'}. Register an anchor in "
                "models.detection.KITTI_ANCHORS for a class of your own."
            )
        return cls(tuple(KITTI_ANCHORS[name] for name in classes), origin, cell)

    @property
    def per_cell(self) -> int:
        """Anchors of a cell."""
        return len(self.anchors) * len(YAWS)

    def centres(self, axis: int, cells: int) -> Tensor:
        """float64 (cells,): centres of the cells along x (0) or y (1), in metres."""
        places = torch.arange(cells, dtype=torch.float64)
        return self.origin[axis] + (places + 0.5) * self.cell[axis]

    def boxes(self, rows: Tensor, shape: tuple[int, int]) -> Tensor:
        """float32 (N, 7) boxes of the anchors with these numbers, (x * Y + y) * A + anchor.

        Parameters
        ----------
        rows
            int64 (N,) numbers of anchors.
        shape
            Cells (X, Y) of the grid.
        """
        kinds = torch.tensor(
            [(*a.size, yaw, a.z) for a in self.anchors for yaw in YAWS],
            dtype=torch.float64,
            device=rows.device,
        )
        cell = rows // self.per_cell
        kind = kinds[rows % self.per_cell]
        x = self.origin[0] + ((cell // shape[1]) + 0.5) * self.cell[0]
        y = self.origin[1] + ((cell % shape[1]) + 0.5) * self.cell[1]
        columns = [x.double()[:, None], y.double()[:, None], kind[:, 4:], kind[:, :4]]
        return torch.cat(columns, 1).float()
