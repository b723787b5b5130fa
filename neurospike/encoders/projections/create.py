"""Projections by name."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from neurospike.encoders.projections.birds_eye import BirdsEye
from neurospike.encoders.projections.dense_voxels import DenseVoxels
from neurospike.encoders.projections.depth_views import DepthViews
from neurospike.encoders.projections.mosaic import Mosaic
from neurospike.encoders.projections.point_patches import PointPatches
from neurospike.encoders.projections.point_set import PointSet
from neurospike.encoders.projections.projection import Projection
from neurospike.encoders.projections.range_image import RangeImage
from neurospike.encoders.projections.sequence_image import SequenceImage
from neurospike.errors import ArgumentError

_KNOWN: dict[str, type[Projection]] = {
    "birds-eye": BirdsEye,
    "depth": DepthViews,
    "mosaic": Mosaic,
    "patches": PointPatches,
    "points": PointSet,
    "range": RangeImage,
    "sequence": SequenceImage,
    "voxels": DenseVoxels,
}


def projection_names() -> list[str]:
    """What ``create_projection`` knows, in order."""
    return sorted(_KNOWN)


def create_projection(name: str, *, size: int | Sequence[int], **options: Any) -> Projection:
    """A projection by name.

    Parameters
    ----------
    name
        One of ``projection_names()``.
    size
        Height and width of the images, or both in one number; of "points", how many; of
        "patches", patches and points in each.
    options
        Of the projection's own.

    Raises
    ------
    ArgumentError
        An unknown name, an option that the projection has not, or a value that it cannot take.

    Examples
    --------
    >>> depth = create_projection("depth", size=48, views=["front", "top"])
    >>> depth.reads, depth.channels, depth.size
    ('points', 2, (48, 48))
    """
    if name not in _KNOWN:
        raise ArgumentError(
            f"create_projection.name: must be one of {', '.join(projection_names())}; got {name!r}."
        )
    kind: Any = _KNOWN[name]
    try:
        inspect.signature(kind).bind(size, **options)
    except TypeError as error:
        known = ", ".join(p for p in inspect.signature(kind).parameters if p != "size")
        raise ArgumentError(f"create_projection: {name}: {error}; it has {known}.") from error
    made: Projection = kind(size, **options)
    return made
