"""How Triton's neurons are spread over a GPU: neurons to programs, steps to chunks.

Nothing here imports Triton. Measured choices come from ``kernels.tuning`` as
``{"config": i}`` of ``CONFIGS``; without one the rule of ``default`` decides by shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    Config(4, 1, 16), Config(4, 1, 4), Config(4, 2, 16), Config(4, 1, 32),
]  # fmt: skip
"""What a search tries."""

WHOLE = 8
"""Sequences up to so long are one chunk."""

HELD = 32
"""Inputs of a thread that fit into its registers, with what the way back needs beside them: so a
sequence that threads of one neuron can hold is read once, and nothing of it is computed again.
"""

FILLING = 4
"""Programs for each multiprocessor below which blocks shrink: one alone would wait for memory."""

ACTIVE = 32
"""Warps for each multiprocessor, at most, where programs need scratch; half of it where threads
have four neurons or more, whose chunks fill the registers. Programs that are all under way at once
share the blocks evenly."""

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
        active = (ACTIVE if config.width < 4 else ACTIVE // 2) // config.warps
        programs = max(1, min(blocks, active * devices.multiprocessors(x.device), most))
    return Plan(programs, blocks, config, kept)


def scratch(x: Tensor, made: Plan) -> Tensor | None:
    """Rows (programs, kept, block) for the states; None where a sequence is one chunk."""
    if made.kept == 0:
        return None
    return x.new_empty((made.programs, made.kept, made.config.block), dtype=torch.float32)


def launch(kernel: Any, x: Tensor, made: Plan, *args: Any, **constants: Any) -> None:
    """Run a kernel on x's device."""
    config = made.config
    with devices.on(x, args):
        # A product and a sum round twice, as in torch: T steps at once equal T calls of one step.
        kernel[(made.programs,)](
            *args, **constants, BLOCK=config.block, STEPS=config.steps, num_warps=config.warps,
            enable_fp_fusion=False,
        )  # fmt: skip


def padded(states: Sequence[Tensor], count: int) -> tuple[Tensor | None, ...]:
    """So many arguments of a kernel, None for each state that there is not."""
    return *states, *(None,) * (count - len(states))


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
        chosen = default(T, N, x.element_size(), states, devices.multiprocessors(x.device))
    else:
        chosen = CONFIGS[found["config"]]
    return chosen._replace(steps=T) if max(WHOLE, chosen.steps) >= T else chosen


def default(T: int, N: int, itemsize: int, states: int, processors: int) -> Config:
    """By the shape: loads of 16 bytes, or less so that all processors have work.

    Rows that do not start at multiples of 16 neurons are read neuron by neuron. The way back, which
    has ``states``, goes through a chunk in registers; several states leave room for half as much.
    """
    warps, width = 4, (16 // itemsize if N % 16 == 0 else 1)
    held = 0
    if states:
        held, width = (HELD, min(width, 4)) if states == 1 else (HELD // 2, min(width, 2))
        while width > 1 and held >= T and width * T > held:
            width //= 2
    enough = N // (FILLING * processors)
    while 32 * warps * width > max(enough, 32):
        warps, width = (warps, width // 2) if width > 1 else (warps // 2, width)
    steps = T if width * T <= held else 8 if width * max(states, 1) < 4 else 4
    return Config(warps, width, steps)
