"""E-3DSNN-T on a GPU: a training step and an evaluation, beside two cores and beside spconv."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
FLOAT32 = "neurospike, float32"
SPCONV = "the same network on spconv"
CLASSES = 40
TOLERANCE, SHARE = 0.05, 0.05
"""Spikes of membranes that round to the other side cascade: logits are near, not equal."""

LOSSES = 0.1
"""The same, of losses in half precision."""


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
    task = Task.drawn(batch)
    cases: dict[str, Callable[[str], list[Row]]] = {
        "training step": lambda case: _beside(rig, case, task, _training),
        "training step, bf16-mixed": lambda case: _mixed(rig, case, task),
        "evaluation": lambda case: _beside(rig, case, task, _evaluation),
    }
    rows: list[Row] = []
    with cores(THREADS):
        for what, race in cases.items():
            case = f"E-3DSNN-T {what}, {size}"
            rows += rig.guarded(case, partial(race, case))
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


@dataclass(frozen=True)
class Task:
    """A network, and a batch that it is to classify, on the CPU."""

    model: nn.Module
    batch: ActiveSet
    x: Tensor
    labels: Tensor

    @classmethod
    def drawn(cls, batch: ActiveSet) -> Task:
        """Random weights, features and labels, always the same."""
        torch.manual_seed(0)
        model = e3dsnn("T", num_classes=CLASSES)
        labels = torch.randint(0, CLASSES, (batch.batch_size,))
        return cls(model, batch, torch.randn(len(batch), 6), labels)

    def on(
        self, device: torch.device, prepare: Prepare, *, mixed: bool = False
    ) -> Callable[[], Tensor]:
        """What is timed: a copy of the network on a device, and what ``prepare`` makes of it."""
        model = copy.deepcopy(self.model).to(device)
        voxels, features = self.batch.to(device), self.x.to(device)

        def forward() -> Tensor:
            with torch.autocast(device.type, torch.bfloat16, enabled=mixed):
                logits: Tensor = model(VoxelTensor.on(clouds.fresh(voxels), features))
            return logits

        return prepare(model, forward, self.labels.to(device))


def _beside(rig: Rig, case: str, task: Task, prepare: Prepare) -> list[Row]:
    """Peak memory beside spconv alone: two cores have another kind of it."""
    cpu = torch.device("cpu")
    ours = task.on(rig.device, prepare)
    rows = rig.race(
        case,
        {OURS: ours, TWO_CORES: task.on(cpu, prepare)},
        right=task.on(cpu, prepare),
        tolerance=TOLERANCE,
        share=SHARE,
        whole=True,
    )
    if spconv_peer.runs_on(rig.device):
        both = {OURS: ours, SPCONV: _on_spconv(rig, task, prepare)}
        rows += rig.race(case, both, whole=True, memory=True)
    return rows


def _mixed(rig: Rig, case: str, task: Task) -> list[Row]:
    """Losses are compared: logits of half precision are of other spikes."""

    def losses(step: Callable[[], Tensor]) -> Callable[[], Tensor]:
        labels = task.labels.to(rig.device)
        return lambda: nn.functional.cross_entropy(step().float(), labels)

    mixed, plain = (losses(task.on(rig.device, _training, mixed=half)) for half in (True, False))
    right = losses(task.on(rig.device, _training))
    return rig.race(
        case,
        {OURS: mixed, FLOAT32: plain},
        right=right,
        tolerance=LOSSES,
        whole=True,
        memory=True,
    )


def _on_spconv(rig: Rig, task: Task, prepare: Prepare) -> Callable[[], None]:
    """The same structure with weights of its own, whose results say nothing about ours."""
    twin = spconv_peer.to_device(spconv_peer.E3DSNNTwin(CLASSES), rig.device)
    voxels, features = task.batch.to(rig.device), task.x.to(rig.device)

    def forward() -> Tensor:
        logits: Tensor = twin(spconv_peer.tensor(voxels, features))
        return logits

    once = prepare(twin, forward, task.labels.to(rig.device))

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
