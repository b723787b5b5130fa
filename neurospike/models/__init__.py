"""Networks by name, and their checkpoints."""

from neurospike.models.delay_net import delay_net, delay_net_loss, delay_net_scores
from neurospike.models.e3dsnn import E3DSNN, e3dsnn
from neurospike.models.e3dsnn_detector import E3DSNNDetector, e3dsnn_detector
from neurospike.models.e3dsnn_segmenter import E3DSNNSegmenter, e3dsnn_segmenter
from neurospike.models.registry import CheckpointInfo, create, load, read_info, register, save
from neurospike.models.without_spikes import without_spikes

__all__ = [
    "E3DSNN",
    "CheckpointInfo",
    "E3DSNNDetector",
    "E3DSNNSegmenter",
    "create",
    "delay_net",
    "delay_net_loss",
    "delay_net_scores",
    "e3dsnn",
    "e3dsnn_detector",
    "e3dsnn_segmenter",
    "load",
    "read_info",
    "register",
    "save",
    "without_spikes",
]
