"""Points on the surface of a triangle mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import DataError


def sample_surface(
    vertices: NDArray[np.float64],
    triangles: NDArray[np.int64],
    count: int,
    *,
    rng: np.random.Generator,
    name: str = "mesh",
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw ``count`` points, uniform by area, with the unit normals of their faces.

    Shape
    -----
    out: points (count, 3), normals (count, 3)

    Raises
    ------
    DataError
        A mesh without area; ``name`` says which.

    Cost
    ----
    O(triangles + count log triangles).

    Examples
    --------
    >>> corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    >>> rng = np.random.default_rng(0)
    >>> points, normals = sample_surface(corners, np.array([[0, 1, 2]]), 5, rng=rng)
    >>> points.shape, normals[0].tolist()
    ((5, 3), [0.0, 0.0, 1.0])
    """
    corner = vertices[triangles[:, 0]]
    first = vertices[triangles[:, 1]] - corner
    second = vertices[triangles[:, 2]] - corner
    normals = np.cross(first, second)
    areas = np.sqrt(np.einsum("ij,ij->i", normals, normals))
    ends = np.cumsum(areas)
    if not len(ends) or not np.isfinite(ends[-1]) or ends[-1] <= 0:
        raise DataError(
            f"sample_surface: {name}: needs a surface; got {len(triangles)} faces without area; "
            "leave this file out or repair it"
        )
    # `right`, so that a face without area, an empty interval, is never chosen.
    chosen = np.searchsorted(ends, rng.random(count) * ends[-1], side="right")
    chosen = np.minimum(chosen, np.flatnonzero(areas)[-1])
    u, v = rng.random((2, count, 1))
    # Fold the far half of the parallelogram back into the triangle.
    far = u + v > 1
    u, v = np.where(far, 1 - u, u), np.where(far, 1 - v, v)
    points = corner[chosen] + u * first[chosen] + v * second[chosen]
    units = normals[chosen] / areas[chosen, None]
    return points.astype(np.float32), units.astype(np.float32)
