import copy
from typing import Any

import numpy as np
import pytest
import torch

from neurospike import hw, models, nn
from neurospike.errors import ArgumentError
from neurospike.sparse import VoxelTensor

SMALL: dict[str, Any] = {
    "num_classes": 5,
    "stem": 4,
    "channels": (4, 8),
    "blocks": 1,
    "decoder": 8,
}


def scan(*, batch: int = 2, edge: int = 20, voxels: int = 300) -> VoxelTensor:
    generator = torch.Generator().manual_seed(0)
    cells = torch.randperm(batch * edge**3, generator=generator)[:voxels].sort().values
    coords = torch.stack(
        [cells // edge**3, cells // edge**2 % edge, cells // edge % edge, cells % edge], 1
    ).int()
    features = torch.randn(voxels, 4, generator=generator)
    return VoxelTensor(coords, features, (edge, edge, edge), batch)


SYNAPSES = (nn.SubmanifoldConv3d, nn.SparseConv3d, nn.SparseInverseConv3d, torch.nn.Linear)


def settled(*, dyadic: bool = False, **changes: Any) -> torch.nn.Module:
    """A small network whose norms have seen the data, so that spikes fire at every depth.

    Weights that are multiples of 1/64 make sums of their products with small integers exact.
    """
    torch.manual_seed(0)
    model = models.e3dsnn_segmenter(**{**SMALL, **changes})
    with torch.no_grad():
        for module in model.modules():
            if dyadic and isinstance(module, SYNAPSES):
                module.weight.copy_((module.weight * 256).round() / 64)
        for _ in range(6):
            model(scan())
    return model.eval()


def test_parameters_are_the_published_ones() -> None:
    model = models.e3dsnn_segmenter(num_classes=19, in_features=4)
    assert sum(p.numel() for p in model.parameters()) == 20_049_683
    assert sum(p.numel() for p in models.e3dsnn_segmenter().parameters()) == 20_049_683


@pytest.mark.parametrize("steps", [1, 3])
def test_logits_have_a_row_a_voxel(steps: int) -> None:
    x = scan()
    assert models.e3dsnn_segmenter(**SMALL, steps=steps)(x).shape == (len(x.coords), 5)


def test_stages_up_may_differ_in_width() -> None:
    model = models.e3dsnn_segmenter(**{**SMALL, "decoder": (4, 16)})
    assert [part.out_features for part in model.modules() if isinstance(part, torch.nn.Linear)] == [
        *(4, 4),  # the finest voxels
        *(16, 16),
        5,
    ]
    assert model(scan()).shape == (300, 5)


def test_gradients_reach_every_parameter() -> None:
    model = models.e3dsnn_segmenter(**SMALL)
    model(scan()).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0 or name.endswith("bias"), name


@pytest.mark.parametrize("steps", [1, 2])
def test_binary_events_give_the_integer_logits_bit_for_bit(steps: int) -> None:
    model = settled(steps=steps, dyadic=True)
    with torch.no_grad():
        integer = model(scan())
        unary = nn.spike_mode(model, "unary")(scan())
    assert integer.abs().max() > 0
    assert torch.equal(integer, unary)


def test_samples_do_not_meet() -> None:
    model = settled()
    x = scan()
    first = x.coords[:, 0] == 0
    alone = VoxelTensor(x.coords[first], x.features[first], x.spatial_shape, 1)
    with torch.no_grad():
        torch.testing.assert_close(model(alone), model(x)[first])


def test_evaluation_sees_the_trained_network_after_one_batch() -> None:
    torch.manual_seed(0)
    model = models.e3dsnn_segmenter(**SMALL, spiking=False)
    with torch.no_grad():
        trained = model(scan())
        # Evaluation takes the unbiased variance, which few voxels tell from the other one.
        difference = model.eval()(scan()) - trained
    assert difference.std() < 0.2 * trained.std()


def test_awkward_scans() -> None:
    model = settled()
    nothing = VoxelTensor(torch.zeros(0, 4, dtype=torch.int32), torch.zeros(0, 4), (9, 9, 9), 2)
    one = VoxelTensor(torch.tensor([[0, 8, 8, 8]]), torch.ones(1, 4), (9, 9, 9), 1)
    with torch.no_grad():
        assert model(nothing).shape == (0, 5)
        assert model(one).shape == (1, 5)
    assert model.train()(one).shape == (1, 5)


def test_the_conventional_twin_is_one_switch() -> None:
    torch.manual_seed(3)
    spiking = models.e3dsnn_segmenter(**SMALL)
    torch.manual_seed(3)
    twin = models.e3dsnn_segmenter(**SMALL, spiking=False)
    assert not any(isinstance(part, nn.ILIF) for part in twin.modules())
    after = hw.ann_twin(spiking)
    with torch.no_grad():
        assert torch.equal(twin.eval()(scan()), after.eval()(scan()))


def test_counting_knows_every_layer() -> None:
    found = hw.count(settled(), scan())
    twin = hw.count(settled(spiking=False), scan())
    assert found.synops > 0
    assert found.synops < twin.macs
    # The first convolution and the head meet real numbers.
    real = [layer.name for layer in found.layers if layer.macs > 0]
    assert real[0].startswith("stem.convs.0")
    assert real[-1].startswith("head")


def test_lowering_knows_every_layer() -> None:
    model = settled().double()
    x = scan(batch=1, edge=12, voxels=200)
    x = x.replace(x.features.double())
    network = hw.lower(model, x)
    found = hw.verify(model, network, x)
    assert found.floats_passed, found.table()
    with torch.no_grad():
        logits = model(x).numpy()
    trace = hw.emulate(network, x)
    np.testing.assert_allclose(trace.output[0][0], logits, atol=1e-6)


def test_checkpoints_restore_the_logits(tmp_path: Any) -> None:
    model = settled(spiking=True)
    models.save(model, tmp_path / "m.safetensors")
    loaded = models.load(tmp_path / "m.safetensors", factory="e3dsnn_segmenter")
    with torch.no_grad():
        assert torch.equal(loaded(scan()), model(scan()))
        assert torch.equal(copy.deepcopy(model)(scan()), model(scan()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "num_classes: must be 1 or more"),
        ({"decoder": (4, 8)}, "as many as channels, 4; got 2"),
        ({"channels": ()}, "Give the channels of a stage"),
        ({"channels": (4, 0)}, "channels: must be 1 or more"),
        ({"max_spikes": 0}, "max_spikes: must be 1 or more"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        models.e3dsnn_segmenter(**arguments)


def test_wrong_features_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"features must be \(N, 7\)"):
        models.e3dsnn_segmenter(**SMALL, in_features=7)(scan())
