"""``emulate``: inputs taken apart, samples put together, options and errors."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from neurospike.errors import ArgumentError
from neurospike.hw import emulate
from neurospike.hw.network import Network, Output, Population, Projection, Space
from neurospike.hw.neuron_models import ILIFModel, LIFModel, Membrane, ReadoutModel, Source
from neurospike.hw.wiring import Taps, Whole, Window
from neurospike.nn.unary import expand
from neurospike.sparse import VoxelTensor

from .networks import FLOAT_NEURONS, chain, eighths, voxels


def grid_network(neuron: Any, **changes: Any) -> Network:
    rng = np.random.default_rng(0)
    window = Window((3, 3), (1, 1), (1, 1), (1, 1))
    network = Network(
        (
            Population("in", Space(2, (4, 5)), Source()),
            Population("conv", Space(3, (4, 5)), neuron),
            Population("out", Space(3), ReadoutModel(0.5)),
        ),
        (
            Projection("w", "in", "conv", window, eighths(rng, (2, 9, 3)), kind="conv"),
            Projection("fc", "conv", "out", Whole(), eighths(rng, (3, 20, 3))),
        ),
        output=Output("out"),
    )
    return replace(network, **changes)


def spikes_of(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    return torch.poisson(torch.full(shape, 0.4), generator=torch.Generator().manual_seed(seed))


def test_convolutions_as_torch_has_them() -> None:
    network, x = grid_network(Membrane()), spikes_of((5, 2, 2, 4, 5))
    trace = emulate(network, x)
    weight = torch.from_numpy(network.projections[0].weight)  # (in, taps, out)
    weight = weight.permute(2, 0, 1).reshape(3, 2, 3, 3)
    for sample in range(2):
        expected = torch.nn.functional.conv2d(x[:, sample].double(), weight, padding=1)
        given = trace.spikes["conv"].reshape(2, 5, 4, 5, 3)[sample]
        np.testing.assert_array_equal(given, expected.movedim(1, -1).numpy())


def test_samples_follow_one_another() -> None:
    network, x = grid_network(ILIFModel(4)), spikes_of((5, 3, 2, 4, 5))
    together = emulate(network, x)
    apart = [emulate(network, x[:, i : i + 1]) for i in range(3)]
    assert together.samples == 3
    assert together.rows == 3 * apart[0].rows
    for name in together.spikes:
        expected = np.concatenate([one.spikes[name] for one in apart])
        np.testing.assert_array_equal(together.spikes[name], expected)
    for i, one in enumerate(apart):
        np.testing.assert_array_equal(together.output[i], one.output[0])
    assert together.total("synops") == sum(one.total("synops") for one in apart)


def test_arrays_and_tensors_are_alike() -> None:
    network, x = grid_network(ILIFModel(4)), spikes_of((5, 1, 2, 4, 5))
    ours, theirs = emulate(network, x.numpy()), emulate(network, x)
    np.testing.assert_array_equal(ours.output[0], theirs.output[0])


@pytest.mark.parametrize("over_time", [None, "mean", "sum"])
@pytest.mark.parametrize("over_sites", [None, "mean", "sum"])
def test_outputs(over_sites, over_time) -> None:
    network = grid_network(Membrane(), output=Output("conv", over_sites, over_time))
    trace = emulate(network, spikes_of((5, 1, 2, 4, 5)))
    values = trace.spikes["conv"].reshape(5, 20, 3)
    if over_sites:
        values = getattr(values, over_sites)(1)
    if over_time:
        values = getattr(values, over_time)(0)
    np.testing.assert_allclose(trace.output[0], values)


def test_outputs_of_integers_are_in_real_units() -> None:
    network = grid_network(ILIFModel(4))
    x = spikes_of((1, 1, 2, 4, 5))  # membranes that leak would lose their fractions
    whole, real = emulate(network, x, quantise=(8, 24)), emulate(network, x)
    np.testing.assert_allclose(whole.output[0], real.output[0], atol=0.05)
    assert whole.network.quantised is not None


def test_static_inputs_are_repeated_or_held() -> None:
    def static(once: bool, steps: int) -> Any:
        network = Network(
            (
                Population("in", Space(2), Source(real=True)),
                Population("out", Space(1), LIFModel(1.0, 1.0)),
            ),
            (Projection("w", "in", "out", Taps(), np.full((2, 1, 1), 0.25), once=once),),
            layout="static",
            steps=steps,
        )
        return emulate(network, torch.tensor([[0.5, 1.0], [2.0, 2.0]]))

    repeated, held = static(once=False, steps=4), static(once=True, steps=4)
    assert repeated.samples == 2
    assert repeated.spikes["out"].ravel().tolist() == [0, 0, 1, 0, 1, 1, 1, 1]
    np.testing.assert_array_equal(repeated.spikes["out"], held.spikes["out"])
    assert (repeated.total("macs"), held.total("macs")) == (16, 4)


def test_voxels_sample_by_sample() -> None:
    network, x = voxels(ILIFModel(4))
    other = x.replace(x.features.flip(1))
    coords = torch.cat((x.coords, other.coords + torch.tensor([1, 0, 0, 0], dtype=torch.int32)))
    batch = VoxelTensor(coords, torch.cat((x.features, other.features), 1), x.spatial_shape, 2)
    together = emulate(network, batch)
    for i, sample in enumerate((x, other)):
        alone = emulate(network, sample)
        assert isinstance(alone.spikes["fine"], np.ndarray)
        for name in alone.spikes:
            np.testing.assert_array_equal(together.spikes[name][i], alone.spikes[name])
    assert together.sites.tolist() == [alone.sites[0].tolist()] * 2


def test_unary_features_are_summed_again() -> None:
    network, x = voxels(ILIFModel(4))
    clipped = x.replace(x.features.clamp(max=4))
    ours, theirs = emulate(network, expand(clipped, 4)), emulate(network, clipped)
    np.testing.assert_array_equal(ours.spikes["again"], theirs.spikes["again"])


def test_an_empty_cloud() -> None:
    network, x = voxels(ILIFModel(4))
    empty = VoxelTensor(x.coords[:0], x.features[:, :0], x.spatial_shape, 1)
    trace = emulate(network, empty)
    assert trace.spikes["fine"].shape == (3, 0)
    assert trace.total("synops") == 0


def test_modes_give_the_same_spikes_and_pre_activations() -> None:
    network, x = voxels(ILIFModel(4))
    unary, graded = emulate(network, x), emulate(network, x, mode="graded")
    for name in unary.spikes:
        np.testing.assert_array_equal(unary.spikes[name], graded.spikes[name])
    assert unary.total("synops") > graded.total("graded_synops") > 0


def test_forced_spikes_of_several_samples() -> None:
    network, x = grid_network(ILIFModel(4)), spikes_of((5, 2, 2, 4, 5))
    own = emulate(network, x)
    forced = own.spikes["conv"].copy()
    assert emulate(network, x, forced={"conv": forced}).margin["conv"].size == 0
    forced[7, 3] += 1
    trace = emulate(network, x, forced={"conv": forced})
    assert trace.margin["conv"].shape[0] >= 1
    assert (trace.spikes["conv"][7] == own.spikes["conv"][7]).all()
    parts = emulate(network, x, forced={"conv": [forced[:5], forced[5:]]})
    np.testing.assert_array_equal(parts.margin["conv"], trace.margin["conv"])


@pytest.mark.parametrize(
    ("inputs", "settings", "message"),
    [
        (None, {}, "inputs: must be a tensor or an array, as the network was lowered with; got N"),
        (spikes_of((5, 1, 2, 4)), {}, r"inputs: must be \(T, B, 2, 4, 5\); got \(5, 1, 2, 4\)"),
        (spikes_of((5, 0, 2, 4, 5)), {}, "inputs: must hold 1 sample or more; got 0"),
        (spikes_of((1, 1, 2, 4, 5)) + 0.5, {}, r"inputs: in sends spikes, .* got \d\.5"),
        (spikes_of((1, 1, 2, 4, 5)) - 1, {}, "inputs: in sends spikes, .* got -1"),
        (spikes_of((1, 1, 2, 4, 5)) * torch.nan, {}, "inputs: in sends spikes, .* got nan"),
        (spikes_of((1, 1, 2, 4, 5)) + 2.0**31, {}, r"inputs: in sends spikes, .* got 2\.147"),
        (spikes_of((0, 1, 2, 4, 5)), {}, "inputs: must have 1 step or more; got 0"),
        (spikes_of((1, 1, 2, 4, 5)), {"placement": "speck2f"}, "placement: .* Placement, .* str"),
        (
            spikes_of((1, 1, 2, 4, 5)),
            {"gate": "x"},
            "gate: must be one of 'voxel', 'spike'; got 'x'",
        ),
        (spikes_of((1, 1, 2, 4, 5)), {"mode": "x"}, "mode: must be one of 'unary', 'graded'"),
        (spikes_of((1, 1, 2, 4, 5)), {"schedule": "x"}, "schedule: must be one of 'layerwise'"),
        (
            spikes_of((1, 1, 2, 4, 5)),
            {"forced": {"conv": np.zeros((2, 3), int)}},
            r"forced\['conv'\]: must be \(1, 60\), steps by neurons, .* got \(1, 3\) for sample 0",
        ),
        (
            spikes_of((1, 1, 2, 4, 5)),
            {"forced": {"in": np.zeros((1, 40), int)}},
            r"forced\['in'\]: a source sends its input",
        ),
    ],
)
def test_bad_arguments(inputs, settings, message) -> None:
    with pytest.raises(ArgumentError, match=f"emulate.{message}"):
        emulate(grid_network(ILIFModel(4)), inputs, **settings)


@pytest.mark.parametrize("quantise", [None, (8, 24)])
@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_real_inputs_are_finite(value, quantise) -> None:
    network = grid_network(ILIFModel(4))
    real = replace(network.populations[0], neuron=Source(real=True))
    network = replace(network, populations=(real, *network.populations[1:]))
    x = spikes_of((2, 1, 2, 4, 5))
    x[1, 0, 1, 2, 3] = value
    with pytest.raises(ArgumentError, match="inputs: in sends finite numbers; got"):
        emulate(network, x, quantise=quantise)


def test_real_inputs_beyond_the_integers_are_refused() -> None:
    network = grid_network(ILIFModel(4))
    real = replace(network.populations[0], neuron=Source(real=True))
    network = replace(network, populations=(real, *network.populations[1:]))
    with pytest.raises(ArgumentError, match=r"when quantised; got 1e\+30"):
        emulate(network, spikes_of((2, 1, 2, 4, 5)) * 0 + 1e30, quantise=(8, 24))


def test_chips_by_name_give_widths() -> None:
    network, x = grid_network(ILIFModel(4)), spikes_of((2, 1, 2, 4, 5))
    named = emulate(network, x, quantise="speck2f").network.quantised
    assert (named.weight_bits, named.membrane_bits) == (8, 16)
    with pytest.raises(ArgumentError, match="name_or_path: must be one of"):
        emulate(network, x, quantise="speck3")


def test_bad_voxels_steps_and_sources() -> None:
    network, x = voxels(ILIFModel(4))
    with pytest.raises(ArgumentError, match=r"must be a VoxelTensor, .* got Tensor"):
        emulate(network, x.features)
    with pytest.raises(ArgumentError, match="must have 2 features a voxel; got 3"):
        emulate(network, x.replace(torch.ones(len(x.active), 3)))
    with pytest.raises(ArgumentError, match=r"must have 7 steps, .* got 3"):
        emulate(replace(network, steps=7), x)
    with pytest.raises(ArgumentError, match="must have one source at most; got in, real"):
        emulate(chain(FLOAT_NEURONS["lif"]), spikes_of((2, 1, 2, 4, 5)))
    with pytest.raises(ArgumentError, match="a network without a source runs for its own"):
        emulate(Network((Population("a", Space(1), Membrane()),), ()), None)


def test_samples_side_by_side_are_the_same(monkeypatch) -> None:
    network, x = grid_network(ILIFModel(4)), spikes_of((5, 6, 2, 4, 5))
    alone = emulate(network, x)
    monkeypatch.setattr("neurospike.hw.emulation.emulating._LARGE", 1)
    monkeypatch.setattr("numba.config.NUMBA_NUM_THREADS", 3)
    together = emulate(network, x)
    for name in alone.spikes:
        np.testing.assert_array_equal(together.spikes[name], alone.spikes[name])
    np.testing.assert_array_equal(
        together.projections["w"]["synops"], alone.projections["w"]["synops"]
    )
