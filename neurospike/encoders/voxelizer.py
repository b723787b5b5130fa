"""Point clouds into voxel tensors."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurospike.errors import ArgumentError
from neurospike.sparse import ActiveSet, VoxelTensor

Reduce = Literal["mean", "random", "first"]
Points = Tensor | NDArray[Any]

_log = logging.getLogger(__name__)

_KEY_LIMIT = 2**62
_EDGE_LIMIT = 2**31 - 1  # coordinates are int32
_SNAP = 1e-6  # a range this close to a whole number of voxels is one: 70.4 / 0.05


@dataclass(frozen=True)
class Voxelization:
    """What a voxeliser made of a cloud, with everything that it counted on the way."""

    voxels: VoxelTensor
    point_to_voxel: Tensor
    """int64 (N,): the row of each point's voxel, -1 where it has none."""
    counts: Tensor
    """int64 (V,): points in each voxel."""
    origin: Tensor
    """float64 (B, 3), metres: the corner of voxel (0, 0, 0) of each sample."""
    voxel_size_m: tuple[float, float, float]
    cropped: int
    """Finite points outside the range."""
    rejected: int
    """Points with a coordinate or feature that is not finite."""


class Voxelizer:
    """Gather points into voxels and reduce each voxel's points to one row of features.

    Parameters
    ----------
    voxel_size
        Edge of a voxel in metres, or the three edges along x, y and z.
    point_range
        (x_low, y_low, z_low, x_high, y_high, z_high) in metres; a point is kept where
        low <= xyz < high. Without it nothing is cropped, and each sample's origin is its own
        minimum, so that a sample's voxels do not depend on its companions in the batch.
    reduce
        "mean" of a voxel's points, or one of them: the "first" in order, or a "random" one.
    seed
        Of the random choice; each call makes the same choices unless it is given another seed.

    Shape
    -----
    in:  points (N, 3) x, y, z in metres; features (N, F) or (N,); batch (N,) sample indices in
         any order. Numpy arrays or tensors.
    out: VoxelTensor with features (V, 3 + F), channels (x, y, z, *features), and
         point_to_voxel int64 (N,), -1 for points that were cropped or rejected.

    The index along an axis is floor((xyz - origin) / voxel_size) in float64. With a range the
    grid has as many voxels as cover it, the last one cut short where the range is no multiple;
    without one it ends at the largest index of the batch. Points with any NaN or infinite
    coordinate or feature are rejected: they are logged, and counted by ``voxelize``. Features
    are float64 where points or features are, and float32 otherwise; no gradient flows.

    Determinism: the same call gives the same bits on any number of threads. A mean is summed
    in float64 and rounded once. With float32 input that sum is exact, and so independent of
    the order of the points, where in each voxel and channel the number of points times the
    largest magnitude stays below 2^29 times the smallest one that is not zero.

    Raises
    ------
    ArgumentError
        Sizes, ranges, shapes or samples that do not fit, or a grid beyond the key range.

    Cost
    ----
    One radix sort of int64 keys, O(N); a KITTI frame of 115,000 points takes a few ms.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.array([[0.0, 0.0, 0.0], [0.25, 0.0, 0.0], [1.0, 1.0, 0.5]])
    >>> voxels, point_to_voxel = Voxelizer(0.5)(points)
    >>> voxels.coords.tolist(), point_to_voxel.tolist()
    ([[0, 0, 0, 0], [0, 2, 2, 1]], [0, 0, 1])
    >>> voxels.features[0].tolist()
    [0.125, 0.0, 0.0]
    """

    def __init__(
        self,
        voxel_size: float | Sequence[float],
        point_range: Sequence[float] | None = None,
        reduce: Reduce = "mean",
        *,
        seed: int = 0,
    ) -> None:
        if reduce not in get_args(Reduce):
            raise ArgumentError(
                f"Voxelizer.reduce: must be 'mean', 'random' or 'first'; got {reduce!r}."
            )
        self.voxel_size = _three_edges(voxel_size)
        self.point_range = None if point_range is None else _six_limits(point_range)
        self.reduce: Reduce = reduce
        self.seed = _check_seed(seed)
        if self.point_range is not None:
            _check_grid(_range_shape(self.point_range, self.voxel_size), 1, self.voxel_size)

    @property
    def spatial_shape(self) -> tuple[int, int, int] | None:
        """Edges of the grid in voxels where a range is given; else they follow the points."""
        if self.point_range is None:
            return None
        return _range_shape(self.point_range, self.voxel_size)

    def __repr__(self) -> str:
        return (
            f"Voxelizer(voxel_size={self.voxel_size}, point_range={self.point_range}, "
            f"reduce={self.reduce!r}, seed={self.seed})"
        )

    def __call__(
        self,
        points: Points,
        features: Points | None = None,
        batch: Points | None = None,
        batch_size: int | None = None,
        *,
        seed: int | None = None,
    ) -> tuple[VoxelTensor, Tensor]:
        """Return the voxels and each point's voxel; see ``voxelize`` for the counts too."""
        result = self.voxelize(points, features, batch, batch_size, seed=seed)
        return result.voxels, result.point_to_voxel

    def voxelize(
        self,
        points: Points,
        features: Points | None = None,
        batch: Points | None = None,
        batch_size: int | None = None,
        *,
        seed: int | None = None,
    ) -> Voxelization:
        """Voxelise, and say what was cropped, rejected and counted.

        ``seed`` stands in for the voxeliser's own in this call, for instance the epoch.
        """
        from neurospike.kernels.voxels import numba as kernels

        rows, dtype, device = _rows(points, features)
        samples, batch_size = _samples(batch, batch_size, len(rows))
        origin, high, shape = self._grid(rows, samples, batch_size)
        _check_grid(shape, batch_size, self.voxel_size)
        edges = np.array(shape, np.int64)
        keys, rejected = kernels.point_keys(
            rows, samples, origin, high, np.array(self.voxel_size), edges
        )
        key_bits = (max(batch_size, 1) * math.prod(shape) - 1).bit_length()
        voxel_keys, order, starts, point_to_voxel = kernels.group(keys, key_bits)
        picks = self.seed if seed is None else _check_seed(seed)
        reduced = self._reduced(rows, order, starts, dtype=dtype, seed=picks)
        if rejected:
            _log.warning(
                "Voxelizer: rejected %d of %d points with a NaN or infinite value.",
                rejected,
                len(rows),
            )
        # Rows are ascending, unique and inside the grid by construction: nothing to check.
        coords = torch.from_numpy(kernels.unravel(voxel_keys, edges))
        voxels = VoxelTensor.on(ActiveSet(coords, shape, batch_size), torch.from_numpy(reduced))
        return Voxelization(
            voxels.to(device),
            torch.from_numpy(point_to_voxel).to(device),
            torch.from_numpy(np.diff(starts)).to(device),
            torch.from_numpy(np.where(np.isfinite(origin), origin, 0.0)),
            self.voxel_size,
            cropped=len(rows) - len(order) - int(rejected),
            rejected=int(rejected),
        )

    def _grid(
        self, rows: NDArray[Any], samples: NDArray[np.int64], batch_size: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[int, int, int]]:
        """Origins (B, 3), the excluded upper limits (3,) and the edges in voxels."""
        from neurospike.kernels.voxels import numba as kernels

        if self.point_range is not None:
            low, high = np.array(self.point_range[:3]), np.array(self.point_range[3:])
            origin = np.ascontiguousarray(np.broadcast_to(low, (batch_size, 3)))
            return origin, high, _range_shape(self.point_range, self.voxel_size)
        origin, largest = kernels.sample_bounds(rows, samples, batch_size)
        filled = np.isfinite(origin[:, 0])
        with np.errstate(over="ignore"):
            last = np.floor((largest[filled] - origin[filled]) / np.array(self.voxel_size))
        edges = last.max(axis=0, initial=0.0) + 1
        x, y, z = (int(min(edge, 2.0**62)) for edge in edges)
        return origin, np.full(3, np.inf), (x, y, z)

    def _reduced(
        self,
        rows: NDArray[Any],
        order: NDArray[np.int64],
        starts: NDArray[np.int64],
        *,
        dtype: type[np.floating[Any]],
        seed: int,
    ) -> NDArray[Any]:
        from neurospike.kernels.voxels import numba as kernels

        if self.reduce == "mean":
            means = np.empty((len(starts) - 1, rows.shape[1]), dtype)
            kernels.segment_mean(rows, order, starts, means)
            return means
        if self.reduce == "first":
            return rows[order[starts[:-1]]].astype(dtype, copy=False)
        return rows[kernels.segment_random(order, starts, seed)].astype(dtype, copy=False)


