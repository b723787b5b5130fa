"""The chip emulator: beside SANA-FE's C++ on its own network, and against targets elsewhere."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from neurospike import hw
from neurospike.bench import clouds, sanafe_peer
from neurospike.bench.harness import Timing, interleave, row
from neurospike.hw.network import Network, Population, Projection, Space
from neurospike.hw.neuron_models import ILIFModel, Source
from neurospike.hw.wiring import Level, Submanifold
from neurospike.models import e3dsnn
from neurospike.nn import SparseBatchNorm
from neurospike.sparse import VoxelTensor

OURS = "neurospike"
CHIP = "loihi1_sanafe"
TARGET_RATE = 50e6
"""Synaptic events a second on one core: the project's own target."""
TARGET_S = 10.0
"""Seconds for one frame: the project's own target."""
CHANNELS = (16, 64)
DENSITY = 0.1


def run(repeats: int = 15) -> list[dict[str, Any]]:
    """A row a case: medians, and how many times ours is faster than the peer or the target.

    Raises
    ------
    MissingExtraError
        SANA-FE is not installed; the other cases are not run either.
    """
    timings = interleave(gesture(), repeats)
    ours = timings.pop(OURS)
    case = f"gesture network, {sanafe_peer.STEPS} steps, counts, energy and time"
    rows = [row(case, peer, ours, theirs) for peer, theirs in timings.items()]
    for channels in CHANNELS:
        emulate, events, name = submanifold(channels)
        case = f"submanifold layer, {channels} channels, {name}, {events / 1e6:.0f} M events"
        rows.append(target_row(case, emulate, events / TARGET_RATE, "target, 50 M/s", repeats))
    emulate, case = frame()
    rows.append(target_row(case, emulate, TARGET_S, "target", max(1, repeats // 3)))
    return rows


def gesture() -> dict[str, Callable[[], Any]]:
    """The same network run from rest by both; neither builds it within the time.

    Both count synaptic operations, updates, spikes, packets and hops, and make energy and time of
    them; SANA-FE by its quickest model of time.
    """
    arrays = sanafe_peer.gesture_arrays()
    network, placement = sanafe_peer.gesture_network(arrays), sanafe_peer.gesture_placement()
    chip, peer = hw.load_chip(CHIP), sanafe_peer.gesture_chip(arrays)

    def ours() -> Any:
        trace = hw.emulate(network, None, placement, schedule="pipelined")
        return trace, hw.price(trace, chip)

    def theirs(threads: int) -> Any:
        peer.reset()
        before = torch.get_num_threads()
        with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
            found = peer.sim(sanafe_peer.STEPS, timing_model="simple", processing_threads=threads)
        torch.set_num_threads(before)  # it may share torch's OpenMP, and set that
        return found

    named = {f"{sanafe_peer.NAME}, threads: {n}": n for n in (1, os.cpu_count() or 1)}
    return {OURS: ours, **{name: partial(theirs, n) for name, n in named.items()}}


def submanifold(channels: int) -> tuple[Callable[[], Any], int, str]:
    """One 3x3x3 layer on the voxels of a frame, every count on: a callable, its events, a name."""
    name, active = clouds.lidar()
    space = Space(channels, active.spatial_shape, level=0)
    draw = np.random.default_rng(0)
    network = Network(
        (Population("in", space, Source()), Population("out", space, ILIFModel(4))),
        (
            Projection(
                "layer", "in", "out", Submanifold((3, 3, 3), (1, 1, 1)),
                draw.normal(size=(channels, 27, channels)) / np.sqrt(27 * channels), kind="conv",
            ),
        ),
        levels=(Level(active.spatial_shape),),
        layout="voxels",
    )  # fmt: skip
    spikes = torch.from_numpy(draw.random((4, len(active), channels)) < DENSITY).float()
    x = VoxelTensor.on(active, spikes)

    def emulate() -> Any:
        return hw.emulate(network, x)

    return emulate, emulate().total("synops"), name


def frame() -> tuple[Callable[[], Any], str]:
    """E-3DSNN-T on a frame, placed and emulated: untrained, its norms set by the frame itself."""
    name, active = clouds.lidar()
    model = e3dsnn("T", in_features=3)
    for part in model.modules():
        if isinstance(part, SparseBatchNorm):
            part.momentum = 1.0
    features = torch.from_numpy(np.random.default_rng(0).random((len(active), 3))).float()
    with torch.no_grad():
        model.train()(VoxelTensor.on(active, features))
    x = VoxelTensor.on(clouds.fresh(active), features)
    network, chip = hw.lower(model.eval(), x), hw.load_chip(CHIP)

    def place_and_emulate() -> Any:
        new = VoxelTensor.on(clouds.fresh(active), features)
        placement = hw.place(network, chip, new)
        return hw.emulate(network, new, placement)

    events = place_and_emulate().total("synops")
    return place_and_emulate, (
        f"E-3DSNN-T, {name}, {len(active):,} voxels, T x D = 1 x 4, placed and emulated, "
        f"{events / 1e6:.0f} M events"
    )


def target_row(
    case: str, run: Callable[[], Any], target_s: float, peer: str, repeats: int
) -> dict[str, Any]:
    """A row against a number of seconds instead of a peer."""
    found = interleave({OURS: run}, repeats)[OURS]
    return row(case, peer, found, Timing(target_s, target_s, target_s, target_s, 1))
