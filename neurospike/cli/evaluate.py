"""``neurospike evaluate``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurospike.cli.common import need, print_json, say
from neurospike.errors import ArgumentError

if TYPE_CHECKING:
    from neurospike.train.evaluation import EvaluateResult


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A .safetensors file of a training run.")],
    root: Annotated[Path | None, typer.Option(help="Folder of the data [as trained].")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Another data set with the same classes [as trained].")
    ] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    unary: Annotated[
        bool, typer.Option(help="Also send integer spikes one event at a time, a second pass.")
    ] = True,
    out: Annotated[Path | None, typer.Option(help="Also write the result to this .json.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Of scans: also a page to turn some around on.")
    ] = None,
    accelerator: Annotated[
        str, typer.Option(help="auto, cpu or gpu; auto takes a GPU where torch finds one.")
    ] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Measure a checkpoint; of integer spikes also as binary events.

    Accuracy of classes; of detectors KITTI's average precision, with the official table; of
    segmenters the mean IoU, and each class's.

    Example: neurospike evaluate runs/solids-0/best.safetensors
    """
    need("train", "lightning", *(() if html is None else ("plotly",)))
    from neurospike.files import check_writable, write_atomically
    from neurospike.train import evaluate as measure
    from neurospike.train.evaluation import Mode
    from neurospike.train.scenes import is_on_scans

    if html is not None and not is_on_scans(checkpoint):
        raise ArgumentError("--html: shows scans; this run is on other data, leave it out.")
    check_writable(out, html)
    modes: tuple[Mode, ...] = ("integer", "unary") if unary else ("integer",)
    result = measure(
        checkpoint, root=root, dataset=dataset, split=split, modes=modes, accelerator=accelerator
    )
    if html is not None:
        _write_page(html, result, root=root, dataset=dataset)
    if out is not None:
        write_atomically(out, json.dumps(asdict(result), indent=2))
    if as_json:
        print_json(result)
        return
    say(f"{result.split}: {result.samples} samples")
    rows = [
        ("integer spikes (graded packets)", result.integer_accuracy),
        ("binary spikes (unary events)", result.unary_accuracy),
    ]
    known = [(name, accuracy) for name, accuracy in rows if accuracy is not None]
    if result.score != "accuracy":
        say(f"{result.score}:")
    for name, accuracy in known or [(result.score, result.accuracy)]:
        say(f"  {name:<33}{100 * accuracy:.2f} %")
    if "table" in result.details:
        say()
        say(result.details["table"])
    elif result.score != "accuracy":
        for name, value in result.metrics.items():
            say(f"  {name:<33}{100 * value:.2f} %")
    if result.late_share:
        say(f"  {100 * result.late_share:.2f} % of the events came after the last step")


def _write_page(
    html: Path, result: EvaluateResult, *, root: Path | None, dataset: str | None
) -> None:
    from neurospike.train.scenes import run_scenes
    from neurospike.viz import scene_page

    scenes = run_scenes(result.checkpoint, root=root, dataset=dataset, split=result.split)
    facts = {
        "checkpoint": result.checkpoint,
        "split": result.split,
        "scans": result.samples,
        result.score: f"{100 * result.accuracy:.2f} %",
    }
    rows = [{"measure": key, "%": round(100 * v, 2)} for key, v in result.metrics.items()]
    title = f"What {Path(result.checkpoint).parent.name} finds"
    scene_page(title, scenes, html, facts_shown=facts, tables={"Measures": rows})
