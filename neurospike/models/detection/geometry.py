"""The grids that a detector goes through, from its range and its strides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neurospike.encoders import Voxelizer
from neurospike.errors import ArgumentError
from neurospike.sparse.active_set import Shape3


@dataclass(frozen=True)
class Geometry:
    """Grids of a detector.

    Attributes
    ----------
    voxel_size, point_range
        Edges of a voxel, and the range, in metres.
    spatial_shape, padded_shape
        Edges of the grid that scans come on, and of the one that the stages halve without losing
        a plane, in voxels.
    height, fine_height
        Planes at the end of the 3D backbone, and of its last stage but one.
    enlarge
        Cells of the output along an edge, for each cell of the 3D backbone's last grid.
    cell
        Edges (x, y) of a cell of the output, in metres.
    """

    voxel_size: tuple[float, ...]
    point_range: tuple[float, ...]
    spatial_shape: Shape3
    padded_shape: Shape3
    height: int
    fine_height: int
    enlarge: int
    cell: tuple[float, float]

    @classmethod
    def of(
        cls,
        voxel_size: Sequence[float],
        point_range: Sequence[float],
        *,
        stages: int,
        scales: int,
        output_stride: int | None,
    ) -> Geometry:
        """The grids of so many stages, and of so many scales of the bird's-eye view.

        Raises
        ------
        ArgumentError
            No range, one too low for the stages, or a stride that is neither the last stage's nor
            half of it.
        """
        voxelizer = Voxelizer(tuple(voxel_size), tuple(point_range))
        edges, limits = voxelizer.voxel_size, voxelizer.point_range or ()
        x, y, z = voxelizer.spatial_shape or (1, 1, 1)
        stride = 2**stages
        enlarge = _enlarged(stride, output_stride)
        multiple = stride * 2 ** (scales - 1)
        height = (planes(z + 1, stages) - 3) // 2 + 1
        if height < 1:
            raise ArgumentError(
                f"e3dsnn_detector.voxel_size: {z} voxels of height are too few for {stages} "
                f"stages; got edges {edges} m. Use lower voxels or fewer stages."
            )
        return cls(
            edges,
            limits,
            (x, y, z),
            (-(-x // multiple) * multiple, -(-y // multiple) * multiple, z + 1),
            height,
            planes(z + 1, stages - 1),
            enlarge,
            (stride // enlarge * edges[0], stride // enlarge * edges[1]),
        )


def planes(z: int, stages: int) -> int:
    """Planes of height that are left of ``z`` after so many stages."""
    for _ in range(stages):
        z = (z - 1) // 2 + 1
    return z


def _enlarged(stride: int, output_stride: int | None) -> int:
    if output_stride is None or output_stride == stride:
        return 1
    if output_stride * 2 != stride:
        raise ArgumentError(
            f"e3dsnn_detector.output_stride: must be {stride}, or {stride // 2} for finer cells; "
            f"got {output_stride}."
        )
    return 2
