"""Run suites, print their tables, write them down."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from neurospike.bench.harness import machine
from neurospike.bench.places import fill, has_places
from neurospike.errors import ArgumentError, MissingExtraError
from neurospike.files import write_atomically

SUITES = (
    "neurons",
    "voxels",
    "sparse",
    "network",
    "cochlea",
    "delays",
    "emulator",
    "boxes",
    "detector",
    "streaming",
)

GPU = "gpu"
GPU_SUITES = ("gpu_neurons", "gpu_sparse", "gpu_networks", "gpu_delays", "gpu_streaming")
"""What ``gpu`` stands for; not among all suites, as they need a GPU."""

Row = dict[str, Any]
Say = Callable[[str], Any]


def run_suites(
    names: Sequence[str], *, repeats: int, out: Path | None, as_json: bool, say: Say
) -> list[Row]:
    """Run the named suites, or all that need no GPU, one after another.

    Each suite is a module of this package with ``run(repeats) -> rows``; a row holds ``case``,
    ``peer``, ``ours``, ``theirs`` and ``ratio``: how many times ours is faster, or smaller.
    "gpu" stands for all suites that need a GPU.

    Parameters
    ----------
    out
        Where the table is written, after each suite again. A page that has a place for a suite,
        between the lines ``<!-- bench NAME -->`` and ``<!-- end of bench NAME -->``, keeps all
        that is around it, and the suite's table is put there.

    Raises
    ------
    ArgumentError
        An unknown suite, fewer than one turn, or a page with places, but none for a suite.
    BackendUnavailableError
        A suite that needs a GPU, where there is none.
    """
    chosen = _chosen(names)
    if repeats < 1:
        raise ArgumentError(f"bench.repeats: must be 1 or more; got {repeats}.")
    if set(chosen) & set(GPU_SUITES):
        from neurospike.bench.gpu_rig import Rig

        Rig.cuda(repeats)
    filled = out is not None and has_places(out, chosen)
    rows: list[Row] = []
    left_out: dict[str, str] = {}
    for name in chosen:
        if not as_json:
            say(f"{name}: {repeats} turns")
        try:
            found = import_module(f"neurospike.bench.{name}").run(repeats=repeats)
        except MissingExtraError as error:
            left_out[name] = str(error)
            if not as_json:
                say(f"{name}: left out: {error}")
            continue
        rows += found
        if out is not None and filled:
            fill(out, name, f"`neurospike bench {name} --repeats {repeats}`\n\n{table(found)}")
        elif out is not None:
            write_atomically(out, table(rows))
    if as_json:
        say(json.dumps({"machine": machine(), "rows": rows, "left_out": left_out}, indent=2))
    else:
        say(table(rows))
    return rows


def _chosen(names: Sequence[str]) -> list[str]:
    """Suites by their own names."""
    known = (*SUITES, GPU, *GPU_SUITES)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ArgumentError(
            f"bench.suite: must be among {', '.join(known)}; got {', '.join(unknown)}."
        )
    chosen = [suite for name in names for suite in (GPU_SUITES if name == GPU else (name,))]
    return list(dict.fromkeys(chosen)) or list(SUITES)


def table(rows: Sequence[Row]) -> str:
    """Markdown: the machine, then a row a case and peer."""
    facts = ", ".join(f"{key} {value}" for key, value in machine().items())
    lines = [
        f"Machine: {facts}.",
        "",
        "| case | ours | peer | theirs | ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {row['case']} | {row['ours']} | {row['peer']} | {row['theirs']} | {row['ratio']:.2f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
