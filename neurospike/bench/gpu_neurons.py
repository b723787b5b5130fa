"""LIF on a GPU beside a copy of as many bytes, and beside spikingjelly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from itertools import product
from typing import Any

import torch
from torch import Tensor

from neurospike.bench.gpu_rig import OURS, Candidates, Rig, Row
from neurospike.bench.neurons import TAU, spikingjelly_lif
from neurospike.errors import MissingExtraError
from neurospike.nn import LIF

COPY = "copy of as many bytes"
STEPS = (4, 16, 64)
NEURONS = (10_000, 100_000, 1_000_000, 10_000_000)
COMPARED = 100_000
"""Neurons of a layer whose results are compared: the reference keeps every step of every one."""

FLIPS = 1e-3
"""Share of spikes that may differ: of membranes that round to the other side of the threshold."""

PEERS_TOLERANCE = 1e-3
"""Of the largest value; ours is 1e-5."""

Layer = Callable[[Tensor], Any]


def run(repeats: int = 15) -> list[Row]:
    """A row a case and peer. Beside the copy, the ratio is a share of the card's bandwidth."""
    return measure(Rig.cuda(repeats))


def measure(rig: Rig, steps: Sequence[int] = STEPS, neurons: Sequence[int] = NEURONS) -> list[Row]:
    """Forward, then forward and backward with peak memory, of each size."""
    layers = _layers(rig.device)
    rows: list[Row] = []
    for T, N in product(steps, neurons):
        for what, race in (("forward", _forward), ("forward + backward", _training)):
            case = f"LIF {what}, T = {T}, N = {N:,}"
            rows += rig.guarded(case, partial(race, rig, case, layers, T, N))
    return rows


def _forward(rig: Rig, case: str, layers: dict[str, Layer], T: int, N: int) -> list[Row]:
    few = min(N, COMPARED)
    found = rig.race(
        case,
        forwards(rig, layers, T, N),
        right=forwards(rig, {OURS: _reference()}, T, few)[OURS],
        trials=forwards(rig, layers, T, few),
        peers_tolerance=PEERS_TOLERANCE,
        share=FLIPS,
    )
    return [_with_rate(one, 2 * 4 * T * N) for one in found]


def _training(rig: Rig, case: str, layers: dict[str, Layer], T: int, N: int) -> list[Row]:
    few = min(N, COMPARED)
    return rig.race(
        case,
        trainings(rig, layers, T, N),
        right=trainings(rig, {OURS: _reference()}, T, few)[OURS],
        trials=trainings(rig, layers, T, few),
        peers_tolerance=PEERS_TOLERANCE,
        share=FLIPS,
        memory=True,
    )


def forwards(rig: Rig, layers: dict[str, Layer], T: int, N: int) -> Candidates:
    """Evaluations of the same (T, N) input, and a copy of it."""
    x = rig.normal(T, N)
    place = torch.empty_like(x)

    @torch.no_grad()
    def infer(layer: Layer) -> Tensor:
        s: Tensor = layer(x)
        return s

    def copy() -> None:
        place.copy_(x)

    found: dict[str, Any] = {name: partial(infer, layer) for name, layer in layers.items()}
    return {**found, COPY: copy}


def trainings(rig: Rig, layers: dict[str, Layer], T: int, N: int) -> Candidates:
    """Forward and backward of the same (T, N) input: spikes, and the input's gradient."""
    x = rig.normal(T, N).requires_grad_()
    upstream = rig.normal(T, N, seed=1)

    def train(layer: Layer) -> tuple[Tensor, ...]:
        s = layer(x)
        return s, *torch.autograd.grad(s, x, upstream)

    return {name: partial(train, layer) for name, layer in layers.items()}


def _layers(device: torch.device) -> dict[str, Layer]:
    """Ours, and spikingjelly's under the name of the implementation that it takes here."""
    layers: dict[str, Layer] = {OURS: LIF(TAU)}
    try:
        theirs = spikingjelly_lif()
    except MissingExtraError:
        return layers
    return {**layers, peer_name(device): theirs}


def peer_name(device: torch.device) -> str:
    """spikingjelly with its version and the implementation that it takes on a device."""
    try:
        from spikingjelly.activation_based.functional.neuron import neuron_implementation

        how = str(neuron_implementation("lif", device)["implementation"])
    except (ImportError, RuntimeError):  # before 2.0 it did not tell
        how = "torch"
    return f"spikingjelly {version('spikingjelly')}, {how}"


def _reference() -> Layer:
    return LIF(TAU, backend="reference")


def _with_rate(found: Row, moved: int) -> Row:
    """The row, and what ours reads and writes in a second."""
    if "ours_ms" in found:
        found["ours"] += f", {moved / found['ours_ms'] / 1e6:.3g} GB/s"
    return found
