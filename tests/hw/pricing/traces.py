"""Traces by hand, for prices."""

import numpy as np

from neurospike.hw.network import Network, Population, Projection, Shortcut, Space
from neurospike.hw.neuron_models import LIFModel, Source
from neurospike.hw.placement import Mesh, Placement
from neurospike.hw.trace import Trace
from neurospike.hw.wiring import Whole

LOIHI = Mesh(8, 4, 4)


def columns(counts, rows=1):
    """Counts as a trace holds them; a number stands in the first row."""
    found = {}
    for name, value in counts.items():
        column = np.zeros(rows, np.int64)
        column[: np.size(value)] = value
        found[name] = column
    return found


def trace(
    *,
    projection=None,
    population=None,
    source=None,
    shortcut=None,
    kind="dense",
    rows=1,
    samples=1,
    cores=None,
    links=(),
    placement=None,
    schedule="pipelined",
    **more,
):
    """Two populations and one projection: "in" (a source), "ab" (a projection), "b"."""
    neuron = LIFModel(decay=0.5, threshold=1.0)
    net = Network(
        (Population("in", Space(1), Source()), Population("b", Space(1), neuron)),
        (Projection("ab", "in", "b", Whole(), np.ones((1, 1, 1)), kind=kind),),
        (Shortcut("skip", "in", "b"),),
    )
    return Trace(
        network=net,
        placement=placement,
        schedule=schedule,
        mode="unary",
        samples=samples,
        depth=1,
        spikes={},
        output=[],
        populations={
            "in": columns(source or {"spikes": 0}, rows),
            "b": columns(population or {}, rows),
        },
        projections={"ab": columns(projection or {"synops": 0}, rows)},
        shortcuts={"skip": columns(shortcut or {}, rows)},
        cores=cores or {},
        links=np.array(links, np.int64),
        **more,
    )


def placed(**core):
    """A placement on Loihi from the core of every neuron."""
    arrays = {name: np.array(value, np.int32) for name, value in core.items()}
    used = max(int(array.max(initial=0)) for array in arrays.values()) + 1
    return Placement(core=arrays, cores=used, mesh=LOIHI, chip="loihi1_sanafe")
