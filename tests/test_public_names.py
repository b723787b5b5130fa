"""The public names stand still: a change here is a change for users."""

import importlib
import inspect

import pytest

NAMES = {
    "neurospike.nn": [
        "ILIF",
        "LIF",
        "LeakyReadout",
        "SparseBatchNorm",
        "SparseConv3d",
        "SparseGlobalPool",
        "SparseInverseConv3d",
        "SpikingSequential",
        "Stateful",
        "SubmanifoldConv3d",
        "ToDense",
        "UnarySpikes",
        "spike_mode",
    ],
    "neurospike.sparse": ["VoxelTensor", "cat"],
    "neurospike.encoders": ["SpikeVoxelCoding", "Voxelizer", "load_svc", "save_svc"],
    "neurospike.models": ["create", "e3dsnn", "load", "read_info", "register", "save"],
    "neurospike.hw": ["addressing", "ann_twin", "compare", "count", "counts"],
    "neurospike.datasets": ["KITTI", "ModelNet", "OccupancyVoxels", "Solids", "collate_points"],
    "neurospike.train": ["evaluate", "fit", "load_recipe", "parse_recipe"],
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
    "neurospike.nn.SubmanifoldConv3d": "in_channels out_channels kernel_size * dilation bias",
    "neurospike.nn.SparseConv3d": "in_channels out_channels kernel_size * stride padding dilation "
    "bias",
    "neurospike.nn.SparseInverseConv3d": "in_channels out_channels * of bias",
    "neurospike.nn.SparseGlobalPool": "mode",
    "neurospike.nn.spike_mode": "model mode",
    "neurospike.sparse.VoxelTensor": "coords features spatial_shape batch_size",
    "neurospike.encoders.SpikeVoxelCoding": "in_channels channels steps max_spikes",
    "neurospike.models.e3dsnn": "size num_classes in_features steps max_spikes",
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
