"""The sections of a recipe on LiDAR scans: voxels, tasks, augmentation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from neurospike.train.sections import Amount, Count, Factors, Part, Share


class ScanPart(Part):
    """LiDAR scans into voxels: lengths in metres, axes x forward, y left, z up.

    Attributes
    ----------
    voxel_size, point_range
        Edges of a voxel, and (x_low, y_low, z_low, x_high, y_high, z_high); points outside are
        cropped.
    relative
        Whether features are scaled for a network that starts from nothing: xyz over the range,
        the mean's place within its voxel (-0.5..0.5 an axis), and the intensity: 7 features
        instead of 4, x, y, z and intensity as they stand.
    max_voxels
        Voxels kept of a training sample, drawn at random; 0 keeps all.
    """

    voxel_size: tuple[float, float, float]
    point_range: tuple[float, float, float, float, float, float]
    relative: bool = False
    max_voxels: int = Count


class DetectPart(Part):
    """Which objects are found.

    Attributes
    ----------
    classes
        Names that are learnt and scored, in the order of the network's outputs.
    least_score, nms, limit
        Of what is found, in validation and test: the least score, the overlap seen from above
        from which on the worse of two boxes of a class goes, and the most boxes a scan. Average
        precision wants doubtful boxes too, at the end of its curve.
    """

    classes: tuple[str, ...] = ("Car", "Pedestrian", "Cyclist")
    least_score: float = Field(default=0.05, gt=0, lt=1)
    nms: float = Field(default=0.1, gt=0, le=1)
    limit: int = Field(default=100, ge=1)

    @model_validator(mode="after")
    def _check_classes(self) -> DetectPart:
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("classes must differ from each other")
        return self


class SegmentPart(Part):
    """How points are labelled.

    Attributes
    ----------
    weighted
        Whether the cross entropy weighs a class by -ln(its share of the training points).
    lovasz
        Weight of the Lovasz-softmax loss beside it, arXiv:1705.08790.
    rotations
        Turns about the vertical over which test scores are averaged; 1 is none.
    """

    weighted: bool = True
    lovasz: float = Amount
    rotations: int = Field(default=1, ge=1)


class AugmentScanPart(Part):
    """What only training scans undergo, boxes and labels with them.

    Attributes
    ----------
    flip
        Axes along which a scan is mirrored with probability a half: "y", "x" or "xy".
    rotate_deg, scale, shift_m
        Largest turn about the vertical either way; range of one factor; standard deviation of a
        shift along each axis.
    drop_points
        Largest share of points taken away.
    objects
        Objects of each class pasted from other training scans, as many as make that number in
        all, where they collide with nothing: {"Car": 15}.
    mix
        Probability of swapping a sector of azimuth, and pasting turned objects, with another
        scan, in the manner of PolarMix, arXiv:2208.00223.
    """

    flip: Literal["none", "x", "y", "xy"] = "none"
    rotate_deg: float = Amount
    scale: Factors = (1.0, 1.0)
    shift_m: float = Amount
    drop_points: float = Share
    objects: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    mix: float = Field(default=0.0, ge=0, le=1)
