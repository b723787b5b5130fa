"""One step after the other, as a sensor sends them: with CUDA graphs and without."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from neurospike import nn as spiking
from neurospike.bench.gpu_rig import OURS, Rig, Row, deviation
from neurospike.models import delay_net
from neurospike.runtime import GraphedStream

PLAIN = "model.step"
STEPS = 500
"""Steps of each, for each of the repeats."""

FLIPPED = 0.05
"""Share of outputs that may come of other spikes, where products sum in another order."""

Network = tuple[nn.Module, tuple[int, int]]


def run(repeats: int = 15) -> list[Row]:
    """Two rows a network: half of the steps, and 99 of 100, took no longer."""
    return measure(Rig.cuda(repeats), default_networks())


def default_networks() -> dict[str, Network]:
    """The SHD network with whole delays, and a perceptron of LIF neurons; a step's input shape."""
    torch.manual_seed(0)
    perceptron = spiking.SpikingSequential(
        nn.Linear(256, 512), spiking.LIF(2.0), nn.Linear(512, 512), spiking.LIF(2.0),
        nn.Linear(512, 20), spiking.LeakyReadout(2.0),
    )  # fmt: skip
    shd = delay_net("shd")
    for layer in shd:
        if isinstance(layer, spiking.DelayLinear):
            layer.round_delays_()
    return {"SHD network, 2 x 256": (shd, (1, 140)), "LIF, 2 x 512": (perceptron, (1, 256))}


def measure(rig: Rig, networks: dict[str, Network], steps: int = STEPS) -> list[Row]:
    """Latency of single steps, each waited for, as whoever needs the answer would."""
    rows: list[Row] = []
    for name, (model, shape) in networks.items():
        case = f"one step of {name}, B = {shape[0]}"
        rows += rig.guarded(case, partial(_beside, rig, case, model, shape, steps))
    return rows


def _beside(rig: Rig, case: str, model: nn.Module, shape: tuple[int, int], steps: int) -> list[Row]:
    model = model.to(rig.device).eval()
    inputs = (rig.normal(steps, *shape) > 1.0).float()
    graphed, plain = _graphed(model, inputs), _plain(model, inputs)
    streamed = (torch.stack([run(t) for t in range(steps)]) for run in (graphed, plain))
    off = deviation(*streamed, share=FLIPPED)
    if off > 1e-5:
        raise ArithmeticError(f"replayed steps lie {off:.1e} of the largest value off")
    seconds: dict[str, list[float]] = {OURS: [], PLAIN: []}
    for _ in range(rig.repeats):
        for name, run in {OURS: graphed, PLAIN: plain}.items():
            seconds[name] += [_once(rig, partial(run, t)) for t in range(steps)]
    return [_row(case, percent, seconds) for percent in (50, 99)]


def _graphed(model: nn.Module, inputs: Tensor) -> Callable[[int], Tensor]:
    stream = GraphedStream(model, inputs[0])
    return lambda t: stream(inputs[t])


@torch.no_grad()
def _plain(model: nn.Module, inputs: Tensor) -> Callable[[int], Tensor]:
    layers: spiking.Stateful = model  # type: ignore[assignment]
    state = [layers.init_state(inputs[0])]

    @torch.no_grad()
    def step(t: int) -> Tensor:
        y: Tensor
        y, state[0] = layers.step(inputs[t], state[0])
        return y

    return step


def _once(rig: Rig, run: Callable[[], object]) -> float:
    """Seconds of one step, its answer waited for."""
    if rig.device.type == "cuda":
        return rig.whole(run, 1)
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _row(case: str, percent: int, seconds: dict[str, list[float]]) -> Row:
    ours, peer = (
        1e3 * float(np.percentile(taken, percent, method="inverted_cdf"))
        for taken in seconds.values()
    )
    return {
        "case": f"{case}, p{percent}",
        "peer": PLAIN,
        "ours_ms": ours,
        "peer_ms": peer,
        "ratio": peer / ours,
        "ours": f"{ours:.3g} ms, CUDA graph",
        "theirs": f"{peer:.3g} ms",
    }
