"""The public names stand still: a change here is a change for users."""

import importlib
import inspect

import pytest

NAMES = {
    "neurospike.nn": [
        "AdLIF",
        "CubaLIF",
        "DelayConv1d",
        "DelayConv2d",
        "DelayLinear",
        "ILIF",
        "LIF",
        "LeakyReadout",
        "QuantisedReLU",
        "ReLU",
        "RecurrentDelay",
        "SequenceDropout",
        "SparseBatchNorm",
        "SparseConv3d",
        "SparseGlobalPool",
        "SparseInverseConv3d",
        "SpikingSequential",
        "Stateful",
        "SubmanifoldConv3d",
        "ToBEV",
        "ToDense",
        "UnarySpikes",
        "checkpoint_time",
        "share_norms",
        "spike_mode",
    ],
    "neurospike.sparse": ["VoxelTensor", "cat"],
    "neurospike.encoders": [
        "Cochlea",
        "Mel",
        "RelativeVoxelizer",
        "SpikeVoxelCoding",
        "Voxelizer",
        "bin_events",
        "condition_speech",
        "decode_delta",
        "decode_latency",
        "decode_rate",
        "delta",
        "latency",
        "load_svc",
        "rate",
        "save_svc",
    ],
    "neurospike.encoders.projections": [
        "BirdsEye",
        "DenseVoxels",
        "DepthViews",
        "PointPatches",
        "PointSet",
        "Projection",
        "RangeImage",
        "SequenceImage",
        "create_projection",
        "projection_names",
    ],
    "neurospike.baselines": ["Baseline", "add", "create", "find", "known", "list"],
    "neurospike.interop": ["from_dcls", "from_spikingjelly"],
    "neurospike.metrics": [
        "ConfusionMatrix",
        "KittiAP",
        "accuracy",
        "kitti_ap",
        "mean_iou",
        "rotated_iou",
        "rotated_nms",
    ],
    "neurospike.models": [
        "create",
        "delay_net",
        "delay_net_loss",
        "e3dsnn",
        "e3dsnn_detector",
        "e3dsnn_segmenter",
        "load",
        "read_info",
        "register",
        "save",
        "without_spikes",
    ],
    "neurospike.hw": [
        "Chip",
        "Interval",
        "Report",
        "addressing",
        "ann_twin",
        "compare",
        "contest",
        "count",
        "counts",
        "delay_storage",
        "emulate",
        "integer_twin",
        "list_chips",
        "load_chip",
        "lower",
        "lowers",
        "place",
        "place_as",
        "predict_both",
        "price",
        "quantise",
        "relay_delays",
        "replay",
        "verify",
    ],
    "neurospike.datasets": [
        "Calibration",
        "FSDD",
        "KITTI",
        "ModelNet",
        "Objects",
        "OccupancyVoxels",
        "SHD",
        "SSC",
        "SemanticKITTI",
        "Solids",
        "SpeechCommands",
        "SpokenTones",
        "Streets",
        "collate_points",
        "difficulty",
        "read_labels",
        "read_objects",
        "read_wave",
        "write_kitti_frame",
        "write_labels",
        "write_objects",
        "write_semantic_scan",
        "write_spikes",
    ],
    "neurospike.train": [
        "ActivityLoss",
        "SigmaSchedule",
        "evaluate",
        "fit",
        "load_recipe",
        "parse_recipe",
    ],
    "neurospike.runtime": ["GraphedStream", "ScanSession", "read_boxes", "write_boxes"],
    "neurospike.functional.surrogate": [
        "ATan",
        "FastSigmoid",
        "Rectangle",
        "Sigmoid",
        "Triangle",
    ],
    "neurospike.errors": [
        "ArgumentError",
        "BackendUnavailableError",
        "ChipLimitError",
        "DataError",
        "NeurospikeError",
        "StateError",
        "UncountedLayerError",
        "UnloweredLayerError",
    ],
    "neurospike.testing": [
        "assert_matches_dense",
        "assert_step_equals_sequence",
        "assert_translation_equivariant",
    ],
}

# Parameters by name, in order; those after the star are keyword-only.
SIGNATURES = {
    "neurospike.nn.LIF": "tau threshold v_reset reset decay_input detach_reset surrogate "
    "learnable_tau * backend",
    "neurospike.nn.ILIF": "max_spikes beta * backend",
    "neurospike.nn.UnarySpikes": "max_spikes",
    "neurospike.nn.DelayLinear": "in_features out_features max_delay taps per spread tail * sigma",
    "neurospike.encoders.Cochlea": "channels sample_rate seed",
    "neurospike.hw.lower": "model example * inputs_are_spikes layout",
    "neurospike.models.delay_net_loss": "membranes labels * label_smoothing",
    "neurospike.nn.SubmanifoldConv3d": "in_channels out_channels kernel_size * dilation bias",
    "neurospike.nn.SparseConv3d": "in_channels out_channels kernel_size * stride padding dilation "
    "bias",
    "neurospike.nn.SparseInverseConv3d": "in_channels out_channels * of bias",
    "neurospike.nn.SparseGlobalPool": "mode",
    "neurospike.nn.spike_mode": "model mode",
    "neurospike.sparse.VoxelTensor": "coords features spatial_shape batch_size",
    "neurospike.encoders.SpikeVoxelCoding": "in_channels channels steps max_spikes",
    "neurospike.models.e3dsnn": "size num_classes in_features steps max_spikes",
    "neurospike.hw.load_chip": "name_or_path",
    "neurospike.hw.place": "network chip example * style",
    "neurospike.hw.emulate": "network inputs placement gate quantise * mode schedule generator "
    "forced",
    "neurospike.hw.price": "trace chip convention",
    "neurospike.baselines.create": "name * in_channels num_classes image_size size",
    "neurospike.models.save": "model path * extra",
    "neurospike.models.load": "path * factory",
}


@pytest.mark.parametrize("package", NAMES)
def test_names_are_there_and_listed(package: str) -> None:
    module = importlib.import_module(package)
    for name in NAMES[package]:
        assert hasattr(module, name), name
        assert name in module.__all__, name


@pytest.mark.parametrize("path", SIGNATURES)
def test_arguments_keep_their_names_and_order(path: str) -> None:
    package, _, name = path.rpartition(".")
    target = getattr(importlib.import_module(package), name)
    parameters = inspect.signature(target).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    expected_positional, _, expected_keywords = SIGNATURES[path].partition("*")
    assert positional == expected_positional.split()
    assert keywords == expected_keywords.split()


def test_every_listed_name_exists() -> None:
    import neurospike

    for part in neurospike.__all__:
        module = importlib.import_module(f"neurospike.{part}")
        for name in getattr(module, "__all__", []):
            assert hasattr(module, name), f"neurospike.{part}.{name}"
