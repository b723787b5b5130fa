"""The stem: shapes, spikes, time, unary events, and the reference composition."""

from pathlib import Path

import numpy as np
import pytest
import torch

from neurospike import nn as snn
from neurospike.encoders import SpikeVoxelCoding, Voxelizer, encode_points, load_svc
from neurospike.errors import ArgumentError, StateError
from neurospike.nn.unary import collapse
from neurospike.sparse import VoxelTensor


def cloud(points: int = 400, channels: int = 4, batch_size: int = 2) -> VoxelTensor:
    rng = np.random.default_rng(0)
    xyz = rng.random((points, 3)).astype(np.float32)
    features = rng.normal(size=(points, channels - 3)).astype(np.float32)
    batch = rng.integers(0, batch_size, points)
    return Voxelizer(0.1)(xyz, features, batch, batch_size)[0]


def stem(steps: int = 1, max_spikes: int = 4, channels: int = 8) -> SpikeVoxelCoding:
    """A stem in evaluation mode whose norms are strong enough for spikes of every size."""
    torch.manual_seed(0)
    built = SpikeVoxelCoding(4, channels, steps=steps, max_spikes=max_spikes).eval()
    with torch.no_grad():
        for norm, gain in zip(built.norms, (8.0, 6.0, 6.0), strict=True):
            norm.weight.fill_(gain)
            norm.bias.uniform_(0.0, 1.0)
    return built


def test_the_published_stem_has_16512_parameters() -> None:
    assert sum(p.numel() for p in SpikeVoxelCoding(6, 16).parameters()) == 16_512


