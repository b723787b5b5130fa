"""What one inference of a contestant takes: operations, energy, time and memory."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

import numpy as np
import torch
from torch import nn

from neurospike import hw
from neurospike.errors import NeurospikeError
from neurospike.hw.contests import Entrant
from neurospike.hw.counter import ConventionName
from neurospike.hw.opponents import contest, conventional
from neurospike.train.comparing.contestants import Contestant
from neurospike.train.comparing.peaks import peak_megabytes, unseen
from neurospike.train.sweeping.opening import open_checkpoint, read_subject
from neurospike.train.tasks import build_task

CONVENTIONS: tuple[ConventionName, ...] = get_args(ConventionName)
WARMUP = 3


@dataclass(frozen=True)
class Opened:
    """The network of a contestant's first seed, and test samples: batches of one each."""

    contestant: Contestant
    model: nn.Module
    inputs: tuple[Any, ...]
    counting: dict[str, Any]


@dataclass(frozen=True)
class Work:
    """Operations of one inference, and their energy by one convention."""

    macs: float
    acs: float
    synops: float
    updates: float
    energy_pj: float


@dataclass(frozen=True)
class Cost:
    """Of one inference, mean over samples.

    Attributes
    ----------
    work
        By convention.
    machine
        Arithmetic, and what products, events and neurons read and write, in float32 on one
        machine, as in ``hw.contest``; None where a spiking network cannot be lowered.
    p50_ms, p99_ms
        Latency of one sample on the machine that compares; voxels and images are made before,
        kernel maps are not: every sample that a sensor gives needs its own.
    memory_mb
        Peak of a process during an inference, beyond what the loaded network holds; None where
        the system does not tell (only Linux does).
    notes
        Why something is missing.
    """

    work: Mapping[str, Work]
    machine: Entrant | None
    p50_ms: float
    p99_ms: float
    memory_mb: float | None
    notes: tuple[str, ...] = ()


def open_contestant(
    contestant: Contestant, *, root: str | Path | None = None, samples: int = 16
) -> Opened:
    """Open the run of the first seed, with samples spread evenly over its test split."""
    opened = open_checkpoint(contestant.runs[0].checkpoint, root=root)
    subject = read_subject(opened, {}, samples=samples, steps=0, convention="")
    counting = build_task(opened.recipe, root=opened.root).counting
    return Opened(contestant, opened.model.eval(), subject.inputs, counting)


def costs(opened: Sequence[Opened], *, repeats: int = 50) -> list[Cost]:
    """Cost of each contestant; latencies are taken in turns, so that all meet the same machine.

    Raises
    ------
    UncountedLayerError
        A layer without a rule; it is named.
    """
    latencies = measure_latency(opened, repeats)
    found = []
    for one, milliseconds in zip(opened, latencies, strict=True):
        p50, p99 = np.percentile(milliseconds, [50, 99])
        machine, notes = on_machine(one)
        who = one.contestant
        memory = peak_megabytes(who.runs[0].checkpoint, one.inputs[0], who.recipe)
        found.append(Cost(work_of(one), machine, float(p50), float(p99), memory, notes))
    return found


def work_of(opened: Opened) -> dict[str, Work]:
    """Mean work by every convention."""
    found: dict[str, Work] = {}
    for convention in CONVENTIONS:
        rows = [
            hw.count(opened.model, sample, convention, **opened.counting)
            for sample in opened.inputs
        ]
        numbers = {
            name: fmean(getattr(row, name) for row in rows)
            for name in ("macs", "acs", "synops", "updates", "energy_pj")
        }
        found[convention] = Work(**numbers)
    return found


def on_machine(opened: Opened) -> tuple[Entrant | None, tuple[str, ...]]:
    """Energy in float32 on one machine with memory, and why it is missing if it is."""
    try:
        entrants = list(_entrants(opened))
    except NeurospikeError as error:
        return None, (f"{opened.contestant.name}: no energy with memory ({error})",)
    first = entrants[0]
    means = {
        name: fmean(getattr(one, name) for one in entrants)
        for name in ("operations", "arithmetic_pj", "memory_pj", "event_pj")
    }
    return Entrant(opened.contestant.name, first.numbers, **means), ()


def measure_latency(opened: Sequence[Opened], repeats: int) -> list[list[float]]:
    """Milliseconds of each inference of each contestant, each of a sample not met before."""
    found: list[list[float]] = [[] for _ in opened]
    with torch.no_grad():
        warmup = max(WARMUP, max(len(one.inputs) for one in opened))
        for turn in range(warmup + repeats):
            for place, one in enumerate(opened):
                sample = unseen(one.inputs[turn % len(one.inputs)])
                began = time.perf_counter()
                one.model(sample)
                if turn >= warmup:
                    found[place].append(1e3 * (time.perf_counter() - began))
    return found


def is_spiking(model: nn.Module) -> bool:
    """Whether any neuron of a network sends spikes."""
    return any(getattr(module, "emits_spikes", False) for module in model.modules())


def _entrants(opened: Opened) -> Iterator[Entrant]:
    name, model = opened.contestant.name, opened.model
    if not is_spiking(model):
        for sample in opened.inputs:
            yield conventional(name, model, sample, opened.counting)
        return
    network = hw.lower(model, opened.inputs[0])
    for sample in opened.inputs:
        yield contest(hw.emulate(network, sample), sample).spiking_float
