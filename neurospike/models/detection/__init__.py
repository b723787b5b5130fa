"""Parts of detectors: anchors, box coding, targets, losses, the bird's-eye view, decoding."""

from neurospike.models.detection.anchors import KITTI_ANCHORS, Anchor, AnchorGrid
from neurospike.models.detection.decoding import Detections
from neurospike.models.detection.maps import Maps

__all__ = ["KITTI_ANCHORS", "Anchor", "AnchorGrid", "Detections", "Maps"]
