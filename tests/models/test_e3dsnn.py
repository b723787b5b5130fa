import copy

import pytest
import torch

from neurospike import models, nn
from neurospike.errors import ArgumentError
from neurospike.sparse import VoxelTensor


def cloud(*, batch: int = 2, edge: int = 20, voxels: int = 300, channels: int = 6) -> VoxelTensor:
    generator = torch.Generator().manual_seed(0)
    cells = torch.randperm(batch * edge**3, generator=generator)[:voxels].sort().values
    coords = torch.stack(
        [cells // edge**3, cells // edge**2 % edge, cells // edge % edge, cells % edge], 1
    ).int()
    features = torch.randn(voxels, channels, generator=generator)
    return VoxelTensor(coords, features, (edge, edge, edge), batch)


def make_dyadic(model: torch.nn.Module) -> None:
    """Weights as multiples of 1/64: sums of products with small integers are then exact."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.SubmanifoldConv3d | nn.SparseConv3d):
                module.weight.copy_((module.weight * 64 * 4).round() / 64)


def settle(model: torch.nn.Module, x: VoxelTensor) -> None:
    """Let BatchNorm see the data, so that spikes fire at every depth."""
    model.train()
    for norm in (m for m in model.modules() if isinstance(m, nn.SparseBatchNorm)):
        norm.momentum = 0.5
    with torch.no_grad():
        for _ in range(6):
            model(x)
    model.eval()


@pytest.mark.parametrize(("size", "parameters"), [("T", 1_874_216), ("S", 3_271_144)])
def test_parameters_are_the_published_ones(size: str, parameters: int) -> None:
    assert sum(p.numel() for p in models.e3dsnn(size).parameters()) == parameters


@pytest.mark.parametrize(("size", "millions"), [("L", 17.33), ("H", 46.57)])
def test_parameters_of_large_sizes(size: str, millions: float) -> None:
    with torch.device("meta"):
        model = models.e3dsnn(size)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == millions


def test_logits_have_a_row_a_sample() -> None:
    assert models.e3dsnn("T", num_classes=7)(cloud()).shape == (2, 7)
    assert models.e3dsnn("T", num_classes=7, steps=3)(cloud()).shape == (2, 7)


def test_gradients_reach_every_parameter() -> None:
    model = models.e3dsnn("T", num_classes=3)
    model(cloud()).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("max_spikes", [1, 4])
def test_binary_events_give_the_integer_logits_bit_for_bit(steps: int, max_spikes: int) -> None:
    torch.manual_seed(0)
    model = models.e3dsnn("T", num_classes=5, steps=steps, max_spikes=max_spikes)
    make_dyadic(model)
    # The stem's first convolution takes real values; both modes run the same one.
    settle(model, cloud())
    with torch.no_grad():
        integer = model(cloud())
        nn.spike_mode(model, "unary")
        unary = model(cloud())
    assert integer.abs().max() > 0
    assert torch.equal(integer, unary)


def test_binary_events_agree_layer_by_layer_in_float() -> None:
    torch.manual_seed(1)
    model = models.e3dsnn("T", num_classes=5)
    settle(model, cloud())
    inputs: dict[str, VoxelTensor] = {}
    convs = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.SubmanifoldConv3d | nn.SparseConv3d) and name != "stem.0"
    }
    hooks = [
        module.register_forward_hook(
            lambda _m, args, _out, name=name: inputs.__setitem__(name, args[0])
        )
        for name, module in convs.items()
    ]
    with torch.no_grad():
        model(cloud())
    for hook in hooks:
        hook.remove()
    spiking = 0
    for name, x in inputs.items():
        values = x.features
        if not torch.equal(values, values.round()) or float(values.max()) > 4:
            continue  # the real-valued first layer
        spiking += 1
        with torch.no_grad():
            integer = convs[name](x).features
            events = nn.unary.expand(x, 4)
            unary = convs[name](events).features
        scale = integer.abs().max().clamp(min=1e-6)
        assert (integer - unary).abs().max() <= 1e-5 * scale, name
    assert spiking == len(convs) - 1


def test_an_empty_sample_has_logits_zero() -> None:
    model = models.e3dsnn("T", num_classes=4).eval()
    x = cloud(batch=1)
    both = VoxelTensor(x.coords, x.features, x.spatial_shape, 2)
    with torch.no_grad():
        logits = model(both)
    assert torch.equal(logits[1], torch.zeros(4))
    torch.testing.assert_close(logits[0], model(x)[0])


def test_samples_do_not_meet() -> None:
    model = models.e3dsnn("T", num_classes=4).eval()
    x = cloud()
    first = x.coords[:, 0] == 0
    alone = VoxelTensor(x.coords[first], x.features[first], x.spatial_shape, 1)
    with torch.no_grad():
        torch.testing.assert_close(model(alone)[0], model(x)[0])


def test_odd_edges_keep_their_last_plane() -> None:
    model = models.e3dsnn("T", num_classes=4, in_features=1).eval()
    corner = torch.tensor([[0, 16, 16, 16]], dtype=torch.int32)
    with torch.no_grad():
        logits = model(VoxelTensor(corner, torch.full((1, 1), 50.0), (17, 17, 17), 1))
    assert not torch.equal(logits, torch.zeros(1, 4))


def test_checkpoints_restore_the_logits(tmp_path) -> None:  # type: ignore[no-untyped-def]
    model = models.e3dsnn("T", num_classes=4)
    settle(model, cloud())
    models.save(model, tmp_path / "m.safetensors")
    loaded = models.load(tmp_path / "m.safetensors", factory="e3dsnn")
    with torch.no_grad():
        assert torch.equal(loaded(cloud()), model(cloud()))


def test_a_copy_is_independent() -> None:
    model = models.e3dsnn("T", num_classes=4).eval()
    twin = copy.deepcopy(model)
    with torch.no_grad():
        assert torch.equal(twin(cloud()), model(cloud()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": "XL"}, "must be one of T, S, L, H; got 'XL'"),
        ({"num_classes": 0}, "num_classes: must be 1 or more"),
        ({"max_spikes": 0}, "max_spikes: must be 1 or more"),
        ({"steps": -1}, "steps: must be 1 or more"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        models.e3dsnn(**arguments)  # type: ignore[arg-type]


def test_wrong_features_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"features must be \(N, 6\)"):
        models.e3dsnn("T")(cloud(channels=3))
