"""The gesture network of SANA-FE's examples, by its shapes: every weight is 1."""

from itertools import pairwise

import numpy as np

from neurospike.hw.network import Network, Population, Projection, Space
from neurospike.hw.neuron_models import LIFModel, Source
from neurospike.hw.placement import Mesh, Placement
from neurospike.hw.wiring import Whole, Window

LAYERS = [(1, 32), (16, 15), (32, 13), (64, 11), (11, 9)]
"""Channels and edge of each layer on a grid, the input's first."""

MESH = Mesh(width=8, height=4, cores_per_tile=4)


def gesture_network():
    """32x32x1 -> 3x3 stride 2 -> three times 3x3 -> dense, without padding."""
    lif = LIFModel(decay=1.0, threshold=1.0)
    populations = [Population("layer0", Space(1, (32, 32)), Source())]
    projections = []
    for index, ((c_in, _), (c_out, edge)) in enumerate(pairwise(LAYERS), 1):
        stride = (2, 2) if index == 1 else (1, 1)
        populations.append(Population(f"layer{index}", Space(c_out, (edge, edge)), lif))
        projections.append(
            Projection(
                f"conv{index}", f"layer{index - 1}", f"layer{index}",
                Window((3, 3), stride, (0, 0), (1, 1)), np.ones((c_in, 9, c_out)), kind="conv",
            )
        )  # fmt: skip
    populations.append(Population("layer5", Space(11), lif))
    projections.append(Projection("dense5", "layer4", "layer5", Whole(), np.ones((11, 81, 11))))
    return Network(tuple(populations), tuple(projections))


def site_major(values, index):
    """From channel * sites + site, as the example numbers neurons, to site * channels + channel."""
    if index >= len(LAYERS):
        return values
    return values.reshape(LAYERS[index][0], -1).T.reshape(-1)


def gesture_spikes(arrays):
    """Spikes of all steps together, a row of one step."""
    return {
        f"layer{i}": site_major(arrays[f"counts{i}"], i)[None].astype(np.int32) for i in range(6)
    }


def gesture_placement(arrays):
    core = {f"layer{i}": site_major(arrays[f"core{i}"], i).astype(np.int32) for i in range(6)}
    return Placement(core, cores=128, mesh=MESH, chip="loihi1_sanafe")
