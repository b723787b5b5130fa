"""Why few operations need not be fast: efficiency gap and waterline, layer by layer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from neurospike import hw
from neurospike.train.comparing.costs import Opened
from neurospike.train.comparing.peaks import unseen

_SIDE = 1024
_COPIED = 32 << 20
_ROUNDS = 7


@dataclass(frozen=True)
class Machine:
    """What this machine reaches at its best, in float32 and on torch's threads.

    Attributes
    ----------
    macs_per_s
        Of a large product of matrices.
    bytes_per_s
        Read and written by a copy that no cache holds.
    """

    macs_per_s: float
    bytes_per_s: float

    @property
    def waterline(self) -> float:
        """MACs a byte below which memory, not arithmetic, sets the time."""
        return self.macs_per_s / self.bytes_per_s


@dataclass(frozen=True)
class LayerTime:
    """One layer in one inference.

    Attributes
    ----------
    operations
        MACs, and accumulations that spikes cause.
    seconds
        Least of some runs.
    bytes
        Its inputs, weights and outputs, each moved once.
    """

    name: str
    type: str
    operations: float
    seconds: float
    bytes: float

    @property
    def intensity(self) -> float:
        """Operations a byte."""
        return self.operations / self.bytes if self.bytes else 0.0

    def efficiency(self, machine: Machine) -> float:
        """Share of the machine's best that the layer reaches."""
        return self.operations / self.seconds / machine.macs_per_s if self.seconds else 0.0

    def attainable(self, machine: Machine) -> float:
        """Share that memory leaves to it."""
        return min(1.0, self.intensity / machine.waterline)


@dataclass(frozen=True)
class Waterline:
    """A network's layers beside what the machine could do.

    Attributes
    ----------
    operations, seconds
        Of the whole network, what lies between its layers included.
    layers
        In the order of execution; those with parameters alone.

    Source
    ------
    arXiv:2404.03617: latency is arithmetic complexity over (peak x efficiency). The gap of a
    network is what its latency would buy at full efficiency, over its operations; the waterline is
    the machine's ratio of operations to bytes, under which a layer waits for memory.
    """

    operations: float
    seconds: float
    layers: tuple[LayerTime, ...]
    machine: Machine

    @property
    def efficiency(self) -> float:
        """Share of the machine's best that the network reaches."""
        return self.operations / (self.seconds * self.machine.macs_per_s)

    @property
    def gap(self) -> float:
        """How many times more operations its time would pay for."""
        return 1 / self.efficiency if self.efficiency else float("inf")


def measure_machine() -> Machine:
    """Time a product of matrices and a copy; some 0.3 s."""
    a, b = torch.rand(_SIDE, _SIDE), torch.rand(_SIDE, _SIDE)
    source = torch.zeros(_COPIED, dtype=torch.uint8)
    target = torch.empty_like(source)
    product = _least(lambda: torch.mm(a, b))
    copy = _least(lambda: target.copy_(source))
    return Machine(_SIDE**3 / product, 2 * _COPIED / copy)


def measure_waterline(opened: Opened, machine: Machine) -> Waterline:
    """Layer by layer on the first sample, met anew each time.

    Cost
    ----
    Some ten inferences.
    """
    model, sample = opened.model, opened.inputs[0]
    counts = hw.count(model, sample, **opened.counting)
    operations = _by_path(counts)
    runs: list[dict[str, _Seen]] = []
    totals = []
    with torch.no_grad():
        for _ in range(_ROUNDS):
            seen: dict[str, _Seen] = {}
            with _clocked(model, seen):
                given = unseen(sample)
                began = time.perf_counter()
                model(given)
                totals.append(time.perf_counter() - began)
            runs.append(seen)
    layers = [
        LayerTime(
            name,
            one.type,
            operations.get(name, 0.0),
            min(run[name].seconds for run in runs),
            one.bytes,
        )
        for name, one in runs[0].items()
    ]
    return Waterline(counts.macs + counts.synops, min(totals), tuple(layers), machine)


def _by_path(counts: hw.Counts) -> dict[str, float]:
    """Operations at each path, where a layer and functions beside it may have a row each."""
    found: dict[str, float] = {}
    for row in counts.layers:
        found[row.name] = found.get(row.name, 0.0) + row.macs + row.synops
    return found


@dataclass
class _Seen:
    type: str
    seconds: float = 0.0
    bytes: float = 0.0


@contextmanager
def _clocked(model: nn.Module, seen: dict[str, _Seen]) -> Iterator[None]:
    """Book time and bytes of every layer that has parameters and no layers within."""
    hooks = []
    began: dict[str, float] = {}
    for name, layer in model.named_modules():
        if any(layer.children()) or not any(True for _ in layer.parameters()):
            continue

        def before(_layer: nn.Module, _inputs: Any, name: str = name) -> None:
            began[name] = time.perf_counter()

        def after(layer: nn.Module, inputs: Any, output: Any, name: str = name) -> None:
            took = time.perf_counter() - began[name]
            one = seen.setdefault(name, _Seen(type(layer).__name__))
            one.seconds += took
            one.bytes += _bytes(inputs) + _bytes(output) + _bytes(tuple(layer.parameters()))

        hooks += [layer.register_forward_pre_hook(before), layer.register_forward_hook(after)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _bytes(value: Any) -> float:
    value = getattr(value, "features", value)  # of a VoxelTensor
    if isinstance(value, Tensor):
        return float(value.numel() * value.element_size())
    if isinstance(value, (tuple, list)):
        return sum(_bytes(part) for part in value)
    return 0.0


def _least(call: Callable[[], object]) -> float:
    found = float("inf")
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        call()
        found = min(found, time.perf_counter() - began)
    return found
