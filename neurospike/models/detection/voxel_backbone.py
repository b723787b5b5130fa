"""The detector's 3D backbone: Spike Voxel Coding, strided stages, height folded at the end."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from neurospike.encoders import SpikeVoxelCoding
from neurospike.encoders.spike_voxel_coding import BN_EPS, BN_MOMENTUM
from neurospike.models.e3dsnn import Block, SpikeConvNorm, on_grid
from neurospike.nn import ILIF, SparseBatchNorm, SparseConv3d
from neurospike.sparse import VoxelTensor


class SpikeDown(nn.Sequential):
    """Spike, strided convolution, BatchNorm: membranes in, membranes out."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        max_spikes: int,
        *,
        kernel: tuple[int, int, int] = (3, 3, 3),
        stride: tuple[int, int, int] = (2, 2, 2),
        padding: tuple[int, int, int] = (1, 1, 1),
    ) -> None:
        super().__init__(
            ILIF(max_spikes),
            SparseConv3d(inputs, outputs, kernel_size=kernel, stride=stride, padding=padding),
            SparseBatchNorm(outputs, eps=BN_EPS, momentum=BN_MOMENTUM),
        )


class VoxelBackbone(nn.Module):
    """Voxels to spikes on a grid eight times coarser, of few planes.

    Parameters
    ----------
    stem, channels, out_channels
        Channels of the stem, of each stage, and of each plane of the output.
    blocks
        Blocks a stage.
    fine
        Channels, and planes of the last stage but one, of a second output: what stands in each
        column there, in one plane. None for none.

    Shape
    -----
    in:  VoxelTensor, features (N, in_features), and the grid that it is brought onto
    out: spikes at the overall stride, those of the stage before or None, and the membranes of all
         stages; VoxelTensors with features (N', C) where T = 1 and (T, N', C) otherwise

    Source
    ------
    E-3DSNN, arXiv:2412.07360: the stem of three submanifold convolutions and one more, stages of
    a strided convolution 3x3x3 and blocks, then 3x1x1 along the height with stride 2. Departures:
    the grid's x and y edges are padded, so that no plane is lost on the way down and up again;
    T > 1 and ``fine`` are offered.
    """

    def __init__(
        self,
        in_features: int,
        stem: int,
        channels: Sequence[int],
        out_channels: int,
        *,
        blocks: int,
        steps: int,
        max_spikes: int,
        fine: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.stem = SpikeVoxelCoding(in_features, stem, steps, max_spikes)
        # The stem ends in spikes, which the next convolution reads as they are.
        self.entry = nn.Sequential(*list(SpikeConvNorm(stem, max_spikes))[1:])
        self.stages = nn.ModuleList()
        inputs = stem
        for outputs in channels:
            parts = [Block(outputs, max_spikes) for _ in range(blocks)]
            self.stages.append(nn.Sequential(SpikeDown(inputs, outputs, max_spikes), *parts))
            inputs = outputs
        self.squeeze = SpikeDown(
            inputs, out_channels, max_spikes, kernel=(1, 1, 3), stride=(1, 1, 2), padding=(0, 0, 0)
        )
        self.fire = ILIF(max_spikes)
        self.column: nn.Sequential | None = None
        if fine is not None:
            width, height = fine
            self.column = nn.Sequential(
                SpikeDown(
                    channels[-2], width, max_spikes,
                    kernel=(1, 1, height), stride=(1, 1, height), padding=(0, 0, 0),
                ),
                ILIF(max_spikes),
            )  # fmt: skip

    @property
    def stride(self) -> int:
        """Edge of a cell of the last stage, in voxels."""
        return int(2 ** len(self.stages))

    def forward(
        self, x: VoxelTensor, shape: tuple[int, int, int]
    ) -> tuple[VoxelTensor, VoxelTensor | None, list[VoxelTensor]]:
        """Spikes on the grid of the bird's-eye view, and on the finer one; membranes of stages."""
        x = self.entry(self.stem(on_grid(x, shape)))
        membranes = []
        for stage in self.stages:
            x = stage(x)
            membranes.append(x)
        fine = None if self.column is None else self.column(membranes[-2])
        return self.fire(self.squeeze(x)), fine, membranes
