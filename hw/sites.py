"""Which sites a sample occupies: the sets of voxels of every level of a network."""

from __future__ import annotations

import itertools

from neurospike.errors import ArgumentError
from neurospike.hw.network import Network, Space
from neurospike.sparse import ActiveSet, VoxelTensor
from neurospike.sparse.kernel_map import strided_map


def active_sets(network: Network, x: VoxelTensor) -> list[ActiveSet]:
    """Find the occupied voxels of every level for one sample.

    Parameters
    ----------
    network
        A lowered network.
    x
        One sample, on the grid of the example that the network was lowered with.

    Shape
    -----
    out: one set a level, as ``network.levels``; empty for a network without voxels

    Raises
    ------
    ArgumentError
        A grid of another shape, or a batch of more or fewer than one sample.

    Cost
    ----
    One kernel map a strided convolution at the first call; then a look-up, as maps stay on the
    sample's own set.
    """
    if not network.levels:
        return []
    if x.batch_size != 1:
        raise ArgumentError(
            f"hw.active_sets.x: must be one sample; got a batch of {x.batch_size}. Take them one "
            "by one with hw.samples_of."
        )
    grid = network.levels[0].shape
    expected = network.input_shape or grid
    if x.spatial_shape != expected:
        raise ArgumentError(
            f"hw.active_sets.x: must lie on a grid of {expected}, as the network's example; got "
            f"{x.spatial_shape}. Voxelise it likewise, or lower the model with this sample."
        )
    sets = [_placed(x.active, grid)]
    for index, level in enumerate(network.levels[1:], 1):
        window, parent = level.window, level.parent
        if window is None or parent is None or not 0 <= parent < index:
            raise ArgumentError(
                f"Network.levels: level {index} must name a window and a parent before it; got "
                f"{level}."
            )
        geometry = (window.kernel, window.stride, window.padding, window.dilation)
        (kx, ky, kz), (sx, sy, sz), (px, py, pz), (dx, dy, dz) = geometry
        sets.append(
            strided_map(
                sets[parent], (kx, ky, kz), (sx, sy, sz), (px, py, pz), (dx, dy, dz)
            ).out_active
        )
    return sets


def site_count(space: Space, sets: list[ActiveSet]) -> int:
    """Sites of a population for one sample: its occupied voxels, or all sites of its grid.

    Examples
    --------
    >>> site_count(Space(channels=8, shape=(4, 4)), [])
    16
    """
    return space.grid_sites if space.level is None else len(sets[space.level])


def samples_of(x: VoxelTensor) -> list[VoxelTensor]:
    """Take a batch apart: one VoxelTensor a sample, on the same grid.

    Cost
    ----
    A copy of the coordinates; none for a batch of one.

    Examples
    --------
    >>> import torch
    >>> coords = torch.tensor([[0, 0, 0, 1], [2, 1, 0, 0]])
    >>> batch = VoxelTensor(coords, torch.ones(2, 3), (4, 4, 4), batch_size=3)
    >>> [len(one.active) for one in samples_of(batch)]
    [1, 0, 1]
    """
    if x.batch_size == 1:
        return [x]
    found = []
    for low, high in itertools.pairwise(x.active.sample_bounds.tolist()):
        coords = x.coords[low:high].clone()
        coords[:, 0] = 0
        active = ActiveSet(coords, x.spatial_shape, 1, stride=x.stride)
        found.append(
            VoxelTensor.on(
                active,
                x.features[..., low:high, :],
                virtual_steps=x.virtual_steps,
                one_step=x.one_step,
            )
        )
    return found


def _placed(active: ActiveSet, grid: tuple[int, int, int]) -> ActiveSet:
    """The same voxels on a larger grid; kept on the set, and with it the maps."""
    if active.spatial_shape == grid:
        return active
    return active.cached(
        ("placed", grid), lambda: ActiveSet(active.coords, grid, 1, stride=active.stride)
    )
