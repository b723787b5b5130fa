"""The second stage: a closer look at the voxels in and around each proposal."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from neurospike.encoders.spike_voxel_coding import BN_EPS, BN_MOMENTUM
from neurospike.errors import ArgumentError
from neurospike.kernels.autocast import in_full_precision, widened
from neurospike.models.detection.geometry import Geometry
from neurospike.models.detection.roi_coding import grid_points
from neurospike.models.detection.voxel_query import VoxelQuery
from neurospike.nn import ILIF, SparseBatchNorm, SpikingSequential, SubmanifoldConv3d
from neurospike.sparse import VoxelTensor

EDGE = 6
"""Grid points of a proposal along each of its edges."""

OUTPUTS = 8
"""Numbers of a proposal: a logit of how well it is placed, and seven residuals."""

_FAR = 2.0**20


class StageView(nn.Module):
    """What one stage shows at points: the membranes of voxels near each, and where they stand.

    A spiking 1x1x1 convolution codes each voxel; the place of a voxel as seen from the point adds
    a linear code. Each channel keeps its largest sum over the voxels within the reach.

    Shape
    -----
    in:  VoxelTensor, membranes (N, channels) or (T, N, channels); int64 scans (P,) and points
         (P, 3) in metres
    out: membranes (T, P, width), zeros where no voxel is near

    Cost
    ----
    The code of a place is linear, so that a voxel's part is worked out once for all points.
    """

    def __init__(
        self, channels: int, width: int, max_spikes: int, *, reach: int, geometry: Geometry
    ) -> None:
        super().__init__()
        self.code = nn.Sequential(
            ILIF(max_spikes),
            SubmanifoldConv3d(channels, width, kernel_size=1),
            SparseBatchNorm(width, eps=BN_EPS, momentum=BN_MOMENTUM),
        )
        self.place = nn.Linear(3, width, bias=False)
        self.query = VoxelQuery(reach)
        self.low, self.size = geometry.point_range[:3], geometry.voxel_size

    def forward(self, stage: VoxelTensor, scan: Tensor, points: Tensor) -> Tensor:
        # Voxel o of a stage of stride S lies about voxel S * o of the scan: windows are padded.
        edge = points.new_tensor([s * v for s, v in zip(stage.stride, self.size, strict=True)])
        origin = points.new_tensor([a + v / 2 for a, v in zip(self.low, self.size, strict=True)])
        coded = self.code(stage)
        centres = stage.coords[:, 1:].to(points) * edge + origin
        nearest = ((points - origin) / edge + 0.5).floor().nan_to_num(_FAR).clamp(-_FAR, _FAR)
        with in_full_precision(points):  # half precision knows no place to better than half a metre
            coded = coded.replace(coded.features + self.place(centres))
            pooled, found = self.query(coded, torch.cat([scan[:, None], nearest.long()], 1))
            seen = torch.where(found[:, None], pooled - self.place(points), 0.0)
        return seen if seen.ndim == 3 else seen[None]


class RoIHead(nn.Module):
    """Confidence and residuals of proposals, from a grid of 6 x 6 x 6 points in each.

    Parameters
    ----------
    stages, channels
        Places, in the 3D backbone, of the stages that are looked at, and channels of each.
    width, hidden
        Channels of each stage at a point, and of the layers that read all points of a proposal.
    reach
        How far from a point's voxel others count, as a sum of differences of indices.

    Shape
    -----
    in:  a VoxelTensor of membranes a stage, boxes (R, 7), and int64 scans (R,)
    out: (R, 8), averaged over time: a logit, and residuals in the box's own frame

    Raises
    ------
    ArgumentError
        Another number of stages.

    Cost
    ----
    The first layer on all points: 216 * stages * width * hidden synapses a proposal.

    Source
    ------
    Deng et al., Voxel R-CNN, AAAI 2021, arXiv:2012.15712. Departures: neurons in place of ReLU,
    each before its layer; no layer of each point by itself; one head for both outputs; no dropout;
    all voxels within a smaller reach.
    """

    def __init__(
        self,
        stages: Sequence[int],
        channels: Sequence[int],
        width: int,
        hidden: int,
        *,
        max_spikes: int,
        geometry: Geometry,
        reach: int = 2,
    ) -> None:
        super().__init__()
        self.stages = tuple(stages)
        self.width = width
        self.views = nn.ModuleList(
            StageView(inputs, width, max_spikes, reach=reach, geometry=geometry)
            for inputs in channels
        )
        self.layers = SpikingSequential(
            ILIF(max_spikes), *_layer(EDGE**3 * len(channels) * width, hidden),
            ILIF(max_spikes), *_layer(hidden, hidden),
            ILIF(max_spikes), nn.Linear(hidden, OUTPUTS),
        )  # fmt: skip
        self.reset_parameters()

    @classmethod
    def on_stages(
        cls,
        channels: Sequence[int],
        stages: Sequence[int],
        widths: Sequence[int],
        *,
        max_spikes: int,
        geometry: Geometry,
    ) -> RoIHead:
        """A head for some of the stages of a 3D backbone, whose channels are all given.

        Raises
        ------
        ArgumentError
            A stage that is not there, or other than two widths of 1 or more.
        """
        count = len(channels)
        if not stages or any(not -count <= index < count for index in stages):
            raise ArgumentError(
                f"e3dsnn_detector.refine_stages: must be in -{count}..{count - 1}, one or more; "
                f"got {tuple(stages)}."
            )
        if len(widths) != 2 or min(widths) < 1:
            raise ArgumentError(
                "e3dsnn_detector.refine_channels: must be two numbers, 1 or more, of a point and "
                f"of a proposal; got {tuple(widths)}."
            )
        places = [index % count for index in stages]
        seen = [channels[index] for index in places]
        return cls(places, seen, *widths, max_spikes=max_spikes, geometry=geometry)

    def reset_parameters(self) -> None:
        """Let every proposal stay where it is, and be as likely right as wrong."""
        last = self.layers[-1]
        nn.init.normal_(last.weight, std=0.001)  # type: ignore[arg-type]
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, stages: Sequence[VoxelTensor], boxes: Tensor, scan: Tensor) -> Tensor:
        if len(stages) != len(self.views):
            raise ArgumentError(
                f"RoIHead.stages: must be {len(self.views)} of the 3D backbone; got {len(stages)}. "
                "Give maps that a detector with refine=True has made."
            )
        points = grid_points(boxes, EDGE)
        scans = scan.repeat_interleave(EDGE**3)
        seen = [
            view(stage, scans, points.flatten(0, 1)).unflatten(1, (len(boxes), EDGE**3))
            for view, stage in zip(self.views, stages, strict=True)
        ]
        membranes = torch.cat(seen, -1).flatten(2)
        numbers = widened(self.layers(membranes))
        return numbers.mean(0) if len(numbers) > 1 else numbers[0]


def _layer(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    linear = nn.Linear(inputs, outputs, bias=False)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    return linear, nn.BatchNorm1d(outputs, eps=BN_EPS, momentum=BN_MOMENTUM)