def test_weights_and_norms_start_as_published() -> None:
    torch.manual_seed(0)
    built = SpikeVoxelCoding(16, 32)
    for conv, norm in zip(built.convs, built.norms, strict=True):
        assert conv.bias is None
        assert float(conv.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
        assert abs(float(conv.weight.detach().mean())) < 1e-3
        assert (norm.eps, norm.momentum) == (1e-3, 0.01)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("max_spikes", [1, 4])
def test_spikes_are_integers_on_the_same_voxels(steps: int, max_spikes: int) -> None:
    x = cloud()
    y = stem(steps, max_spikes)(x)
    rows = len(x.coords)
    assert y.features.shape == ((rows, 8) if steps == 1 else (steps, rows, 8))
    assert y.active is x.active
    assert set(y.features.unique().tolist()) == {float(v) for v in range(max_spikes + 1)}


def test_it_is_three_times_convolution_norm_and_spike() -> None:
    x, built = cloud(), stem()
    expected = x
    for conv, norm, neuron in zip(built.convs, built.norms, built.neurons, strict=True):
        expected = neuron(norm(conv(expected)))
    assert torch.equal(built(x).features, expected.features)


def test_time_repeats_the_first_current() -> None:
    x, built = cloud(), stem(steps=3)
    current = built.current(x)
    neuron = snn.ILIF(4)
    state = neuron.init_state(current)
    first = built.neurons[0](current.replace(current.features.expand(3, -1, -1)))
    for t in range(3):
        spikes, state = neuron.step(current, state)
        assert torch.equal(spikes.features, first.features[t])


def test_training_statistics_are_counted_once() -> None:
    """The first norm sees the current before it is repeated in time."""
    x = cloud()
    one, three = stem(1).train(), stem(3).train()
    one(x), three(x)
    assert torch.equal(one.norms[0].running_var, three.norms[0].running_var)
    assert int(three.norms[0].num_batches_tracked) == 1


@pytest.mark.parametrize("mode", ["integer", "unary"])
@pytest.mark.parametrize("steps", [1, 3])
def test_steps_equal_the_sequence(steps: int, mode: str) -> None:
    x, built = cloud(), snn.spike_mode(stem(steps), mode)
    whole = built(x)
    state = built.init_state(x)
    assert len(state) == 3
    parts = []
    for _ in range(steps):
        y, state = built.step(x, state)
        assert y.virtual_steps == whole.virtual_steps
        parts.append(y.features if mode == "unary" else y.features[None])
    together = torch.cat(parts)
    assert torch.equal(together.reshape(whole.features.shape), whole.features)


@pytest.mark.parametrize("steps", [1, 2])
def test_unary_events_carry_the_same_spikes(steps: int) -> None:
    """With dyadic weights and norms that do nothing every sum is exact, so bits are equal."""
    built = stem(steps)
    generator = torch.Generator().manual_seed(1)
    for conv, norm in zip(built.convs, built.norms, strict=True):
        weight = torch.randint(-8, 9, conv.weight.shape, generator=generator)
        conv.weight.data = weight.float() / 16
        norm.weight.data.fill_(1.0)
        norm.bias.data.zero_()
        norm.running_var.fill_(1.0 - norm.eps)
    x = cloud()
    x = x.replace((x.features * 8).round() / 8)
    integers = built(x)
    events = snn.spike_mode(built, "unary")(x)
    assert events.virtual_steps == 4
    assert events.features.shape == (4 * steps, len(x.coords), 8)
    assert set(events.features.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(collapse(events).features, integers.features)


def test_gradients_reach_every_parameter() -> None:
    built = stem(steps=2).train()
    built(cloud()).features.square().sum().backward()
    for name, parameter in built.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().max()) > 0, name


def test_it_composes_in_a_sequential() -> None:
    pool = snn.SpikingSequential(stem(), snn.SubmanifoldConv3d(8, 2), snn.SparseGlobalPool("mean"))
    assert pool(cloud()).shape == (2, 2)


@pytest.mark.parametrize("points", [0, 1])
@pytest.mark.parametrize("steps", [1, 2])
def test_tiny_clouds_are_legal(points: int, steps: int) -> None:
    y = stem(steps)(cloud(points, batch_size=1))
    assert y.features.shape[-2:] == (points, 8)


def test_bad_input_is_named() -> None:
    with pytest.raises(ArgumentError, match="channels: must be 1 or more; got 0"):
        SpikeVoxelCoding(3, 0)
    with pytest.raises(ArgumentError, match="steps: must be 1 or more"):
        SpikeVoxelCoding(3, 4, steps=0)
    with pytest.raises(ArgumentError, match=r"features must be \(N, 4\), one time step"):
        stem()(cloud(channels=5))
    x = cloud()
    with pytest.raises(ArgumentError, match="one time step"):
        stem()(x.replace(x.features[None]))
    with pytest.raises(StateError, match="3 membranes; got 1"):
        stem().step(x, stem().init_state(x)[:1])
    with pytest.raises(StateError, match="start from init_state"):
        stem().step(x, stem().init_state(cloud(50)))


@pytest.mark.parametrize("mode", ["integer", "unary"])
@pytest.mark.parametrize("steps", [1, 2])
def test_a_scan_is_encoded_through_a_stem(tmp_path: Path, steps: int, mode: str) -> None:
    rng = np.random.default_rng(0)
    scan = rng.random((500, 4)).astype(np.float32)
    built = stem(steps).train()
    before = built.norms[0].running_mean.clone()
    snn.spike_mode(built, mode)
    path = tmp_path / "a.svc"
    report = encode_points(scan[:, :3], scan[:, 3], voxel_size=0.1, out=path, stem=built)
    assert built.training
    assert torch.equal(before, built.norms[0].running_mean)
    after = load_svc(path)
    expected = built.eval()(Voxelizer(0.1)(scan[:, :3], scan[:, 3])[0])
    assert torch.equal(after.voxels.features, collapse(expected).features)
    assert (after.coding, after.steps, after.max_spikes) == ("checkpoint", steps, 4)
    assert (report.coding, report.steps, report.channels) == ("checkpoint", steps, 8)
    assert report.spikes == int(after.voxels.features.sum())
