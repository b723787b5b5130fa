"""E-3DSNN that finds boxes: voxels, bird's-eye view, anchors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.models.detection.anchors import AnchorGrid
from neurospike.models.detection.bev_backbone import BEVBackbone
from neurospike.models.detection.decoding import Detections, detections
from neurospike.models.detection.geometry import Geometry
from neurospike.models.detection.head import AnchorHead
from neurospike.models.detection.losses import anchor_loss
from neurospike.models.detection.maps import NUMBERS, WITH_OVERLAP, Maps
from neurospike.models.detection.proposals import Proposals
from neurospike.models.detection.refinement import refine as refined
from neurospike.models.detection.refinement import refinement_loss
from neurospike.models.detection.roi_head import RoIHead
from neurospike.models.detection.voxel_backbone import VoxelBackbone
from neurospike.models.norm_pace import pace_norms
from neurospike.models.registry import register
from neurospike.models.without_spikes import without_spikes
from neurospike.nn import ToBEV
from neurospike.nn.evaluating import evaluating
from neurospike.sparse import VoxelTensor

KITTI_RANGE_M = (0.0, -40.0, -3.0, 70.4, 40.0, 1.0)
KITTI_VOXEL_M = (0.05, 0.05, 0.1)


class E3DSNNDetector(nn.Module):
    """The detector: 3D backbone, spiking backbone on the bird's-eye view, anchor head.

    With a second stage, evaluation mode refines the best proposals within ``forward``, so that
    whoever counts operations sees it; in training ``loss`` runs it on proposals that it samples.

    Attributes
    ----------
    classes
        Names, in the order of the labels.
    grid
        Where the anchors stand.
    voxel_size, point_range
        What the voxels must have been made with, in metres.
    spatial_shape, padded_shape
        Edges of that grid in voxels, and of the one that the stages halve without losing a plane.

    Shape
    -----
    in:  VoxelTensor, features (N, in_features), on a grid of ``spatial_shape``
    out: Maps, averaged over the time steps
    """

    def __init__(
        self,
        backbone: VoxelBackbone,
        bev: BEVBackbone,
        head: AnchorHead,
        *,
        classes: tuple[str, ...],
        grid: AnchorGrid,
        geometry: Geometry,
        refiner: RoIHead | None = None,
    ) -> None:
        super().__init__()
        self.classes = classes
        self.grid = grid
        self.voxel_size = geometry.voxel_size
        self.point_range = geometry.point_range
        self.spatial_shape = geometry.spatial_shape
        self.padded_shape = geometry.padded_shape
        self.backbone = backbone
        self.to_bev = ToBEV()
        self.bev = bev
        self.head = head
        self.refiner = refiner
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def in_features(self) -> int:
        """Features of a voxel."""
        return self.backbone.stem.in_channels

    def forward(self, x: VoxelTensor) -> Maps:
        if x.spatial_shape != self.spatial_shape:
            raise ArgumentError(
                f"E3DSNNDetector.x: must lie on the grid {self.spatial_shape} of its point_range "
                f"and voxel_size; got {x.spatial_shape}. Voxelise with the model's own values."
            )
        if self.training:
            pace_norms(self)
        spikes, fine, stages = self.backbone(x, self.padded_shape)
        maps: Maps = self.head(self.bev(self._seen(spikes), self._seen(fine)))
        if self.refiner is None:
            return maps
        maps = replace(maps, stages=tuple(stages[index] for index in self.refiner.stages))
        if self.training:
            return maps
        return replace(maps, refined=self._refined(self.refiner, maps))

    def _refined(self, refiner: RoIHead, maps: Maps) -> Proposals:
        with evaluating(refiner):
            return refined(refiner, self.grid, maps)

    def _seen(self, spikes: VoxelTensor | None) -> Tensor | None:
        """(T, B, C, X, Y)."""
        if spikes is None:
            return None
        seen: Tensor = self.to_bev(spikes)
        return seen if seen.ndim == 5 else seen[None]

    def loss(
        self, maps: Maps, boxes: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """Losses of a batch: "loss", and its weighted parts "class", "box" and "direction".

        With ``overlap`` there is a part of that name besides, and with ``refine`` there are
        "confidence", "refined" and "corners", of proposals that are sampled here.

        Parameters
        ----------
        boxes
            A tensor (M, 7) of LiDAR boxes a scan, in metres and radians.
        labels
            An integer tensor (M,) a scan: index of the class; below 0, a region where nothing is
            trained.

        Raises
        ------
        ArgumentError
            Another number of scans, a label beyond the classes, a box without extent.
        """
        losses = anchor_loss(self.grid, maps, boxes, labels)
        if self.refiner is None:
            return losses
        more = refinement_loss(self.refiner, self.grid, maps, boxes, labels)
        total = torch.stack([losses["loss"], *more.values()]).sum()
        return {**losses, "loss": total, **more}

    def decode(
        self, maps: Maps, *, score: float = 0.1, nms: float = 0.1, limit: int = 100
    ) -> list[Detections]:
        """Boxes of every scan, best first; with ``refine``, those of the second stage.

        Maps that were made in training are refined here.

        Parameters
        ----------
        score
            Least score of a box.
        nms
            Overlap, seen from above, from which on the worse of two boxes of a class goes.
        limit
            Most boxes of a scan.
        """
        if self.refiner is None:
            return detections(self.grid, maps, score=score, nms=nms, limit=limit)
        second = maps.refined
        if second is None:
            second = self._refined(self.refiner, maps)
        return second.detections(score=score, nms=nms, limit=limit)


@register
def e3dsnn_detector(
    classes: Sequence[str] = ("Car", "Pedestrian", "Cyclist"),
    in_features: int = 4,
    *,
    point_range: Sequence[float] = KITTI_RANGE_M,
    voxel_size: Sequence[float] = KITTI_VOXEL_M,
    stem: int = 16,
    channels: Sequence[int] = (32, 64, 64),
    blocks: int = 2,
    out_channels: int = 128,
    bev_channels: Sequence[int] = (64, 128),
    bev_layers: Sequence[int] = (5, 5),
    up_channels: int = 128,
    output_stride: int | None = None,
    fine_channels: int = 0,
    head_layers: int = 0,
    overlap: bool = False,
    refine: bool = False,
    refine_stages: Sequence[int] = (-2, -1),
    refine_channels: Sequence[int] = (16, 128),
    steps: int = 1,
    max_spikes: int = 4,
    spiking: bool = True,
) -> E3DSNNDetector:
    """Build the E-3DSNN detector.

    Parameters
    ----------
    classes
        What is found, in the order of the labels; each has an anchor in
        ``models.detection.KITTI_ANCHORS``.
    in_features
        Features of a voxel.
    point_range, voxel_size
        Range (x_low, y_low, z_low, x_high, y_high, z_high) and edges of a voxel, in metres; the
        voxels must have been made with both.
    stem, channels, blocks
        3D backbone: channels of the stem and of each stage, blocks a stage.
    out_channels
        Channels of each plane that the bird's-eye view is made of.
    bev_channels, bev_layers, up_channels
        Bird's-eye view: channels of each scale, convolutions after its first one, channels that
        each gives to the head.
    output_stride
        Edge of a cell of the head, in voxels: that of the last stage (8 by default) unless given,
        or half of it.
    fine_channels
        Channels of a map of the last stage but one that joins the bird's-eye view at half the
        stride; 0 for none. It needs ``output_stride`` to be half the last stage's.
    head_layers
        Convolutions on the sum of all scales, before the head; with 0 the head reads each scale,
        as published.
    overlap
        Whether each anchor also says how well its box overlaps the object, and boxes are ranked by
        the root of both: of two boxes the better placed one stays.
    refine
        Whether a second stage looks at each proposal's voxels again, moves its box and says how
        well it is placed; its scores then rank the boxes. The best 100 proposals of a scan are
        refined, whatever they score.
    refine_stages
        Stages of the 3D backbone that it looks at; negative ones count from the last.
    refine_channels
        Its channels: of each stage at a point, and of the layers that read a whole proposal;
        (32, 256) as published.
    steps, max_spikes
        T and D of the integer neurons; the paper's setting is 1 x 4. Raise D before T.
    spiking
        False gives the conventional twin: the same network with ReLU in place of every neuron, at
        one time step whatever ``steps`` says.

    Raises
    ------
    ArgumentError
        An unknown class, a number below 1, a range too low for the stages, another
        ``output_stride``, or a stage that is not there.

    Source
    ------
    E-3DSNN, arXiv:2412.07360: the 3D backbone (stem, three stages, height folded into 128
    channels, overall stride 8). Anchors, box coding, losses and head: Yan et al., SECOND, Sensors
    2018, 18(10), 3337. The widths of the bird's-eye view, and the second stage: Deng et al., Voxel
    R-CNN, AAAI 2021, arXiv:2012.15712; ``RoIHead`` says where it departs. Overlaps: Wu et al.,
    arXiv:1912.05992, here with the root of the product. Ours: neurons and membrane shortcuts in
    the bird's-eye view, one logit an anchor, ``output_stride``, ``fine_channels``,
    ``head_layers``, T > 1, and no second stage unless asked for.

    Examples
    --------
    >>> model = e3dsnn_detector()
    >>> model.spatial_shape
    (1408, 1600, 40)
    """
    _check(
        in_features=in_features, stem=stem, blocks=blocks, out_channels=out_channels,
        up_channels=up_channels, steps=steps, max_spikes=max_spikes,
        channels=min(channels, default=0), bev_channels=min(bev_channels, default=0),
    )  # fmt: skip
    if fine_channels < 0 or head_layers < 0 or len(channels) < 2:
        raise ArgumentError(
            "e3dsnn_detector.fine_channels, head_layers: must be 0 or more, and channels hold two "
            f"stages or more; got {fine_channels}, {head_layers} and {tuple(channels)}."
        )
    if len(bev_layers) != len(bev_channels) or min(bev_layers) < 0:
        raise ArgumentError(
            "e3dsnn_detector.bev_layers: must hold a number, 0 or more, for each of "
            f"{len(bev_channels)} scales; got {tuple(bev_layers)}."
        )
    geometry = Geometry.of(
        voxel_size,
        point_range,
        stages=len(channels),
        scales=len(bev_channels),
        output_stride=output_stride,
    )
    if fine_channels and geometry.enlarge == 1:
        raise ArgumentError(
            f"e3dsnn_detector.fine_channels: needs output_stride={2 ** len(channels) // 2}, where "
            f"its map joins; got {fine_channels} with output_stride={output_stride}."
        )
    low = geometry.point_range[0], geometry.point_range[1]
    grid = AnchorGrid.of_classes(classes, low, geometry.cell)
    backbone = VoxelBackbone(
        in_features,
        stem,
        channels,
        out_channels,
        blocks=blocks,
        steps=steps if spiking else 1,
        max_spikes=max_spikes,
        fine=(fine_channels, geometry.fine_height) if fine_channels else None,
    )
    bev = BEVBackbone(
        geometry.height * out_channels,
        bev_channels,
        bev_layers,
        up_channels,
        max_spikes=max_spikes,
        enlarge=geometry.enlarge,
        fine_inputs=fine_channels,
        head_layers=head_layers,
    )
    each = WITH_OVERLAP if overlap else NUMBERS
    head = AnchorHead(bev.outputs, up_channels, grid.per_cell, each)
    refiner = None
    if refine:
        refiner = RoIHead.on_stages(
            channels, refine_stages, refine_channels, max_spikes=max_spikes, geometry=geometry
        )
    model = E3DSNNDetector(
        backbone, bev, head, classes=tuple(classes), grid=grid, geometry=geometry, refiner=refiner
    )
    return model if spiking else without_spikes(model)


def _check(**numbers: int) -> None:
    for name, value in numbers.items():
        if value < 1:
            raise ArgumentError(f"e3dsnn_detector.{name}: must be 1 or more; got {value}.")
