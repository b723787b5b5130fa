"""Random networks whose sums are exact: weights and inputs in eighths, decays in quarters."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from neurospike.hw.network import Network, Population, Projection, Quantisation, Shortcut, Space
from neurospike.hw.neuron_models import (
    AdLIFModel,
    CubaModel,
    ILIFModel,
    LIFModel,
    Membrane,
    NeuronModel,
    ReadoutModel,
    Source,
    fires,
)
from neurospike.hw.pairs import pairs_of
from neurospike.hw.sites import active_sets, site_count
from neurospike.hw.wiring import Level, Pointwise, Submanifold, Taps, Transposed, Whole, Window
from neurospike.sparse import ActiveSet, VoxelTensor

CUBA = {"keep_syn": 0.5, "keep_mem": 0.75, "threshold": np.array([1.0, 2.0, 3.0])}
ADLIF = {"alpha": 0.5, "beta": 0.75, "a": 0.25, "b": np.array([0.5, 1.0, 0.0]), "threshold": 1.0}
FLOAT_NEURONS: dict[str, NeuronModel] = {
    "lif": LIFModel(0.5, np.array([1.0, 2.0, 0.5])),
    "lif soft": LIFModel(np.array([0.5, 1.0, 0.25]), 1.0, soft=True, gain=0.5),
    "lif strict": LIFModel(0.75, 1.0, v_reset=-0.5, strict=True),
    "ilif": ILIFModel(4),
    "cuba": CubaModel(CUBA),
    "cuba soft": CubaModel(CUBA | {"soft": 1}),
    "cuba whole": CubaModel(CUBA | {"scale": 64.0}),
    "adlif": AdLIFModel(ADLIF),
    "adlif euler": AdLIFModel(ADLIF | {"euler": 1, "soft": 1}),
    "readout": ReadoutModel(np.array([0.5, 0.75, 1.0]), gain=0.25),
    "membrane": Membrane(),
}
INTEGER_NEURONS: dict[str, NeuronModel] = {
    "lif": LIFModel(3000, np.array([20, 30, 40])),
    "lif soft": LIFModel(np.array([4096, 100, 0]), 25, v_reset=-3, soft=True),
    "lif strict": LIFModel(2048, 20, strict=True),
    "ilif": ILIFModel(4, beta=1024, unit=16),
    "cuba": CubaModel({"keep_syn": 2048, "keep_mem": 3072, "threshold": 30}),
    "cuba soft": CubaModel({"keep_syn": 2048, "keep_mem": 3072, "threshold": 30, "soft": 1}),
    "readout": ReadoutModel(np.array([2048, 4096, 0])),
    "membrane": Membrane(),
}


def eighths(rng: np.random.Generator, shape: Sequence[int]) -> np.ndarray[Any, Any]:
    return rng.integers(-8, 9, shape) / 8


def weights(rng: np.random.Generator, shape: Sequence[int], integer: bool) -> Any:
    whole = rng.integers(-30, 31, shape).astype(np.int32)
    return whole if integer else eighths(rng, shape) * 2


def chain(neuron: NeuronModel, *, integer: bool = False, seed: int = 0, bits: int = 24) -> Network:
    """Grid, dense and delayed projections, groups, a loop, a held current and a shortcut."""
    rng = np.random.default_rng(seed)

    def w(*shape: int) -> Any:
        return weights(rng, shape, integer)

    def delay(*shape: int, least: int = 0, most: int = 4) -> Any:
        return rng.integers(least, most + 1, shape).astype(np.int32)

    grid, one = Space(3, (4, 5)), Space(3)
    bias = rng.integers(-4, 5, 3) if integer else eighths(rng, (3,))
    field = rng.integers(-4, 5, (20, 3)) if integer else eighths(rng, (20, 3))
    spiking = neuron if fires(neuron) else (ILIFModel(2, 1024, 16) if integer else ILIFModel(2))
    window = Window((3, 3), (1, 1), (1, 1), (1, 1))
    populations = (
        Population("in", Space(2, (4, 5)), Source()),
        Population("real", Space(1), Source(real=True)),
        Population("first", grid, spiking, bias),
        Population("grouped", grid, neuron, field),
        Population("beside", grid, Membrane(), extra_steps=2),
        Population("loop", one, spiking, extra_steps=4),
        Population("out", one, ReadoutModel(2048 if integer else 0.5), extra_steps=4),
    )
    projections = (
        Projection("conv", "in", "first", window, w(2, 9, 3), kind="conv"),
        Projection(
            "back", "first", "first", Pointwise(), w(3, 1, 3), delay=delay(3, 1, 3, least=1)
        ),
        Projection("depthwise", "first", "grouped", window, w(3, 9, 1), groups=3),
        Projection("into", "grouped", "beside", Pointwise(), w(3, 1, 3)),
        Projection("held", "real", "loop", Taps(), w(1, 1, 3), once=True, shift=2 * integer),
        Projection("whole", "grouped", "loop", Whole(), w(3, 20, 3), delay=delay(3, 20, 3)),
        Projection("again", "loop", "loop", Taps(2), w(3, 2, 3), delay=delay(3, 2, 3, least=2)),
        Projection("last", "loop", "out", Taps(), w(3, 1, 3)),
    )
    network = Network(populations, projections, (Shortcut("skip", "first", "beside"),))
    if integer:
        scale = {p.name: 1.0 for p in populations}
        network = replace(network, quantised=Quantisation(8, bits, scale))
    return network


def chain_inputs(network: Network, steps: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    real = rng.integers(-9, 10, (steps, 1)) if network.quantised else eighths(rng, (steps, 1))
    return {"in": rng.poisson(0.4, (steps, 40)), "real": real}


def voxels(
    neuron: NeuronModel, *, integer: bool = False, seed: int = 0
) -> tuple[Network, VoxelTensor]:
    """Submanifold, strided and inverse convolutions on a small cloud."""
    rng = np.random.default_rng(seed)
    window = Window((2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1))
    shape = (6, 6, 4)
    fine, coarse = Space(3, shape, 0), Space(3, (3, 3, 2), 1)
    bias = rng.integers(-4, 5, 3) if integer else eighths(rng, (3,))

    def w(*size: int) -> Any:
        return weights(rng, size, integer)

    populations = (
        Population("in", Space(2, shape, 0), Source()),
        Population("fine", fine, neuron, bias),
        Population("coarse", coarse, neuron),
        Population("again", fine, neuron, bias),
    )
    near = Submanifold((3, 3, 3), (1, 1, 1))
    projections = (
        Projection("stem", "in", "fine", near, w(2, 27, 3), kind="conv"),
        Projection("down", "fine", "coarse", window, w(3, 8, 3), kind="conv"),
        Projection("up", "coarse", "again", Transposed(window), w(3, 8, 3), kind="conv"),
        Projection("same", "fine", "again", near, w(3, 27, 3), kind="conv"),
    )
    levels = (Level(shape), Level((3, 3, 2), 0, window))
    scale = {p.name: 1.0 for p in populations}
    network = Network(
        populations, projections, levels=levels, layout="voxels",
        quantised=Quantisation(8, 16, scale) if integer else None,
    )  # fmt: skip
    keys = np.sort(rng.choice(6 * 6 * 4, 40, replace=False))
    i, j, k = np.unravel_index(keys, shape)
    coords = torch.from_numpy(np.stack((0 * i, i, j, k), 1).astype(np.int32))
    features = torch.from_numpy(rng.poisson(0.6, (3, 40, 2)).astype(np.float32))
    return network, VoxelTensor(coords, features, shape, 1)


def geometry(network: Network, x: VoxelTensor | None = None) -> dict[str, Any]:
    """Arguments of ``run`` that say where everything is."""
    sets: list[ActiveSet] = [] if x is None else active_sets(network, x)
    return {
        "pairs": {p.name: pairs_of(p, network, sets) for p in network.projections},
        "sites": {p.name: site_count(p.space, sets) for p in network.populations},
    }
