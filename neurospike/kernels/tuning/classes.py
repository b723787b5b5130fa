"""Sizes in classes: a table with a row for every number of voxels would never be filled."""

from __future__ import annotations


def shape_class(rows: int) -> int:
    """The smallest power of two that is not below ``rows``; 0 for none.

    Examples
    --------
    >>> [shape_class(rows) for rows in (0, 1, 1000, 1024, 1025)]
    [0, 1, 1024, 1024, 2048]
    """
    return 1 << (rows - 1).bit_length() if rows > 0 else 0


def density_class(density: float) -> int:
    """The tenth that a share of non-zero values lies in: 0 below 0.1, up to 9.

    Examples
    --------
    >>> [density_class(density) for density in (0.0, 0.05, 0.1, 0.29, 0.3, 1.0)]
    [0, 0, 1, 2, 3, 9]
    """
    # 0.3 * 10 is 3.0, but 0.7 * 10 falls short of 7 by one bit; a millionth is below any effect.
    return max(0, min(9, int(density * 10 + 1e-6)))
