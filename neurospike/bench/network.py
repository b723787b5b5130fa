"""E-3DSNN-T, a training step and an evaluation, beside the same network on spconv."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from neurospike.bench import clouds, spconv_peer
from neurospike.bench.harness import interleave, row
from neurospike.models import e3dsnn
from neurospike.sparse import VoxelTensor

OURS = "neurospike"


def run(repeats: int = 15) -> list[dict[str, Any]]:
    """A row a case: medians, and how many times ours is faster.

    Both networks meet voxels without any cached map, as every new batch brings them.
    """
    rows = []
    for case, candidates in cases().items():
        timings = interleave(candidates, repeats, warmup=2)
        rows.append(row(case, spconv_peer.NAME, timings[OURS], timings[spconv_peer.NAME]))
    return rows


def cases() -> dict[str, dict[str, Any]]:
    """Candidates by case, ours first."""
    batch = clouds.surfaces()
    # spconv needs the padded grid too: an odd edge would lose its last plane at each stage.
    batch.spatial_shape = (112, 112, 112)
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(len(batch), 6, generator=draw)
    labels = torch.randint(0, 40, (batch.batch_size,), generator=draw)
    mine, twin = e3dsnn("T"), spconv_peer.E3DSNNTwin()

    def ours() -> Tensor:
        logits: Tensor = mine(VoxelTensor.on(clouds.fresh(batch), x))
        return logits

    def theirs() -> Tensor:
        logits: Tensor = twin(spconv_peer.tensor(batch, x))
        return logits

    steps = {
        OURS: _train(mine, ours, labels),
        spconv_peer.NAME: _train(twin, theirs, labels),
    }
    looks = {OURS: _look(mine, ours), spconv_peer.NAME: _look(twin, theirs)}
    size = f"{batch.batch_size} surfaces, {len(batch):,} voxels"
    return {f"E-3DSNN-T training step, {size}": steps, f"E-3DSNN-T evaluation, {size}": looks}


def _train(model: nn.Module, forward: Any, labels: Tensor) -> Any:
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, nesterov=True)

    def step() -> None:
        model.train()
        optimiser.zero_grad()
        nn.functional.cross_entropy(forward(), labels).backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return step


def _look(model: nn.Module, forward: Any) -> Any:
    @torch.no_grad()
    def look() -> Tensor:
        model.eval()
        logits: Tensor = forward()
        return logits

    return look
