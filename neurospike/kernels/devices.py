"""What tensors Triton's kernels can take. Nothing here imports Triton."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec

import torch
from torch import Tensor

from neurospike.errors import ArgumentError


def interpreted() -> bool:
    """Whether Triton interprets its kernels, on tensors of the CPU: TRITON_INTERPRET=1."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def triton_obstacle(tensor: Tensor) -> str | None:
    """What keeps Triton's kernels from a tensor, as "'triton' needs ..." goes on, or None."""
    if tensor.device.type != "cuda" and not (tensor.device.type == "cpu" and interpreted()):
        return f"CUDA tensors; got device {tensor.device}"
    if find_spec("triton") is None:
        return "the package triton, which is not installed; pip install 'neurospike[gpu]'"
    return None


@functools.cache
def multiprocessors(device: torch.device) -> int:
    """Processors of a GPU; 1 of a CPU, where programs are interpreted one after the other."""
    if device.type != "cuda":
        return 1
    return torch.cuda.get_device_properties(device).multi_processor_count


def current(device: torch.device) -> AbstractContextManager[object]:
    """Make a GPU the current one, which is the one that Triton launches on; a CPU stays itself."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def constants(values: Sequence[float], device: torch.device) -> Tensor:
    """float64 numbers, filled in on a GPU: for a copy from the host it would have to wait."""
    if device.type == "cpu":
        return torch.tensor(values, dtype=torch.float64)
    return torch.stack([torch.full((), v, dtype=torch.float64, device=device) for v in values])


def on(first: Tensor, others: Iterable[object] = ()) -> AbstractContextManager[object]:
    """Where a kernel is launched that takes these tensors: on the device of the first, and of all.

    Triton launches on addresses: a kernel that reads another GPU's memory may end the process.

    Raises
    ------
    ArgumentError
        A tensor on another device.
    """
    for other in others:
        if isinstance(other, Tensor) and other.device != first.device:
            raise ArgumentError(
                f"kernels.tensors: must lie on {first.device} with the input; got one on "
                f"{other.device}. Move layers, states and voxels with .to({str(first.device)!r})."
            )
    return current(first.device)


def power_of_two(size: int) -> int:
    """The smallest that is not below ``size``, which is 1 or more: what programs are made of."""
    return 1 << (size - 1).bit_length()
