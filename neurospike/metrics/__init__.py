"""Metrics on plain arrays."""

from neurospike.metrics.boxes import rotated_iou, rotated_nms
from neurospike.metrics.confusion import ConfusionMatrix, accuracy, mean_iou
from neurospike.metrics.kitti_ap import kitti_ap
from neurospike.metrics.kitti_result import KittiAP

__all__ = [
    "ConfusionMatrix",
    "KittiAP",
    "accuracy",
    "kitti_ap",
    "mean_iou",
    "rotated_iou",
    "rotated_nms",
]
