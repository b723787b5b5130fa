"""Clouds at random, and what sparse layers must keep to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from neurospike.errors import ArgumentError
from neurospike.nn.sparse_conv import SparseConv3d, SparseInverseConv3d, SubmanifoldConv3d
from neurospike.sparse import VoxelTensor

SparseLayer = SubmanifoldConv3d | SparseConv3d | SparseInverseConv3d


def random_cloud(
    spatial_shape: Sequence[int],
    channels: int,
    *,
    batch_size: int = 2,
    occupancy: float = 0.1,
    steps: int | None = None,
    spikes: float | None = None,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> VoxelTensor:
    """Voxels occupied at random with normal features, or with integer spikes.

    Parameters
    ----------
    spatial_shape
        Edges (X, Y, Z), in voxels.
    occupancy
        Chance of each voxel to be occupied.
    steps
        Time steps T of features (T, N, C); None for features (N, C).
    spikes
        Density of integer spikes 1..4 among zeros; None for normally distributed features.

    Examples
    --------
    >>> random_cloud((4, 4, 4), 3, batch_size=1, occupancy=1.0)
    VoxelTensor(voxels=64, features=(64, 3), spatial_shape=(4, 4, 4), batch_size=1)
    """
    draw = torch.Generator().manual_seed(seed)
    grid = torch.rand(batch_size, *spatial_shape, generator=draw) < occupancy
    coords = grid.nonzero()
    shape = (*(() if steps is None else (steps,)), coords.shape[0], channels)
    features = torch.randn(shape, generator=draw, dtype=dtype)
    if spikes is not None:
        fires = torch.rand(shape, generator=draw) < spikes
        features = (fires * torch.randint(1, 5, shape, generator=draw)).to(dtype)
    return VoxelTensor(coords, features, spatial_shape, batch_size)


def assert_matches_dense(
    layer: SparseLayer, cloud: VoxelTensor, *, tolerance: float | None = None
) -> None:
    """Assert that a sparse convolution equals torch's dense one at the occupied outputs.

    For a SparseConv3d without bias the dense result must also vanish everywhere else; for a
    SparseInverseConv3d, ``cloud`` lies on a set that ``layer.of`` made.

    Parameters
    ----------
    tolerance
        Largest difference over the largest value; by default 1e-5 in float32, 1e-12 in float64.

    Raises
    ------
    AssertionError
        A difference above the tolerance.
    """
    if tolerance is None:
        tolerance = 1e-12 if cloud.features.dtype == torch.float64 else 1e-5
    found = layer(cloud)
    grid = cloud.dense()
    steps, samples = grid.shape[:-5], cloud.batch_size
    dense = _dense(layer, grid.reshape(-1, *grid.shape[-4:]), found.spatial_shape)
    dense = dense.reshape(*steps, samples, *dense.shape[1:])
    at = found.coords.long()
    wanted = dense.movedim(-4, -1)[..., at[:, 0], at[:, 1], at[:, 2], at[:, 3], :]
    _close("at occupied voxels", found.features, wanted, tolerance)
    if isinstance(layer, SparseConv3d) and layer.bias is None:
        _close("over the whole grid", found.dense(), dense, tolerance)


def assert_translation_equivariant(
    layer: Callable[[VoxelTensor], VoxelTensor],
    cloud: VoxelTensor,
    shift: Sequence[int] = (0, 2, -1),
) -> None:
    """Assert that moving the cloud by ``shift`` voxels moves the output and changes no bit of it.

    The cloud is set into a grid with room on all sides. A layer with a stride needs shifts that
    are multiples of it.

    Raises
    ------
    AssertionError
        Other features, or other voxels than the moved ones.
    ArgumentError
        A shift that the layer's stride does not divide.
    """
    probe = layer(cloud)
    ratio = [b // a for a, b in zip(cloud.stride, probe.stride, strict=True)]
    if any(move % edge for move, edge in zip(shift, ratio, strict=True)):
        raise ArgumentError(
            f"assert_translation_equivariant.shift: must be a multiple of the stride {ratio}; "
            f"got {tuple(shift)}."
        )
    room = [edge * (8 + abs(move) // edge) for move, edge in zip(shift, ratio, strict=True)]
    still = layer(_moved(cloud, room, (0, 0, 0)))
    moved = layer(_moved(cloud, room, shift))
    step = torch.tensor([0, *(m // r for m, r in zip(shift, ratio, strict=True))])
    if not torch.equal(still.coords + step, moved.coords):
        raise AssertionError(f"the voxels of the output did not move by {step[1:].tolist()}")
    if not torch.equal(still.features, moved.features):
        gap = float((still.features - moved.features).detach().abs().max())
        raise AssertionError(f"features changed by up to {gap:.3g} when the cloud moved")


def _dense(layer: SparseLayer, grid: Tensor, out_shape: Sequence[int]) -> Tensor:
    kernel = layer.kernel_size
    weight = layer.weight.reshape(*kernel, layer.in_channels, layer.out_channels)
    if isinstance(layer, SparseInverseConv3d):
        of = layer.of
        # Without padding nothing is lost; the parent's grid is then a window of the result.
        full = F.conv_transpose3d(
            grid, weight.permute(3, 4, 0, 1, 2), stride=of.stride, dilation=of.dilation
        )
        room = [value for edge in reversed(out_shape) for value in (0, edge)]
        (x, y, z), (i, j, k) = out_shape, of.padding
        window = F.pad(full, room)[:, :, i : i + x, j : j + y, k : k + z]
        return window if layer.bias is None else window + layer.bias[:, None, None, None]
    padding = (
        [d * (k - 1) // 2 for d, k in zip(layer.dilation, kernel, strict=True)]
        if isinstance(layer, SubmanifoldConv3d)
        else layer.padding
    )
    stride = 1 if isinstance(layer, SubmanifoldConv3d) else layer.stride
    return F.conv3d(
        grid, weight.permute(4, 3, 0, 1, 2), layer.bias, stride, padding, layer.dilation
    )


def _close(where: str, found: Tensor, wanted: Tensor, tolerance: float) -> None:
    if found.shape != wanted.shape:
        raise AssertionError(f"{where}: shape {tuple(found.shape)} is not {tuple(wanted.shape)}")
    if found.numel() == 0:
        return
    gap = float((found - wanted).detach().abs().max())
    limit = tolerance * max(float(wanted.detach().abs().max()), 1e-30)
    if not gap <= limit:
        raise AssertionError(f"{where}: differs by {gap:.3g}, allowed is {limit:.3g}")


def _moved(cloud: VoxelTensor, room: Sequence[int], shift: Sequence[int]) -> VoxelTensor:
    step = torch.tensor([0, *(r + s for r, s in zip(room, shift, strict=True))])
    shape = [edge + 2 * r for edge, r in zip(cloud.spatial_shape, room, strict=True)]
    return VoxelTensor(cloud.coords + step, cloud.features, shape, cloud.batch_size)