def _range_shape(
    point_range: tuple[float, ...], voxel_size: tuple[float, float, float]
) -> tuple[int, int, int]:
    """As many voxels along each axis as cover the range."""

    def cells(low: float, high: float, size: float) -> int:
        quotient = min((high - low) / size, 2.0**62)
        nearest = round(quotient)
        return max(nearest if abs(quotient - nearest) <= _SNAP else math.ceil(quotient), 1)

    x, y, z = map(cells, point_range[:3], point_range[3:], voxel_size)
    return x, y, z


def _rows(
    points: Points, features: Points | None
) -> tuple[NDArray[Any], type[np.floating[Any]], torch.device]:
    """(x, y, z, *features) in one contiguous array, the output's dtype, and the device.

    Integers are held in float64, where they are exact, and come out as float32.
    """
    device = points.device if isinstance(points, Tensor) else torch.device("cpu")
    xyz = _real_array("points", points)
    if xyz.ndim != 2 or xyz.shape[1] != 3:
        raise ArgumentError(
            f"Voxelizer.points: must be (N, 3) as x, y, z in metres; got {xyz.shape}. "
            "Pass further columns as features."
        )
    parts = [xyz]
    if features is not None:
        extra = _real_array("features", features)
        extra = extra[:, None] if extra.ndim == 1 else extra
        if extra.ndim != 2 or len(extra) != len(xyz):
            raise ArgumentError(
                f"Voxelizer.features: must be ({len(xyz)}, F) or ({len(xyz)},), a row a point; "
                f"got {extra.shape}."
            )
        parts.append(extra)
    wide = any(part.dtype.kind != "f" or part.dtype.itemsize > 4 for part in parts)
    double = any(part.dtype.kind == "f" and part.dtype.itemsize > 4 for part in parts)
    held = np.float64 if wide else np.float32
    rows = np.empty((len(xyz), sum(part.shape[1] for part in parts)), held)
    rows[:, :3] = xyz
    if len(parts) == 2:
        rows[:, 3:] = parts[1]
    return rows, np.float64 if double else np.float32, device


