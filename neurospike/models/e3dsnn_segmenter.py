"""E-3DSNN as a U-net on sparse voxels: a class for every voxel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from neurospike.encoders import SpikeVoxelCoding
from neurospike.encoders.spike_voxel_coding import BN_EPS, BN_MOMENTUM, WEIGHT_STD
from neurospike.errors import ArgumentError
from neurospike.kernels.autocast import widened
from neurospike.models.e3dsnn import Block, Downsample, pad_to_multiple
from neurospike.models.norm_pace import pace_norms
from neurospike.models.registry import register
from neurospike.models.without_spikes import without_spikes
from neurospike.nn import (
    ILIF,
    SparseBatchNorm,
    SparseConv3d,
    SparseInverseConv3d,
    SpikingSequential,
)
from neurospike.sparse import VoxelTensor, cat


@dataclass(frozen=True)
class Widths:
    """Channels of the stem, of each stage on the way down, and of those on the way up.

    ``above`` begins with the stage that ends at the input's voxels, as ``stages`` begins there.
    """

    stem: int
    stages: tuple[int, ...]
    above: tuple[int, ...]


class Upsample(nn.Module):
    """Back onto the finer voxels, joined with what the way down left there.

    The upsampled membrane fires; its spikes and those of the way down meet in two linear layers,
    whose result is added to the upsampled membrane.

    Shape
    -----
    in:  spikes (M, inputs) on the coarser voxels; skip, spikes (N, skip) on the finer ones
    out: membranes (N, outputs); with a time axis in front of all three where there is one
    """

    def __init__(
        self, inputs: int, skip: int, outputs: int, *, of: SparseConv3d, max_spikes: int
    ) -> None:
        super().__init__()
        self.up = nn.Sequential(SparseInverseConv3d(inputs, outputs, of=of), _norm(outputs))
        self.neuron = ILIF(max_spikes)
        self.join = SpikingSequential(
            _linear(outputs + skip, outputs),
            _norm(outputs),
            ILIF(max_spikes),
            _linear(outputs, outputs),
            _norm(outputs),
        )

    def forward(self, spikes: VoxelTensor, skip: VoxelTensor) -> VoxelTensor:
        x: VoxelTensor = self.up(spikes)
        joined: VoxelTensor = x + self.join(cat([self.neuron(x), skip]))
        return joined


class E3DSNNSegmenter(nn.Module):
    """The segmenter: Spike Voxel Coding, stages down, stages up, a linear head on membranes.

    Shape
    -----
    in:  VoxelTensor, features (N, in_features)
    out: logits (N, num_classes), a row a voxel of the input, averaged over the time steps

    An edge of the grid that is no multiple of the total stride is padded to one, so that no plane
    of voxels is lost on the way down.

    Source
    ------
    arXiv:2412.07360 and the released code: the shortcut of a stage on the way up starts behind
    the upsampling, before its channels are joined with those of the way down, which is the only
    arrangement with the published number of parameters. Departures: a membrane that is read on
    the way down and on the way up fires once for both, which is the same function; T > 1 is
    offered; the norms' running statistics, which evaluation alone reads, are plain means over the
    first hundred batches (``pace_norms``).
    """

    def __init__(
        self,
        widths: Widths,
        *,
        blocks: int,
        num_classes: int,
        in_features: int,
        steps: int,
        max_spikes: int,
    ) -> None:
        super().__init__()
        self.stem = SpikeVoxelCoding(in_features, widths.stem, steps, max_spikes)
        self.stages = nn.ModuleList()
        self.neurons = nn.ModuleList(ILIF(max_spikes) for _ in widths.stages)
        self.ups = nn.ModuleList()
        inputs = widths.stem
        # What comes from below each stage on the way up; from below the last one, the turn.
        below = (*widths.above[1:], widths.stages[-1])
        for index, outputs in enumerate(widths.stages):
            down = Downsample(inputs, outputs, max_spikes=max_spikes, spiking_input=True)
            layers = [Block(outputs, max_spikes) for _ in range(blocks)]
            self.stages.append(nn.Sequential(down, *layers))
            of = next(part for part in down if isinstance(part, SparseConv3d))
            up = Upsample(below[index], inputs, widths.above[index], of=of, max_spikes=max_spikes)
            self.ups.append(up)
            inputs = outputs
        # The first of these upsamples to the input's voxels; they run in the opposite order.
        self.above = nn.ModuleList(ILIF(max_spikes) for _ in widths.stages[1:])
        self.head = _linear(widths.above[0], num_classes)
        self.in_features = in_features

    @property
    def total_stride(self) -> int:
        """Edge of a voxel of the last stage, in input voxels."""
        return int(2 ** len(self.stages))

    def forward(self, x: VoxelTensor) -> Tensor:
        if x.features.ndim != 2 or x.features.shape[1] != self.in_features:
            raise ArgumentError(
                f"E3DSNNSegmenter.x: features must be (N, {self.in_features}), one time step "
                f"(time is made inside); got {tuple(x.features.shape)}. Set in_features to match "
                "the data."
            )
        if self.training:
            pace_norms(self)
        spikes: VoxelTensor = self.stem(pad_to_multiple(x, self.total_stride))
        skips = [spikes]
        for stage, neuron in zip(self.stages, self.neurons, strict=True):
            spikes = neuron(stage(spikes))
            skips.append(spikes)
        spikes = skips.pop()
        for level in reversed(range(len(self.ups))):
            membrane: VoxelTensor = self.ups[level](spikes, skips.pop())
            if level > 0:
                spikes = self.above[level - 1](membrane)
        logits = widened(self.head(membrane.features))
        return logits if logits.ndim == 2 else logits.mean(0)


@register
def e3dsnn_segmenter(
    num_classes: int = 19,
    in_features: int = 4,
    *,
    stem: int = 64,
    channels: Sequence[int] = (64, 128, 128, 256),
    blocks: int = 2,
    decoder: int | Sequence[int] = 256,
    steps: int = 1,
    max_spikes: int = 4,
    spiking: bool = True,
) -> E3DSNNSegmenter:
    """Build the E-3DSNN segmenter; the default is the published configuration.

    Parameters
    ----------
    num_classes
        Classes of a voxel.
    in_features
        Features of a voxel: x, y, z and intensity as published.
    stem, channels, decoder
        Channels of the stem, of each stage on the way down, and of every stage on the way up: one
        number for all, or one each, that of the finest voxels first. A stage halves the
        resolution.
    blocks
        Blocks of three convolutions in each stage on the way down.
    steps, max_spikes
        T and D of the integer neurons; the paper's setting is 1 x 4. Raise D before T.
    spiking
        False puts a ReLU in place of every neuron: the conventional twin, with the same
        parameters; ``steps`` is then of no use and taken as 1.

    Raises
    ------
    ArgumentError
        No stages, a number below 1, or another number of stages up than down.

    Cost
    ----
    20,049,683 parameters by default. Most of the work is done at the two finest resolutions, so
    that ``stem`` and ``decoder`` say what a scan costs.

    Source
    ------
    arXiv:2412.07360, 20.0 M parameters for SemanticKITTI.

    Examples
    --------
    >>> model = e3dsnn_segmenter()
    >>> sum(p.numel() for p in model.parameters())
    20049683
    """
    stages = tuple(int(width) for width in channels)
    above = (decoder,) * len(stages) if isinstance(decoder, int) else tuple(map(int, decoder))
    if len(above) != len(stages):
        raise ArgumentError(
            f"e3dsnn_segmenter.decoder: must be one number, or as many as channels, {len(stages)}; "
            f"got {len(above)}."
        )
    numbers = {
        "num_classes": num_classes,
        "in_features": in_features,
        "stem": stem,
        "channels": min(stages, default=0),
        "blocks": blocks,
        "decoder": min(above, default=1),
        "steps": steps,
        "max_spikes": max_spikes,
    }
    for name, value in numbers.items():
        if value < 1:
            raise ArgumentError(
                f"e3dsnn_segmenter.{name}: must be 1 or more; got {value}."
                + (" Give the channels of a stage at least." if not stages else "")
            )
    model = E3DSNNSegmenter(
        Widths(stem, stages, above),
        blocks=blocks,
        num_classes=num_classes,
        in_features=in_features,
        steps=steps if spiking else 1,
        max_spikes=max_spikes,
    )
    return model if spiking else without_spikes(model)


def _norm(channels: int) -> SparseBatchNorm:
    return SparseBatchNorm(channels, eps=BN_EPS, momentum=BN_MOMENTUM)


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.trunc_normal_(layer.weight, std=WEIGHT_STD)
    nn.init.zeros_(layer.bias)
    return layer
