"""Sizes in classes: a table with a row for every number of voxels would never be filled."""

from __future__ import annotations

import math

from neurospike.kernels.devices import power_of_two


def shape_class(rows: int) -> int:
    """The smallest power of two that is not below ``rows``; 0 for none.

    Examples
    --------
    >>> [shape_class(rows) for rows in (0, 1, 1000, 1024, 1025)]
    [0, 1, 1024, 1024, 2048]
    """
    return power_of_two(rows) if rows > 0 else 0


def density_class(density: float) -> int:
    """A share of non-zero values in per cent, as a power of two that is not below it; 0 for none.

    Classes are finest where spikes are few, which is where skipping zeros begins to pay.

    Examples
    --------
    >>> [density_class(density) for density in (0.0, 0.001, 0.02, 0.05, 0.3, 1.0)]
    [0, 1, 2, 8, 32, 128]
    """
    return shape_class(math.ceil(100 * density))