def _real_array(name: str, values: Points) -> NDArray[Any]:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        if values.dtype is torch.bfloat16:
            values = values.float()
        values = values.numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ArgumentError(
            f"Voxelizer.{name}: must be real numbers; got dtype {array.dtype}. Convert to float32."
        )
    return array


def _samples(
    batch: Points | None, batch_size: int | None, rows: int
) -> tuple[NDArray[np.int64], int]:
    """Sample indices, empty where all rows are of sample 0, and the size of the batch."""
    if batch_size is not None and (batch_size < 0 or (batch is None and rows and not batch_size)):
        raise ArgumentError(
            f"Voxelizer.batch_size: must count every sample; got {batch_size} for {rows} points."
        )
    if batch is None:
        return np.empty(0, np.int64), 1 if batch_size is None else batch_size
    array = batch.detach().cpu().numpy() if isinstance(batch, Tensor) else np.asarray(batch)
    if array.shape != (rows,) or (array.dtype.kind not in "iu" and rows):
        raise ArgumentError(
            f"Voxelizer.batch: must be one integer a point, ({rows},); "
            f"got {array.dtype} of shape {array.shape}."
        )
    samples = np.ascontiguousarray(array, np.int64)
    low, high = (int(samples.min()), int(samples.max())) if rows else (0, -1)
    size = high + 1 if batch_size is None else batch_size
    if low < 0 or high >= size:
        raise ArgumentError(
            f"Voxelizer.batch: samples must lie in [0, batch_size = {size}); got {low} to {high}."
        )
    return samples, size


def _three_edges(voxel_size: float | Sequence[float]) -> tuple[float, float, float]:
    try:
        edges = np.broadcast_to(np.asarray(voxel_size, np.float64), (3,)).tolist()
    except (TypeError, ValueError):
        edges = []
    if len(edges) != 3 or not all(0 < edge < math.inf for edge in edges):
        raise ArgumentError(
            "Voxelizer.voxel_size: must be a positive edge in metres, or three of them; "
            f"got {voxel_size!r}."
        )
    return edges[0], edges[1], edges[2]


def _six_limits(point_range: Sequence[float]) -> tuple[float, ...]:
    try:
        limits = tuple(float(limit) for limit in point_range)
    except (TypeError, ValueError):
        limits = ()
    finite = len(limits) == 6 and all(math.isfinite(limit) for limit in limits)
    if not finite or any(low >= high for low, high in zip(limits[:3], limits[3:], strict=True)):
        raise ArgumentError(
            "Voxelizer.point_range: must be (x_low, y_low, z_low, x_high, y_high, z_high) in "
            f"metres with each low below its high; got {point_range!r}."
        )
    return limits


def _check_seed(seed: int) -> int:
    if not 0 <= seed < 2**63:
        raise ArgumentError(f"Voxelizer.seed: must lie in [0, 2^63); got {seed}.")
    return int(seed)


def _check_grid(
    shape: tuple[int, int, int], batch_size: int, voxel_size: tuple[float, float, float]
) -> None:
    """Keys keep room for the halo of one voxel that kernel maps add."""
    cells = max(batch_size, 1) * math.prod(edge + 2 for edge in shape)
    if cells >= _KEY_LIMIT or max(shape) > _EDGE_LIMIT:
        raise ArgumentError(
            f"Voxelizer.voxel_size: {voxel_size} makes a grid of {shape} voxels x batch "
            f"{batch_size}, beyond the key range of 2^62 cells and 2^31 - 1 an edge; use coarser "
            "voxels, or crop stray points with point_range."
        )
