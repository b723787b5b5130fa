"""``neurospike bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bench(
    suite: Annotated[
        list[str] | None,
        typer.Argument(
            help="neurons, voxels, sparse, network, cochlea, delays, emulator, boxes, detector, "
            "streaming [all]; gpu, or gpu_neurons, gpu_sparse, gpu_networks, gpu_delays, "
            "gpu_streaming, on a CUDA GPU."
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Turns that each candidate takes.")] = 15,
    out: Annotated[
        Path | None,
        typer.Option(help="Also write the tables to this .md, into their places if it has."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Measure the kernels beside their peers, in turns in one process; report medians.

    Run it on a quiet machine. Peers that are not installed are named and left out.

    Example: neurospike bench neurons --repeats 15 --out results.md

    Example: neurospike bench gpu --out benchmarks/RESULTS.md
    """
    from neurospike.bench.run import run_suites

    run_suites(suite or [], repeats=repeats, out=out, as_json=as_json, say=typer.echo)
