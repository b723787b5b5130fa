"""What a run is computed on, and in which numbers: checked before anything starts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch

from neurospike.errors import ArgumentError

ACCELERATORS = ("auto", "cpu", "gpu")
PRECISIONS = {"32": "32-true", "bf16-mixed": "bf16-mixed", "16-mixed": "16-mixed"}
"""Precisions as users say them, and as Lightning does."""


@dataclass(frozen=True)
class Machine:
    """Device, number of processes, precision.

    Parameters
    ----------
    accelerator
        "cpu", "gpu", or "auto": a GPU where torch finds one.
    devices
        Processes on this machine, each with a GPU of its own, or on the CPU; 1, or as many as
        torchrun has started, unless given.
    precision
        "32", or "bf16-mixed" or "16-mixed": weights in float32, most products in fewer bits.

    Raises
    ------
    ArgumentError
        A name that is not known, a GPU that is not there, 16 bits on a CPU, or other numbers of
        processes than torchrun has started.
    """

    accelerator: str = "auto"
    devices: int | None = None
    precision: str = "32"

    def __post_init__(self) -> None:
        for option, value, known in (
            ("accelerator", self.accelerator, ACCELERATORS),
            ("precision", self.precision, tuple(PRECISIONS)),
        ):
            if value not in known:
                raise ArgumentError(
                    f"--{option}: must be one of {', '.join(known)}; got {value!r}."
                )
        if self.accelerator == "gpu" and not torch.cuda.is_available():
            raise ArgumentError(
                f"--accelerator: gpu needs a CUDA device; torch {torch.__version__} finds none. "
                "Take cpu, or auto."
            )
        if self.precision == "16-mixed" and not self.on_gpu:
            raise ArgumentError(
                "--precision: 16-mixed needs a GPU; got none. Take 32, or bf16-mixed."
            )
        self._check_devices()

    @property
    def on_gpu(self) -> bool:
        """Whether the run is to be on GPUs."""
        return self.accelerator != "cpu" and torch.cuda.is_available()

    @property
    def device(self) -> torch.device:
        """Where a single process of it computes."""
        return torch.device("cuda" if self.on_gpu else "cpu")

    @property
    def processes(self) -> int:
        """Processes that train together, on all machines."""
        started = _started()
        return (self.devices or started or 1) * _nodes(started)

    def trainer_arguments(self) -> dict[str, Any]:
        """Keyword arguments of Lightning's trainer."""
        started = _started()
        return {
            "accelerator": "gpu" if self.on_gpu else "cpu",
            "devices": self.devices or started or 1,
            "num_nodes": _nodes(started),
            "precision": PRECISIONS[self.precision],
        }

    def _check_devices(self) -> None:
        started = _started()
        if self.devices is None:
            return
        if self.devices < 1:
            raise ArgumentError(f"--devices: must be 1 or more; got {self.devices}.")
        if started and self.devices != started:
            raise ArgumentError(
                f"--devices: torchrun has started {started} processes on this machine; got "
                f"{self.devices}. Leave it out."
            )
        if self.on_gpu and self.devices > torch.cuda.device_count():
            raise ArgumentError(
                f"--devices: torch finds {torch.cuda.device_count()} GPUs; got {self.devices}."
            )


def is_first_process() -> bool:
    """Whether this process speaks for all of a run: the one that writes, draws and prints."""
    from lightning.pytorch.utilities import rank_zero_only

    return int(getattr(rank_zero_only, "rank", None) or 0) == 0


def _started() -> int:
    """Processes that torchrun has started on this machine; 0 without it."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", 0))


def _nodes(started: int) -> int:
    """Machines, as torchrun says; Lightning itself does not ask it."""
    return int(os.environ.get("WORLD_SIZE", started)) // started if started else 1
