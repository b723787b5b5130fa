"""Where the camera is: LiDAR points and boxes in its frame, in its image, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurospike.datasets.calibration_files import (
    IMAGE_SIZE,
    SHAPES,
    calibration_text,
    read_calibration,
)
from neurospike.datasets.camera_boxes import image_boxes, wrapped
from neurospike.datasets.objects import Floats, Objects
from neurospike.errors import ArgumentError, DataError
from neurospike.files import write_atomically


@dataclass(frozen=True)
class Calibration:
    """The left colour camera of a KITTI frame, as seen from the LiDAR.

    Parameters
    ----------
    p2
        (3, 4) projection of the rectified frame into the image, in pixels.
    r0_rect
        (3, 3) rotation that rectifies the reference camera.
    tr_velo_to_cam
        (3, 4) LiDAR to reference camera, in metres.
    image_size
        Width and height in pixels.

    Raises
    ------
    ArgumentError
        Another shape, a value that is not finite, a turn that is no rotation, no image.

    Source
    ------
    Geiger et al., Are we ready for autonomous driving?, CVPR 2012; the benchmark's readme.

    Examples
    --------
    >>> calibration = Calibration.typical()
    >>> calibration.to_camera([[10.0, 0.0, 0.0]]).round(2).tolist()
    [[0.0, -0.08, 9.73]]
    >>> calibration.in_image([[10.0, 0.0, 0.0], [-10.0, 0.0, 0.0]]).tolist()
    [True, False]
    """

    p2: Floats
    r0_rect: Floats
    tr_velo_to_cam: Floats
    image_size: tuple[int, int] = IMAGE_SIZE

    def __post_init__(self) -> None:
        for name, shape in SHAPES.items():
            object.__setattr__(self, name, _matrix(name, getattr(self, name), shape))
        try:
            width, height = (index(edge) for edge in self.image_size)
        except (TypeError, ValueError):
            width = height = 0
        if width < 1 or height < 1:
            raise ArgumentError(
                "Calibration.image_size: width and height, whole numbers of at least 1; got "
                f"{self.image_size!r}"
            )
        object.__setattr__(self, "image_size", (width, height))
        for name in ("r0_rect", "tr_velo_to_cam"):
            turn = getattr(self, name)[:, :3]
            # Published matrices have seven digits and more.
            if np.abs(turn).max() > 1.01 or np.abs(turn @ turn.T - np.eye(3)).max() > 0.01:
                raise ArgumentError(
                    f"Calibration.{name}: must turn, not stretch or flatten; got rows that are no "
                    "right angles of length 1; check the order of the values"
                )

    @classmethod
    def typical(cls, image_size: tuple[int, int] = IMAGE_SIZE) -> Calibration:
        """KITTI's rig without its small tilts, for scans that were never photographed.

        The camera looks along x, 0.27 m ahead of the LiDAR and 0.08 m below it.

        Source
        ------
        Geiger et al., Vision meets robotics, IJRR 2013, figure 3; focal length of frame 000001.
        """
        width, height = image_size
        p2 = [[721.5377, 0, width / 2, 0], [0, 721.5377, height / 2, 0], [0, 0, 1, 0]]
        axes = [[0, -1, 0, 0], [0, 0, -1, -0.08], [1, 0, 0, -0.27]]
        return cls(np.array(p2), np.eye(3), np.array(axes, dtype=np.float64), image_size)

    @classmethod
    def read(cls, path: str | Path, image_size: tuple[int, int] | None = None) -> Calibration:
        """A ``calib`` file of the object, tracking or odometry benchmark.

        Parameters
        ----------
        image_size
            Width and height; unless given, the file's own line of it (see ``write``), then the
            size that KITTI's images of this focal length have, then ``IMAGE_SIZE``.

        Raises
        ------
        DataError
            A file that is missing, or a matrix in it that is missing, cut short or no numbers.
        """
        path = Path(path)
        matrices, size = read_calibration(path)
        try:
            return cls(**matrices, image_size=image_size or size)
        except ArgumentError as error:
            raise DataError(f"Calibration.read: {path}: {error}") from error

    def write(self, path: str | Path) -> None:
        """Write a ``calib`` file that this and others' tools read; equal bits come back.

        One camera is known: P0, P1 and P3 repeat P2, and Tr_imu_to_velo is the identity. A size
        that the focal length does not tell has a line of its own at the end, which others skip.

        Raises
        ------
        DataError
            A place that cannot be written.
        """
        write_atomically(
            path,
            calibration_text(self.p2, self.r0_rect, self.tr_velo_to_cam, self.image_size),
        )

    def to_camera(self, points: ArrayLike) -> Floats:
        """LiDAR points (N, 3 or more) in the rectified camera's frame: (N, 3), metres.

        That frame has x to the right, y down and z ahead.
        """
        return _moved(self._to_camera, _points("to_camera", points))

    def to_lidar(self, points: ArrayLike) -> Floats:
        """Points (N, 3 or more) of the rectified camera's frame as the LiDAR sees them: (N, 3)."""
        return _moved(self._to_lidar, _points("to_lidar", points))

    def project(self, points: ArrayLike) -> tuple[Floats, Floats]:
        """LiDAR points (N, 3 or more) in the image: pixels (N, 2), depths (N,) in metres.

        Pixels mean something where the depth is positive.
        """
        projected = self._projected("project", points)
        depth = projected[:, 2]
        safe = np.where(depth == 0, np.finfo(np.float64).tiny, depth)
        with np.errstate(over="ignore", invalid="ignore"):
            return projected[:, :2] / safe[:, None], depth

    def in_image(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Mask (N,) of the LiDAR points (N, 3 or more) ahead of the camera and inside its image.

        Points that are not finite are outside.

        Cost
        ----
        6 ms for 120,000 points.
        """
        across, down, depth = self._projected("in_image", points).T
        width, height = self.image_size
        # Multiplied instead of divided: a depth of zero needs no care.
        return np.asarray(
            (depth > 0)
            & (across >= 0)
            & (across < width * depth)
            & (down >= 0)
            & (down < height * depth)
        )

    def boxes_to_lidar(self, objects: Objects) -> Floats:
        """Boxes (M, 7) of the LiDAR frame: centre, length, width, height, yaw.

        Centre and heading are those of the camera's box, moved and turned by the calibration.
        Common loaders take yaw = -rotation_y - pi/2 instead, which leaves the calibration's own
        turn out. The camera's vertical and the LiDAR's differ by up to a degree; a box is upright
        in the frame it is given in. Rows of regions mean nothing.
        """
        height, width, length = objects.dimensions.T
        middle = objects.location - np.stack([0 * height, height / 2, 0 * height], axis=1)
        ahead = np.stack([np.cos(objects.rotation_y), -np.sin(objects.rotation_y)])
        x, y = self._headings @ ahead
        yaw = np.arctan2(y, x)
        return np.column_stack([self.to_lidar(middle), length, width, height, yaw])

    def objects_of(
        self,
        boxes: ArrayLike,
        names: Sequence[str],
        scores: ArrayLike | None = None,
        *,
        occluded: ArrayLike | None = None,
        truncated: ArrayLike | None = None,
    ) -> Objects:
        """LiDAR boxes as the camera's objects; the inverse of ``boxes_to_lidar``.

        Parameters
        ----------
        boxes, names, scores
            (M, 7), (M,) and, for detections, (M,).
        occluded
            (M,) KITTI's levels; 0 unless given, of detections -1.
        truncated
            (M,); unless given the share of the 2D box outside the image, and 1 where nothing of
            it is inside.

        Shape
        -----
        out: M objects; their 2D boxes enclose the projected corners, clipped to the image, and
        are all zero where nothing is inside

        Raises
        ------
        ArgumentError
            Boxes of another shape, or arrays of other lengths.
        """
        table = np.asarray(boxes, dtype=np.float64)
        table = table if table.size else np.zeros((0, 7))
        if table.ndim != 2 or table.shape[1] != 7:
            raise ArgumentError(f"Calibration.objects_of.boxes: (M, 7); got {table.shape}")
        count = len(table)
        dimensions = table[:, [5, 4, 3]]
        location = self.to_camera(table[:, :3])
        location[:, 1] += dimensions[:, 0] / 2
        x, minus_z = np.linalg.solve(
            self._headings, np.stack([np.cos(table[:, 6]), np.sin(table[:, 6])])
        )
        turn = np.arctan2(-minus_z, x)
        inside, outside = image_boxes(location, dimensions, turn, self.p2, self.image_size)
        unseen = 0 if scores is None else -1
        return Objects(
            names=tuple(_column("names", list(names), count, object)),
            truncated=outside if truncated is None else _column("truncated", truncated, count),
            occluded=_column(
                "occluded", np.full(count, unseen) if occluded is None else occluded, count, int
            ),
            alpha=wrapped(turn - np.arctan2(location[:, 0], location[:, 2])),
            bbox=inside,
            dimensions=dimensions,
            location=location,
            rotation_y=turn,
            score=None if scores is None else _column("scores", scores, count),
        )

    @property
    def _to_camera(self) -> Floats:
        """(4, 4), LiDAR to rectified camera."""
        rectify, move = np.eye(4), np.eye(4)
        rectify[:3, :3] = self.r0_rect
        move[:3] = self.tr_velo_to_cam
        return rectify @ move

    @property
    def _to_lidar(self) -> Floats:
        return np.asarray(np.linalg.inv(self._to_camera), dtype=np.float64)

    @property
    def _headings(self) -> Floats:
        """(2, 2), a level direction of the camera, as (x, z), in the LiDAR's x and y.

        Invertible, so that boxes return exactly; projecting either way would not.
        """
        return self._to_lidar[:2, [0, 2]]

    def _projected(self, verb: str, points: ArrayLike) -> Floats:
        whole = self.p2 @ self._to_camera
        return _points(verb, points) @ whole[:, :3].T + whole[:, 3]


def _moved(transform: Floats, points: Floats) -> Floats:
    return points @ transform[:3, :3].T + transform[:3, 3]


def _points(verb: str, points: ArrayLike) -> Floats:
    table = np.asarray(points)
    if table.ndim != 2 or table.shape[1] < 3:
        raise ArgumentError(
            f"Calibration.{verb}.points: (N, 3 or more), x, y and z first; got {table.shape}"
        )
    return table[:, :3].astype(np.float64)


def _matrix(name: str, values: ArrayLike, shape: tuple[int, int]) -> Floats:
    matrix = np.array(values, dtype=np.float64)
    if matrix.shape != shape or not np.isfinite(matrix).all():
        raise ArgumentError(
            f"Calibration.{name}: {shape} finite numbers; got {matrix.shape}, "
            f"{int((~np.isfinite(matrix)).sum())} of them not finite"
        )
    return matrix


def _column(name: str, values: ArrayLike, count: int, dtype: Any = np.float64) -> NDArray[Any]:
    column = np.array(values, dtype=np.int64 if dtype is int else dtype)
    if column.shape != (count,):
        raise ArgumentError(
            f"Calibration.objects_of.{name}: one of each for {count} boxes; got {column.shape}"
        )
    return column
