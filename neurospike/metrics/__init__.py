"""Metrics on plain arrays."""

from neurospike.metrics.boxes import rotated_iou, rotated_nms
from neurospike.metrics.kitti_ap import kitti_ap
from neurospike.metrics.kitti_result import KittiAP

__all__ = [
    "KittiAP",
    "kitti_ap",
    "rotated_iou",
    "rotated_nms",
]
