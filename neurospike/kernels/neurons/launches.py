"""How Triton's neurons are spread over a GPU: neurons to programs, steps to chunks.

Nothing here imports Triton. Measured choices come from ``kernels.tuning`` as
``{"config": i}`` of ``CONFIGS``; without one the rule of ``default`` decides by shape.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from neurospike.kernels import devices
from neurospike.kernels.tuning import lookup, shape_class


class Config(NamedTuple):
    """Warps of a program, neurons of each thread, and steps of a chunk."""

    warps: int
    width: int
    steps: int

    @property
    def block(self) -> int:
        """Neurons of a program."""
        return 32 * self.warps * self.width


CONFIGS = [
    Config(4, 4, 8), Config(4, 4, 4), Config(4, 8, 4), Config(4, 8, 8), Config(8, 4, 4),
    Config(4, 2, 8), Config(4, 1, 8), Config(2, 1, 8), Config(1, 1, 8), Config(1, 1, 16),
    Config(4, 1, 16), Config(4, 1, 4),
]  # fmt: skip
"""What a search tries."""

WHOLE = 8
"""Sequences up to so long are one chunk: all of it fits into registers, and nothing is read twice.
"""

FILLING = 4
"""Programs for each multiprocessor below which blocks shrink: one alone would wait for memory."""

WAVES = 8
"""Programs for each multiprocessor, at most, where each needs scratch."""

SCRATCH_BYTES = 1 << 28
"""What recomputed membranes may take, whatever T is: less of it is fewer programs at once."""


class Plan(NamedTuple):
    """A launch: its programs, the blocks of neurons that they share, and rows kept by each."""

    programs: int
    blocks: int
    config: Config
    kept: int


def plan(op: str, x: Tensor, *, states: int = 0) -> Plan:
    """How to launch an operation on a contiguous x (T, ...) with T and N above 0.

    ``states`` is how many states a program keeps of each chunk but the last, to come back to.
    """
    T, N = sizes(x)
    config = _config(op, x, states)
    blocks = -(-N // config.block)
    kept = states * (T // config.steps + T % config.steps - 1)
    programs = blocks
    if kept:
        most = SCRATCH_BYTES // (4 * kept * config.block)
        programs = max(1, min(blocks, WAVES * devices.multiprocessors(x.device), most))
    return Plan(programs, blocks, config, kept)


def scratch(x: Tensor, made: Plan) -> Tensor | None:
    """Rows (programs, kept, block) for the states; None where a sequence is one chunk."""
    if made.kept == 0:
        return None
    return x.new_empty((made.programs, made.kept, made.config.block), dtype=torch.float32)


def launch(kernel: Any, x: Tensor, made: Plan, *args: Any, **constants: Any) -> None:
    """Run a kernel on x's device."""
    config = made.config
    with torch.cuda.device(x.device) if x.is_cuda else nullcontext():
        # A product and a sum round twice, as in torch: T steps at once equal T calls of one step.
        kernel[(made.programs,)](
            *args, **constants, BLOCK=config.block, STEPS=config.steps, num_warps=config.warps,
            enable_fp_fusion=False,
        )  # fmt: skip


def sizes(x: Tensor) -> tuple[int, int]:
    """Steps and neurons."""
    return x.shape[0], math.prod(x.shape[1:])


def _config(op: str, x: Tensor, states: int) -> Config:
    T, N = sizes(x)
    # Rows that start anywhere want other configurations than rows that can be read 16 bytes a time.
    rows = "aligned" if N % 16 == 0 else "ragged"
    key = (rows, shape_class(T), shape_class(N), str(x.dtype).removeprefix("torch."))
    found = lookup(op, x.device, key)
    if found is None:
        chosen = default(N, x.element_size(), states, devices.multiprocessors(x.device))
    else:
        chosen = CONFIGS[found["config"]]
    return chosen._replace(steps=T) if max(WHOLE, chosen.steps) >= T else chosen


def default(N: int, itemsize: int, states: int, processors: int) -> Config:
    """By the number of neurons: loads of 16 bytes, or less so that all processors have work.

    Rows that do not start at multiples of 16 neurons are read neuron by neuron. Where a chunk is
    gone through backward, all of it is in registers, ``states`` included: more than four neurons a
    thread would not fit.
    """
    warps, width = 4, (16 // itemsize if N % 16 == 0 else 1)
    if states:
        width = min(width, 4 if states == 1 else 2)
    enough = N // (FILLING * processors)
    while 32 * warps * width > max(enough, 32):
        warps, width = (warps, width // 2) if width > 1 else (warps // 2, width)
    return Config(warps, width, 8 if width < 4 else 4)
