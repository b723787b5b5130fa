"""``neurospike energy``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from neurospike.cli.common import need, say
from neurospike.errors import ArgumentError


def energy(
    checkpoint: Annotated[Path, typer.Argument(help="A .safetensors file of a training run.")],
    root: Annotated[Path | None, typer.Option(help="Folder of the data [as trained].")] = None,
    samples: Annotated[int, typer.Option(help="Test samples to run and count.")] = 16,
    convention: Annotated[
        Literal["exact", "paper", "neurobench", "lemaire"], typer.Option(help="How to count.")
    ] = "exact",
    out: Annotated[Path | None, typer.Option(help="Also write the counts to this .json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Count operations and energy layer by layer, beside the ANN twin (same topology, ReLU).

    Example: neurospike energy runs/solids-0/best.safetensors --out energy.json
    """
    need("train", "lightning")
    if samples < 1:
        raise ArgumentError(f"--samples: must be 1 or more; got {samples}.")
    from neurospike import hw
    from neurospike.files import write_atomically
    from neurospike.train import open_run
    from neurospike.train.evaluation import first_batch
    from neurospike.train.tasks import build_task

    model, recipe, source = open_run(checkpoint, root=root)
    task = build_task(recipe, root=root)
    inputs = first_batch(task, source, samples)
    comparison = hw.compare(model, inputs, convention=convention, **task.counting)
    document = {"checkpoint": str(checkpoint), **json.loads(comparison.to_json())}
    if out is not None:
        write_atomically(out, json.dumps(document, indent=2))
    if as_json:
        typer.echo(json.dumps(document, indent=2))
        return
    counted = comparison.spiking.batch_size
    say(f"{recipe.name}: mean of {counted} test samples, convention {convention!r}")
    say(comparison.table())
