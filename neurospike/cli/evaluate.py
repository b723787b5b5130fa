"""``neurospike evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurospike.cli.common import need, print_json, say


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A .safetensors file of a training run.")],
    root: Annotated[Path | None, typer.Option(help="Folder of the data [as trained].")] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure a checkpoint's accuracy, with integer spikes and with binary events.

    Example: neurospike evaluate runs/solids-0/best.safetensors
    """
    need("train", "lightning")
    from neurospike.train import evaluate as measure

    result = measure(checkpoint, root=root, split=split)
    if as_json:
        print_json(result)
        return
    say(f"{result.split}: {result.samples} samples")
    say(f"  integer spikes (graded packets)  {100 * result.integer_accuracy:.2f} %")
    say(f"  binary spikes (unary events)     {100 * result.unary_accuracy:.2f} %")
