"""Labels as KITTI's annotators give them, from what the scanner could see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets.calibration import Calibration
from neurospike.datasets.objects import Floats, Objects
from neurospike.datasets.streets_world.world import Scan

_P2 = (
    (721.5377, 0.0, 609.5593, 44.85728),
    (0.0, 721.5377, 172.854, 0.2163791),
    (0.0, 0.0, 1.0, 0.002745884),
)


def camera() -> Calibration:
    """The left colour camera of KITTI's frame 000001 on ``Calibration.typical``'s rig."""
    rig = Calibration.typical()
    return Calibration(np.array(_P2), rig.r0_rect, rig.tr_velo_to_cam, rig.image_size)


LEAST_POINTS = 5
"""Points in the image that an object needs for a label; with fewer it is a region."""
FARTHEST_M = 70.0
OCCLUDED_BELOW = (0.80, 0.40)
"""Shares of an object's own rays that reach it, under which it is partly and largely occluded."""

Annotations = tuple[Floats, tuple[str, ...], NDArray[np.int64], Floats]


def annotate(scan: Scan, points_of: NDArray[np.int64], calibration: Calibration) -> Annotations:
    """Boxes (M, 7), names, occlusion levels (M,) of a scan, and image boxes (R, 4) of regions.

    Parameters
    ----------
    points_of
        Points in the image by instance.

    An object in the image has a label where it has ``LEAST_POINTS`` points within
    ``FARTHEST_M``; one that is fainter or farther is a region, one without a point is nothing,
    and so are classes without a name.
    """
    named = [seen for seen in scan.seen if seen.name is not None]
    if not named:
        return np.zeros((0, 7)), (), np.zeros(0, dtype=np.int64), np.zeros((0, 4))
    boxes = np.array([seen.box for seen in named])
    names = np.array([seen.name for seen in named])
    share = np.array([seen.reached / max(seen.alone, 1) for seen in named])
    level = (share < OCCLUDED_BELOW[0]).astype(np.int64) + (share < OCCLUDED_BELOW[1])
    count = np.array([points_of[seen.instance] for seen in named])
    image = calibration.objects_of(boxes, names.tolist()).bbox
    inside = (image[:, 2] > image[:, 0]) & (image[:, 3] > image[:, 1]) & (count > 0)
    near = np.hypot(boxes[:, 0], boxes[:, 1]) <= FARTHEST_M
    labelled = inside & near & (count >= LEAST_POINTS)
    region = inside & ~labelled
    return boxes[labelled], tuple(names[labelled].tolist()), level[labelled], image[region]


def objects_of(annotations: Annotations, calibration: Calibration) -> Objects:
    """Objects, then regions ("DontCare")."""
    boxes, names, level, regions = annotations
    objects = calibration.objects_of(boxes, names, occluded=level)
    count = len(regions)
    unknown = np.full(count, -1.0)
    return Objects(
        names=(*objects.names, *["DontCare"] * count),
        truncated=np.concatenate([objects.truncated, unknown]),
        occluded=np.concatenate([objects.occluded, np.full(count, -1, dtype=np.int64)]),
        alpha=np.concatenate([objects.alpha, np.full(count, -10.0)]),
        bbox=np.concatenate([objects.bbox, regions]),
        dimensions=np.concatenate([objects.dimensions, np.full((count, 3), -1.0)]),
        location=np.concatenate([objects.location, np.full((count, 3), -1000.0)]),
        rotation_y=np.concatenate([objects.rotation_y, np.full(count, -10.0)]),
    )
