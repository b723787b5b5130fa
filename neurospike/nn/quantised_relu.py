"""A rectifier with a few levels: what conventional networks in small integers compute."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from neurospike.errors import ArgumentError
from neurospike.nn.relu import ReLU
from neurospike.sparse.voxel_tensor import VoxelTensor


class QuantisedReLU(ReLU):
    """Rectify, cut off, and round to evenly spaced levels, halves up; streams as ``ReLU``.

    The gradient is 1 within the range and 0 outside. Over one time step from rest,
    ``QuantisedReLU(D, ceiling=D)`` is what ``ILIF(D)`` computes: the same numbers, paid for as
    products instead of events.

    Parameters
    ----------
    levels
        Steps between 0 and the ceiling: 4 bits are 15.
    ceiling
        Largest output.

    Shape
    -----
    in, out: any tensor, or a VoxelTensor
    state: ()

    Raises
    ------
    ArgumentError
        levels below 1, a ceiling that is not above 0.

    Source
    ------
    Choi et al. 2018, arXiv:1805.06085. Departure: the ceiling is given, not learnt; it lies where
    numbers that a BatchNorm has scaled rarely reach.

    Examples
    --------
    >>> import torch
    >>> QuantisedReLU(levels=8)(torch.tensor([-1.0, 0.3, 0.8, 9.0])).tolist()
    [0.0, 0.5, 1.0, 4.0]
    """

    def __init__(self, levels: int, ceiling: float = 4.0) -> None:
        super().__init__()
        if not isinstance(levels, int) or levels < 1:
            raise ArgumentError(
                f"QuantisedReLU.levels: must be a whole number, 1 or more; got {levels!r}."
            )
        if not ceiling > 0:
            raise ArgumentError(f"QuantisedReLU.ceiling: must be above 0; got {ceiling}.")
        self.levels = levels
        self.ceiling = float(ceiling)

    def forward(self, x: Any) -> Any:
        """Rectify and round every number."""
        if isinstance(x, VoxelTensor):
            return x.replace(self._rounded(x.features))
        return self._rounded(x)

    def _rounded(self, x: Tensor) -> Tensor:
        within = x.clamp(0.0, self.ceiling)
        unit = self.ceiling / self.levels
        rounded = (within.detach() / unit + 0.5).floor() * unit
        # The difference is exactly 0: only the gradient goes through it.
        return rounded + (within - within.detach())

    def extra_repr(self) -> str:
        """What the representation shows."""
        return f"levels={self.levels}, ceiling={self.ceiling}"
