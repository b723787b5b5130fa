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
    """Measure a checkpoint's accuracy; of integer spikes also as binary events.

    Example: neurospike evaluate runs/solids-0/best.safetensors
    """
    need("train", "lightning")
    from neurospike.train import evaluate as measure

    result = measure(checkpoint, root=root, split=split)
    if as_json:
        print_json(result)
        return
    say(f"{result.split}: {result.samples} samples")
    rows = [
        ("integer spikes (graded packets)", result.integer_accuracy),
        ("binary spikes (unary events)", result.unary_accuracy),
    ]
    known = [(name, accuracy) for name, accuracy in rows if accuracy is not None]
    for name, accuracy in known or [("accuracy", result.accuracy)]:
        say(f"  {name:<33}{100 * accuracy:.2f} %")
    if result.late_share:
        say(f"  {100 * result.late_share:.2f} % of the events came after the last step")
