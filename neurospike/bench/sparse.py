"""Kernel maps and submanifold convolutions beside spconv on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from neurospike.bench import clouds, spconv_peer
from neurospike.bench.harness import interleave, row
from neurospike.nn import SubmanifoldConv3d
from neurospike.sparse import ActiveSet, VoxelTensor, submanifold_map

OURS = "neurospike"
Candidates = dict[str, Callable[[], object]]


def cases() -> dict[str, Candidates]:
    """Candidates by case, ours first."""
    name, frame = clouds.lidar()
    batch = clouds.surfaces()
    found: dict[str, Candidates] = {}
    for where, active in ((name, frame), (f"{batch.batch_size} surfaces", batch)):
        n = len(active)
        found[f"kernel map 3x3x3, {where}, {n:,} voxels"] = _maps(active)
        real = torch.randn(n, 16, generator=torch.Generator().manual_seed(0))
        found[f"SubM forward, dense, C = 16, {where}"] = _forward(active, real)
        for c in (32, 64, 128):
            x = clouds.spikes(n, c, 0.2)
            found[f"SubM forward, spikes 0.2, C = {c}, {where}"] = _forward(active, x)
        for c in (16, 32, 64):
            x = clouds.spikes(n, c, 0.2)
            found[f"SubM forward + backward, spikes 0.2, C = {c}, {where}"] = _train(active, x)
    return found


def run(repeats: int = 15) -> list[dict[str, Any]]:
    """A row a case: medians, and how many times ours is faster."""
    rows = []
    for case, candidates in cases().items():
        timings = interleave(candidates, repeats, warmup=2)
        rows.append(row(case, spconv_peer.NAME, timings[OURS], timings[spconv_peer.NAME]))
    return rows


def _maps(active: ActiveSet) -> Candidates:
    return {
        OURS: lambda: submanifold_map(clouds.fresh(active), (3, 3, 3), (1, 1, 1)),
        spconv_peer.NAME: lambda: spconv_peer.kernel_map(active),
    }


def _forward(active: ActiveSet, x: Tensor) -> Candidates:
    ours, theirs, ready = _layers(active, x)

    @torch.no_grad()
    def run_ours() -> object:
        return ours(VoxelTensor.on(active, x))

    @torch.no_grad()
    def run_theirs() -> object:
        return theirs(ready.replace_feature(x))

    return {OURS: run_ours, spconv_peer.NAME: run_theirs}


def _train(active: ActiveSet, x: Tensor) -> Candidates:
    ours, theirs, ready = _layers(active, x)
    upstream = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    leaf = x.clone().requires_grad_()

    def step(layer: Any, source: Any) -> None:
        layer.weight.grad = leaf.grad = None
        layer(source).features.backward(upstream)

    return {
        OURS: lambda: step(ours, VoxelTensor.on(active, leaf)),
        spconv_peer.NAME: lambda: step(theirs, ready.replace_feature(leaf)),
    }


def _layers(active: ActiveSet, x: Tensor) -> tuple[Any, Any, Any]:
    """Both layers, and spconv's tensor with the map of the layer in its cache."""
    channels = x.shape[1]
    theirs = spconv_peer.submanifold(channels, channels)
    with torch.no_grad():
        ready = theirs(spconv_peer.tensor(active, x))
    return SubmanifoldConv3d(channels, channels), theirs, ready
