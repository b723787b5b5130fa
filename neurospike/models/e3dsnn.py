"""E-3DSNN: spiking networks on sparse voxels, for classification."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from neurospike.encoders import SpikeVoxelCoding
from neurospike.encoders.spike_voxel_coding import BN_EPS, BN_MOMENTUM, WEIGHT_STD
from neurospike.errors import ArgumentError
from neurospike.kernels.autocast import widened
from neurospike.models.registry import register
from neurospike.nn import (
    ILIF,
    SparseBatchNorm,
    SparseConv3d,
    SparseGlobalPool,
    SubmanifoldConv3d,
)
from neurospike.sparse import ActiveSet, VoxelTensor
from neurospike.sparse.active_set import Shape3


@dataclass(frozen=True)
class Size:
    """Channels of the stem and of each stage, and blocks per stage."""

    stem: int
    stages: tuple[int, ...]
    blocks: int


SIZES = {
    "T": Size(16, (16, 32, 64, 128), 1),
    "S": Size(24, (24, 48, 96, 160), 1),
    "L": Size(64, (64, 128, 128, 256), 2),
    "H": Size(64, (96, 192, 288, 384), 2),
}


class SpikeConvNorm(nn.Sequential):
    """Spike, submanifold convolution 3x3x3, BatchNorm: membranes in, membranes out."""

    def __init__(self, channels: int, max_spikes: int) -> None:
        conv = SubmanifoldConv3d(channels, channels, kernel_size=3)
        nn.init.trunc_normal_(conv.weight, std=WEIGHT_STD)
        super().__init__(
            ILIF(max_spikes), conv, SparseBatchNorm(channels, eps=BN_EPS, momentum=BN_MOMENTUM)
        )


class Block(nn.Module):
    """One residual unit of one convolution, then one of two; shortcuts carry membranes.

    Shape
    -----
    in, out: VoxelTensor features (N, C) or (T, N, C)
    """

    def __init__(self, channels: int, max_spikes: int) -> None:
        super().__init__()
        self.local = SpikeConvNorm(channels, max_spikes)
        self.mix = nn.Sequential(
            SpikeConvNorm(channels, max_spikes), SpikeConvNorm(channels, max_spikes)
        )

    def forward(self, x: VoxelTensor) -> VoxelTensor:
        x = x + self.local(x)
        mixed: VoxelTensor = x + self.mix(x)
        return mixed


class Downsample(nn.Sequential):
    """Spike (unless the input is spikes already), strided convolution k2 s2, BatchNorm."""

    def __init__(self, inputs: int, outputs: int, *, max_spikes: int, spiking_input: bool) -> None:
        layers: list[nn.Module] = [] if spiking_input else [ILIF(max_spikes)]
        super().__init__(
            *layers,
            SparseConv3d(inputs, outputs, kernel_size=2, stride=2),
            SparseBatchNorm(outputs, eps=BN_EPS, momentum=BN_MOMENTUM),
        )


class E3DSNN(nn.Module):
    """The classifier: Spike Voxel Coding, four stages, a head on the mean membrane.

    Shape
    -----
    in:  VoxelTensor, features (N, in_features)
    out: logits (batch_size, num_classes), averaged over the time steps

    An edge of the grid that is no multiple of 16 is padded to one, so that no plane of voxels is
    lost on the way down. A sample without voxels has logits 0.

    Source
    ------
    Qiu et al., "Efficient 3D Recognition with Event-driven Spike Sparse Convolution",
    arXiv:2412.07360. Departures: the first stage's spike is the last layer of the stem, which is
    the same function; T > 1 is offered, which the published code has not.
    """

    def __init__(
        self, size: Size, *, num_classes: int, in_features: int, steps: int, max_spikes: int
    ) -> None:
        super().__init__()
        self.stem = SpikeVoxelCoding(in_features, size.stem, steps, max_spikes)
        self.stages = nn.ModuleList()
        inputs = size.stem
        for index, outputs in enumerate(size.stages):
            down = Downsample(inputs, outputs, max_spikes=max_spikes, spiking_input=index == 0)
            blocks = [Block(outputs, max_spikes) for _ in range(size.blocks)]
            self.stages.append(nn.Sequential(down, *blocks))
            inputs = outputs
        self.head = nn.Linear(inputs, num_classes)
        self.pool = SparseGlobalPool("mean")
        self.in_features = in_features

    @property
    def total_stride(self) -> int:
        """Edge of a voxel of the last stage, in input voxels."""
        return int(2 ** len(self.stages))

    def forward(self, x: VoxelTensor) -> Tensor:
        if x.features.ndim != 2 or x.features.shape[1] != self.in_features:
            raise ArgumentError(
                f"E3DSNN.x: features must be (N, {self.in_features}), one time step (time is made "
                f"inside); got {tuple(x.features.shape)}. Set in_features to match the data."
            )
        x = self.stem(pad_to_multiple(x, self.total_stride))
        for stage in self.stages:
            x = stage(x)
        logits: Tensor = self.pool(x.replace(widened(self.head(x.features))))
        return logits if logits.ndim == 2 else logits.mean(0)


def pad_to_multiple(x: VoxelTensor, multiple: int) -> VoxelTensor:
    """The same voxels in a grid whose edges are multiples of ``multiple``; features untouched."""
    x_edge, y_edge, z_edge = (-(-edge // multiple) * multiple for edge in x.spatial_shape)
    return on_grid(x, (x_edge, y_edge, z_edge))


def on_grid(x: VoxelTensor, shape: Shape3) -> VoxelTensor:
    """The same voxels in a grid of a shape that holds them; features untouched."""
    if shape == x.spatial_shape:
        return x
    grown = x.active.cached(
        ("grid", shape),
        lambda: ActiveSet(x.coords, shape, x.batch_size, stride=x.stride),
    )
    return VoxelTensor.on(grown, x.features, virtual_steps=x.virtual_steps)


@register
def e3dsnn(
    size: str = "T",
    num_classes: int = 40,
    in_features: int = 6,
    steps: int = 1,
    max_spikes: int = 4,
) -> E3DSNN:
    """Build the E-3DSNN classifier.

    Parameters
    ----------
    size
        "T" (1,874,216 parameters by default), "S" (3,271,144), "L" (17.33 M) or "H" (46.57 M).
    steps, max_spikes
        T and D of the integer neurons; the paper's setting is 1 x 4. Raise D before T.

    Raises
    ------
    ArgumentError
        An unknown size, or a number below 1.

    Examples
    --------
    >>> model = e3dsnn("T")
    >>> sum(p.numel() for p in model.parameters())
    1874216
    """
    if size not in SIZES:
        raise ArgumentError(f"e3dsnn.size: must be one of {', '.join(SIZES)}; got {size!r}.")
    numbers = {
        "num_classes": num_classes,
        "in_features": in_features,
        "steps": steps,
        "max_spikes": max_spikes,
    }
    for name, value in numbers.items():
        if value < 1:
            raise ArgumentError(f"e3dsnn.{name}: must be 1 or more; got {value}.")
    return E3DSNN(
        SIZES[size],
        num_classes=num_classes,
        in_features=in_features,
        steps=steps,
        max_spikes=max_spikes,
    )
