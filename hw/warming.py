"""Compile the kernels of emulation, counts and placement once; numba caches them on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from neurospike.hw.chip import load_chip
from neurospike.hw.emulation import emulate
from neurospike.hw.network import Network, Population, Projection, Shortcut, Space
from neurospike.hw.neuron_models import (
    AdLIFModel,
    CubaModel,
    ILIFModel,
    LIFModel,
    Membrane,
    NeuronModel,
    ReadoutModel,
    Source,
)
from neurospike.hw.placing import place
from neurospike.hw.wiring import Pointwise, Submanifold

WIDTHS = (8, 24)


def warmup() -> None:
    """Run every kind of neuron once, in real numbers and in integers: half a minute at first."""
    x, chip = np.ones((2, 1, 2, 3), np.float32), load_chip("loihi1_sanafe")
    for network in _networks():
        placement = place(network, chip)
        for gate in ("voxel", "spike"):
            trace = emulate(network, x, placement, gate)
        told = {"cells": np.asarray(trace.spikes["cells"], np.int32)}
        emulate(network, x, forced=told)
        if not isinstance(network.population("cells").neuron, AdLIFModel):
            emulate(network, x, quantise=WIDTHS)


def _networks() -> Iterator[Network]:
    cuba: dict[str, Any] = {"keep_syn": 0.5, "keep_mem": 0.5, "threshold": 1.0}
    adaptive: dict[str, Any] = {"alpha": 0.5, "beta": 0.5, "a": 0.0, "b": 1.0, "threshold": 1.0}
    neurons: tuple[NeuronModel, ...] = (
        LIFModel(0.5, 1.0),
        ILIFModel(4),
        CubaModel(cuba),
        CubaModel({**cuba, "scale": 64.0}),
        AdLIFModel(adaptive),
    )
    for neuron in neurons:
        yield _network(neuron, real=False)
    yield _network(neurons[0], real=True)


def _network(neuron: NeuronModel, *, real: bool) -> Network:
    """Two sites of three channels: a window, delays, a loop, a shortcut, a readout."""
    space, given = Space(2, (3,)), Space(2, (3,))
    weight = np.ones((2, 3, 2))
    near = Projection("near", "in", "cells", Submanifold((3,), (1,)), weight, kind="conv")
    back = Projection(
        "back", "cells", "cells", Pointwise(), weight[:, :1],
        delay=np.array([[[1, 2]], [[2, 1]]], np.int32),
    )  # fmt: skip
    projections = (
        near,
        back,
        Projection("on", "cells", "current", Pointwise(), weight[:, :1]),
        Projection("out", "current", "out", Pointwise(), weight[:, :1]),
    )
    return Network(
        (
            Population("in", given, Source(real=real)),
            Population("cells", space, neuron, np.ones(2)),
            Population("current", space, Membrane()),
            Population("out", space, ReadoutModel(0.5)),
        ),
        projections if not real else (replace(near, once=True), *projections[1:]),
        (Shortcut("skip", "cells", "current"),),
    )
