"""SANA-FE's gesture network on both sides: the weights, thresholds, input and cores it ships.

The network classifies one frame of 32 x 32 pixels, which are the biases of its first layer: four
convolutions without padding and a dense layer of integrate-and-fire neurons that fire above their
threshold and start again from 0. SANA-FE numbers neurons channel by channel, this package site by
site.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.errors import MissingExtraError
from neurospike.hw.network import Network, Population, Projection, Space
from neurospike.hw.neuron_models import LIFModel
from neurospike.hw.placement import Mesh, Placement
from neurospike.hw.wiring import Whole, Window

NAME = "SANA-FE, C++"
STEPS = 100
GRIDS = ((1, 32), (16, 15), (32, 13), (64, 11), (11, 9))
"""Channels and edge of every layer on a grid, the input's first; then 11 classes."""
CORES = (1, 4, 16, 16, 4, 1)
"""Cores of every layer, as SANA-FE's tutorial has them: equal shares of the neurons in order."""
MESH = Mesh(width=8, height=4, cores_per_tile=4)

Array = NDArray[Any]


def load() -> Any:
    """The sanafe package.

    Raises
    ------
    MissingExtraError
        sanafe is not installed.
    """
    try:
        import sanafe
        import sanafe.layers
    except ImportError as error:
        raise MissingExtraError(
            "bench.emulator: compares with SANA-FE, which is not installed; pip install sanafe."
        ) from error
    return sanafe


def gesture_arrays() -> dict[str, Array]:
    """Weights conv1..conv4 (3, 3, C_in, C_out) and dense1, thresholds (6,), inputs (1024,)."""
    from importlib.resources import files

    load()
    with files("sanafe.examples").joinpath("dvs_challenge.npz").open("rb") as file:
        return dict(np.load(file))


def gesture_network(arrays: dict[str, Array], steps: int = STEPS) -> Network:
    """The same network as populations and projections.

    SANA-FE prices every synapse of it as a dense one, the default of its architecture; so here.
    """
    thresholds = arrays["thresholds"]
    populations, projections = [], []
    for index, (channels, edge) in enumerate(GRIDS):
        neuron = LIFModel(decay=1.0, threshold=float(thresholds[index]), strict=True)
        bias = arrays["inputs"].reshape(-1, 1) if index == 0 else None
        populations.append(Population(f"layer{index}", Space(channels, (edge, edge)), neuron, bias))
    neuron = LIFModel(decay=1.0, threshold=float(thresholds[5]), strict=True)
    populations.append(Population("layer5", Space(11), neuron))
    for index in range(1, 5):
        weight = arrays[f"conv{index}"].astype(np.float64)
        weight = weight.reshape(9, *weight.shape[2:]).transpose(1, 0, 2)
        stride = (2, 2) if index == 1 else (1, 1)
        window = Window((3, 3), stride, (0, 0), (1, 1))
        projections.append(
            Projection(
                f"conv{index}", f"layer{index - 1}", f"layer{index}", window,
                np.ascontiguousarray(weight),
            )
        )  # fmt: skip
    dense = arrays["dense1"].astype(np.float64).reshape(11, 81, 11)
    projections.append(Projection("dense1", "layer4", "layer5", Whole(), dense))
    return Network(tuple(populations), tuple(projections), steps=steps)


def gesture_placement() -> Placement:
    """The cores of the tutorial."""
    core, used = {}, 0
    for index, count in enumerate(CORES):
        channels, edge = GRIDS[index] if index < len(GRIDS) else (11, 1)
        neurons = channels * edge * edge
        share = np.minimum(np.arange(neurons) // (neurons // count), count - 1) + used
        core[f"layer{index}"] = by_site(share, channels).astype(np.int32)
        used += count
    return Placement(core, cores=128, mesh=MESH, chip="loihi1_sanafe")


def by_site(values: Array, channels: int) -> Array:
    """From channel by channel to site by site, along the last axis."""
    grid = values.reshape(*values.shape[:-1], channels, -1)
    return np.moveaxis(grid, -2, -1).reshape(values.shape)


def by_channel(values: Array, channels: int) -> Array:
    """From site by site to channel by channel, along the last axis."""
    grid = values.reshape(*values.shape[:-1], -1, channels)
    return np.moveaxis(grid, -2, -1).reshape(values.shape)


def gesture_chip(arrays: dict[str, Array]) -> Any:
    """SANA-FE's chip with the network on it; ``chip.sim(steps)`` runs, ``chip.reset()`` rests."""
    sanafe = load()
    arch, net = sanafe.load_loihi(), sanafe.Network()
    thresholds = arrays["thresholds"]
    layers = [sanafe.layers.Input2D(net, 32, 32, threshold=float(thresholds[0]))]
    for index in range(1, 5):
        stride = 2 if index == 1 else 1
        layers.append(
            sanafe.layers.Conv2D(
                net, layers[-1], arrays[f"conv{index}"], stride_width=stride, stride_height=stride,
                threshold=float(thresholds[index]),
            )
        )  # fmt: skip
    layers.append(
        sanafe.layers.Dense(net, layers[-1], 11, arrays["dense1"], threshold=float(thresholds[5]))
    )
    for neuron, bias in zip(layers[0], arrays["inputs"], strict=True):
        neuron.set_attributes(model_attributes={"bias": float(bias)})
    cores = arch.cores()
    bounds = np.cumsum((0, *CORES))
    for layer, (first, last) in zip(layers, pairwise(bounds.tolist()), strict=True):
        share = len(layer) // (last - first)
        for index, neuron in enumerate(layer):
            neuron.map_to_core(cores[first + min(index // share, last - first - 1)])
    chip = sanafe.SpikingChip(arch)
    chip.load(net)
    return chip
