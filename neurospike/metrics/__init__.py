"""Metrics on plain arrays."""

from neurospike.metrics.boxes import rotated_iou, rotated_nms

__all__ = [
    "rotated_iou",
    "rotated_nms",
]
