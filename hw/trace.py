"""What an emulation did: spikes, values for the host, and every count by element and step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurospike.hw.network import Network
from neurospike.hw.placement import Placement

Counts: TypeAlias = dict[str, NDArray[np.int64]]
"""Name of a count -> (rows,), one number a row."""

Schedule = Literal["layerwise", "pipelined"]
SpikeMode = Literal["unary", "graded"]

PROJECTION_COUNTS = {
    "events": "spikes that came in; a spike of value v is v events, or one where graded; of a real "
    "input every number but 0 is one",
    "addresses": "taps inside the grid visited by events, occupied or not",
    "probes": "occupancy look-ups of a submanifold window: one an address with a bitmap or a hash "
    "table; with a rulebook none, but for the spike flags of the voxels that it lists",
    "hits": "visited taps with a target; with gate='spike' a target that spiked in that step",
    "index_reads": "reads of what turns a voxel into a row: one a hit with a bitmap or a hash "
    "table, one a tap of the window with a rulebook; stored pairs of strided and inverse windows: "
    "one a hit; none where arithmetic gives the row",
    "marks": "flags set for sites that spiked, which gate='spike' probes",
    "synops": "accumulations by unary events: hits times output channels of a group",
    "graded_synops": "the same by graded events, which multiply",
    "macs": "the same by real inputs, which multiply",
    "weight_reads": "weights read, one an accumulation",
    "membrane_reads": "membranes or dendrites read, to add to: one an accumulation without delays",
    "membrane_writes": "membranes or dendrites written, likewise",
    "delay_writes": "accumulations into a delay line, a read and a write each",
    "delay_reads": "sums that a delay line gave back, one a neuron and integer step; of the first "
    "delayed projection into a population, which has one line for all",
    "packets": "messages, one for each event and core that it goes to, from the host too; what a "
    "core gets for two projections is counted in the first",
    "hops_x": "links inside chips passed along x by packets; none from the host",
    "hops_y": "links inside chips passed along y by packets; none from the host",
    "chip_crossings": "borders between chips passed by packets",
}
"""Counts of a projection, and what each means. Zero weights are synapses like others."""

POPULATION_COUNTS = {
    "accesses": "neurons looked at: all of them, every integer step that the population runs; of a "
    "source, where it has a core",
    "updates": "neurons with work: a membrane that is not 0, an input or a bias",
    "idle": "neurons without",
    "fired": "neurons that sent a spike",
    "spikes": "events sent: a spike of value v is v, or one where graded",
    "bias_adds": "biases other than 0 added, and currents held since the first step",
    "saturations": "membranes that hit the end of their width",
}
"""Counts of a population; all but the spikes stand in the first row of an integer step."""

SHORTCUT_COUNTS = {
    "adds": "additions of one current to another",
    "messages": "currents sent to another core",
    "hops_x": "links of the mesh passed along x by messages",
    "hops_y": "links of the mesh passed along y by messages",
    "chip_crossings": "borders between chips passed by messages",
}
"""Counts of a shortcut, in the first row of an integer step."""

REBUILD_COUNTS = {
    "inserts": "voxels put into an index or found by a strided window, once a sample",
    "build_probes": "look-ups while building: pairs of strided windows, taps of a rulebook",
    "index_bits": "bits that the index takes: bitmap or hash table",
    "rank_bits": "bits of the voxels counted before each word of a bitmap",
    "table_writes": "entries of stored pair lists written",
    "table_bits": "bits that stored pair lists take",
}
"""Counts of a level of voxels, once a sample, by generator: see ``Trace.rebuild``."""


@dataclass(eq=False)
class Trace:
    """The record of one emulation.

    A row is one barrier of the chip: a virtual step where spikes are unary events, an integer
    step where graded. Several samples follow one another in the rows.

    Attributes
    ----------
    network, placement, schedule, mode
        What ran, and how. "layerwise": a spike reaches the next layer in the step it was sent,
        layers run one after another; "pipelined": one step later, all layers at once.
    samples
        Samples in the rows.
    depth
        Rows an integer step.
    spikes
        Population -> (integer steps of all samples, neurons) where the sites are the same for all
        samples, else a list of one array a sample; values of spikes, or of real numbers.
    output
        What the host reads, one array a sample.
    populations, projections, shortcuts
        Name -> name of a count -> (rows,).
    cores
        Name of a population, projection or shortcut -> name of a count -> (rows, cores): the
        counts that decide how long a step takes. Projections: "synops" (all kinds, at the target's
        core), "packets_in" (at the target's core), "packets_out" (at the source's core).
        Populations: "accesses", "updates", "fired". Shortcuts: "adds" and "packets_in" (at the
        target's core), "packets_out" (at the source's). Empty without a placement.
    links
        (rows,) packets and messages on the busiest link; empty without a placement.
    flow
        (4, x, y) packets and messages on every link, over all rows: to the east, west, north and
        south; a link from tile (x, y) to (x + 1, y), or to (x, y + 1), has the place of its lower
        end. Empty without a placement.
    sites
        Occupied sites of each level and sample, (samples, levels).
    rebuild
        Generator ("bitmap", "hash", "rulebook") -> count -> (samples,).
    generator
        The index generator that probes and index reads were counted for.
    margin
        Population whose spikes were forced -> (differences,): how far its membrane was from
        deciding the same, in the order of samples, steps and neurons.
    """

    network: Network
    placement: Placement | None
    schedule: Schedule
    mode: SpikeMode
    samples: int
    depth: int
    spikes: dict[str, Any]
    output: list[NDArray[Any]]
    populations: dict[str, Counts]
    projections: dict[str, Counts]
    shortcuts: dict[str, Counts] = field(default_factory=dict)
    cores: dict[str, Counts] = field(default_factory=dict)
    links: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    flow: NDArray[np.int64] = field(default_factory=lambda: np.zeros((4, 0, 0), np.int64))
    sites: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    rebuild: dict[str, Counts] = field(default_factory=dict)
    generator: str = "bitmap"
    margin: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Barriers of the chip."""
        for counts in (*self.populations.values(), *self.projections.values()):
            for column in counts.values():
                return len(column)
        return 0

    def total(self, count: str) -> int:
        """A count summed over everything that has it, over all rows and samples."""
        parts = (*self.populations.values(), *self.projections.values(), *self.shortcuts.values())
        return sum(int(counts[count].sum()) for counts in parts if count in counts)
