"""What a voxeliser is given, checked: arrays on the CPU, or tensors that stay on their device."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurospike.errors import ArgumentError

Points = Tensor | NDArray[Any]

_NARROW = (torch.float32, torch.float16, torch.bfloat16)


def rows_on_host(
    points: Points, features: Points | None
) -> tuple[NDArray[Any], type[np.floating[Any]]]:
    """(x, y, z, *features) in one contiguous array, and the output's dtype.

    Integers are held in float64, where they are exact, and come out as float32.
    """
    parts = [_real_array("points", points)]
    if features is not None:
        extra = _real_array("features", features)
        parts.append(extra[:, None] if extra.ndim == 1 else extra)
    _check_shapes(parts)
    wide = any(part.dtype.kind != "f" or part.dtype.itemsize > 4 for part in parts)
    double = any(part.dtype.kind == "f" and part.dtype.itemsize > 4 for part in parts)
    held = np.float64 if wide else np.float32
    rows = np.empty((len(parts[0]), sum(part.shape[1] for part in parts)), held)
    rows[:, :3] = parts[0]
    if len(parts) == 2:
        rows[:, 3:] = parts[1]
    return rows, np.float64 if double else np.float32


def rows_on_device(points: Tensor, features: Points | None) -> tuple[Tensor, torch.dtype]:
    """As ``rows_on_host``, on the device of the points."""
    parts = [_real_tensor("points", points, points.device)]
    if features is not None:
        extra = _real_tensor("features", features, points.device)
        parts.append(extra[:, None] if extra.ndim == 1 else extra)
    _check_shapes(parts)
    wide = any(part.dtype not in _NARROW for part in parts)
    double = any(part.dtype == torch.float64 for part in parts)
    rows = torch.cat([part.to(torch.float64 if wide else torch.float32) for part in parts], 1)
    return rows, torch.float64 if double else torch.float32


def samples_on_host(
    batch: Points | None, batch_size: int | None, rows: int
) -> tuple[NDArray[np.int64], int]:
    """Sample indices, empty where all rows are of sample 0, and the size of the batch."""
    _check_size(batch, batch_size, rows)
    if batch is None:
        return np.empty(0, np.int64), 1 if batch_size is None else batch_size
    array = batch.detach().cpu().numpy() if isinstance(batch, Tensor) else np.asarray(batch)
    if array.shape != (rows,) or (array.dtype.kind not in "iu" and rows):
        raise _no_samples(array, rows)
    samples = np.ascontiguousarray(array, np.int64)
    low, high = (int(samples.min()), int(samples.max())) if rows else (0, -1)
    return samples, _size_of(low, high, batch_size)


def samples_on_device(
    batch: Points | None, batch_size: int | None, rows: int, device: torch.device
) -> tuple[Tensor | None, int]:
    """Sample indices, None where all rows are of sample 0, and the size of the batch.

    Indices that are on the device already are read back to be checked: the host waits.
    """
    _check_size(batch, batch_size, rows)
    if batch is None:
        return None, 1 if batch_size is None else batch_size
    if not isinstance(batch, Tensor) or batch.device != device:
        held, size = samples_on_host(batch, batch_size, rows)
        return torch.from_numpy(held).to(device), size
    samples = batch.detach()
    whole = not (samples.is_floating_point() or samples.is_complex() or samples.dtype == torch.bool)
    if samples.shape != (rows,) or (rows and not whole):
        raise _no_samples(samples, rows)
    samples = samples.long()
    low, high = torch.stack(samples.aminmax()).tolist() if rows else (0, -1)
    return samples, _size_of(low, high, batch_size)


def _real_array(name: str, values: Points) -> NDArray[Any]:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        if values.dtype is torch.bfloat16:
            values = values.float()
        values = values.numpy()
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise _not_real(name, array.dtype)
    return array


def _real_tensor(name: str, values: Points, device: torch.device) -> Tensor:
    if not isinstance(values, Tensor):
        return torch.from_numpy(np.ascontiguousarray(_real_array(name, values))).to(device)
    if values.is_complex() or values.dtype == torch.bool:
        raise _not_real(name, values.dtype)
    return values.detach().to(device)


def _not_real(name: str, dtype: Any) -> ArgumentError:
    return ArgumentError(
        f"Voxelizer.{name}: must be real numbers; got dtype {dtype}. Convert to float32."
    )


def _check_shapes(parts: list[Any]) -> None:
    """Points, and features behind them where some are given."""
    xyz = parts[0]
    if xyz.ndim != 2 or xyz.shape[1] != 3:
        raise ArgumentError(
            f"Voxelizer.points: must be (N, 3) as x, y, z in metres; got {tuple(xyz.shape)}. "
            "Pass further columns as features."
        )
    for extra in parts[1:]:
        if extra.ndim != 2 or len(extra) != len(xyz):
            raise ArgumentError(
                f"Voxelizer.features: must be ({len(xyz)}, F) or ({len(xyz)},), a row a point; "
                f"got {tuple(extra.shape)}."
            )


def _check_size(batch: Points | None, batch_size: int | None, rows: int) -> None:
    if batch_size is not None and (batch_size < 0 or (batch is None and rows and not batch_size)):
        raise ArgumentError(
            f"Voxelizer.batch_size: must count every sample; got {batch_size} for {rows} points."
        )


def _no_samples(batch: Any, rows: int) -> ArgumentError:
    return ArgumentError(
        f"Voxelizer.batch: must be one integer a point, ({rows},); "
        f"got {batch.dtype} of shape {tuple(batch.shape)}."
    )


def _size_of(low: int, high: int, batch_size: int | None) -> int:
    size = high + 1 if batch_size is None else batch_size
    if low < 0 or high >= size:
        raise ArgumentError(
            f"Voxelizer.batch: samples must lie in [0, batch_size = {size}); got {low} to {high}."
        )
    return size
