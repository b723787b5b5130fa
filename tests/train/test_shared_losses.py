"""Losses of two processes with unequal shares, one of them without a label, beside the whole."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.train.test_segmentation import recipe, task_of
from tests.two_processes import on_two_processes

SCRIPT = """
from neurospike.nn.together import together
from tests.train.test_shared_losses import CASES, losses, part_of

with together():
    kept = {name: losses(*part_of(rank, labelled)) for name, labelled in CASES.items()}
"""

CASES = {"both": (True, True), "one": (True, False), "none": (False, False)}
VOXELS, FIRST, CLASSES = 40, 13, 4


def part_of(rank: int | None, labelled: tuple[bool, bool]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and labels of the voxels of one process, or of both."""
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(VOXELS, CLASSES, generator=draw) * 2
    label = torch.randint(0, CLASSES - 1, (VOXELS,), generator=draw)  # the last one is nowhere
    halves = (slice(FIRST), slice(FIRST, None))
    for half, known in zip(halves, labelled, strict=True):
        label[half] = label[half] if known else -1
    mine = slice(None) if rank is None else halves[rank]
    return logits[mine], label[mine]


def losses(logits: torch.Tensor, label: torch.Tensor) -> dict[str, Any]:
    task = task_of(recipe(training={"epochs": 1, "label_smoothing": 0.1}))
    task._weights = torch.tensor([0.5, 1.0, 2.0, 4.0])
    leaf = logits.clone().requires_grad_()
    batch = {"label": label, "point_to_voxel": torch.arange(len(label))}
    parts = task.loss(torch.nn.Identity(), leaf, batch, training=True)
    parts["loss"].backward()
    return {"parts": {k: v.detach() for k, v in parts.items()}, "grad": leaf.grad}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    return on_two_processes(SCRIPT, tmp_path_factory.mktemp("two"))


@pytest.mark.parametrize("name", CASES)
def test_losses_are_of_all_voxels(name: str, two: list[Any]) -> None:
    whole = losses(*part_of(None, CASES[name]))
    for rank in two:
        for key, value in whole["parts"].items():
            torch.testing.assert_close(rank[name]["parts"][key], value, rtol=1e-6, atol=1e-6)
    # Averaged over processes, as the gradients of weights are.
    grad = torch.cat([rank[name]["grad"] for rank in two]) / 2
    torch.testing.assert_close(grad, whole["grad"], rtol=1e-5, atol=1e-7)


def test_processes_draw_for_themselves_and_the_first_as_a_single_one() -> None:
    from neurospike.train.callbacks import StepSeed  # heavy, and the script has no need of it

    def drawn(**process: int) -> list[float]:
        StepSeed(5).on_train_batch_start(SimpleNamespace(global_step=3, **process))
        found: list[float] = torch.rand(3).tolist()
        return found

    state = torch.get_rng_state()
    try:
        first, second = drawn(global_rank=0), drawn(global_rank=1)
        assert first != second
        assert (first, second) == (drawn(global_rank=0), drawn(global_rank=1))
    finally:
        torch.set_rng_state(state)
