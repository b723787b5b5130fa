"""E-3DSNN-T on a GPU: a training step and an evaluation, beside two cores and beside spconv."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numba
import torch
from torch import Tensor, nn

from neurospike.bench import clouds, spconv_peer
from neurospike.bench.gpu_rig import OURS, Rig, Row
from neurospike.models import e3dsnn
from neurospike.sparse import ActiveSet, VoxelTensor

THREADS = 2
TWO_CORES = f"neurospike, this machine's CPU, {THREADS} threads"
SPCONV = "the same network on spconv"
CLASSES = 40
TOLERANCE, SHARE = 0.05, 0.05
"""Spikes of membranes that round to the other side cascade: logits are near, not equal."""


def run(repeats: int = 15) -> list[Row]:
    """A row a case and peer: how many times ours is faster, or smaller."""
    return measure(Rig.cuda(repeats), padded())


def padded() -> ActiveSet:
    """Sixteen surfaces on a grid that no stride cuts, which spconv needs too."""
    batch = clouds.surfaces()
    batch.spatial_shape = (112, 112, 112)
    return batch


def measure(rig: Rig, batch: ActiveSet) -> list[Row]:
    """Both networks meet voxels without any cached map, as every new batch brings them."""
    size = f"{batch.batch_size} surfaces, {len(batch):,} voxels"
    rows: list[Row] = []
    with cores(THREADS):
        for case, prepare in (("training step", _training), ("evaluation", _evaluation)):
            name = f"E-3DSNN-T {case}, {size}"
            rows += rig.guarded(name, partial(_beside, rig, name, batch, prepare))
    return rows


@contextmanager
def cores(threads: int) -> Iterator[None]:
    """Hold torch's and numba's loops to so many threads inside the block."""
    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(threads)
    limits: Any = numba.config
    numba.set_num_threads(min(threads, limits.NUMBA_NUM_THREADS))
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])


Prepare = Callable[[nn.Module, Callable[[], Tensor], Tensor], Callable[[], Tensor]]


def _beside(rig: Rig, case: str, batch: ActiveSet, prepare: Prepare) -> list[Row]:
    """Peak memory beside spconv alone: two cores have another kind of it."""
    torch.manual_seed(0)
    model = e3dsnn("T", num_classes=CLASSES)
    x = torch.randn(len(batch), 6)
    labels = torch.randint(0, CLASSES, (batch.batch_size,))

    def ours(where: torch.device) -> Callable[[], Tensor]:
        mine, voxels, features = copy.deepcopy(model).to(where), batch.to(where), x.to(where)

        def forward() -> Tensor:
            logits: Tensor = mine(VoxelTensor.on(clouds.fresh(voxels), features))
            return logits

        return prepare(mine, forward, labels.to(where))

    cpu = torch.device("cpu")
    candidates: dict[str, Callable[[], Any]] = {OURS: ours(rig.device), TWO_CORES: ours(cpu)}
    rows = rig.race(case, candidates, right=ours(cpu), tolerance=TOLERANCE, share=SHARE, whole=True)
    if spconv_peer.runs_on(rig.device):
        twin = _on_spconv(rig, batch, x, labels, prepare)
        both = {OURS: candidates[OURS], SPCONV: twin}
        rows += rig.race(case, both, whole=True, memory=True)
    return rows


def _on_spconv(
    rig: Rig, batch: ActiveSet, x: Tensor, labels: Tensor, prepare: Prepare
) -> Callable[[], None]:
    """The same structure with weights of its own, whose results say nothing about ours."""
    twin = spconv_peer.to_device(spconv_peer.E3DSNNTwin(CLASSES), rig.device)
    voxels, features = batch.to(rig.device), x.to(rig.device)

    def forward() -> Tensor:
        logits: Tensor = twin(spconv_peer.tensor(voxels, features))
        return logits

    once = prepare(twin, forward, labels.to(rig.device))

    def run_once() -> None:
        once()

    return run_once


def _training(
    model: nn.Module, forward: Callable[[], Tensor], labels: Tensor
) -> Callable[[], Tensor]:
    """A step of stochastic gradient descent, and the logits that it was taken from."""
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, nesterov=True)

    def step() -> Tensor:
        model.train()
        optimiser.zero_grad()
        logits = forward()
        nn.functional.cross_entropy(logits, labels).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        return logits.detach()

    return step


def _evaluation(
    model: nn.Module, forward: Callable[[], Tensor], labels: Tensor
) -> Callable[[], Tensor]:
    @torch.no_grad()
    def look() -> Tensor:
        model.eval()
        return forward()

    return look
