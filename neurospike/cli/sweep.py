"""``neurospike sweep``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from neurospike.cli.common import need, print_json, say
from neurospike.errors import ArgumentError

if TYPE_CHECKING:
    from neurospike.train.sweeping.grid import Width
    from neurospike.train.sweeping.running import Tick

N = TypeVar("N", int, float)


def sweep(
    checkpoint: Annotated[Path, typer.Argument(help="A .safetensors file of a training run.")],
    chip: Annotated[
        list[str], typer.Option(help="A chip, or a chip file of your own; give it once for each.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of points and pages; resumed if there.")],
    root: Annotated[Path | None, typer.Option(help="Folder of the data [as trained].")] = None,
    steps: Annotated[
        str, typer.Option(help="T: steps of the network, or how many of a sequence are heard.")
    ] = "",
    max_spikes: Annotated[str, typer.Option(help="D: most spikes of an integer neuron.")] = "",
    weight_bits: Annotated[
        str, typer.Option(help="Widths of weights; chip: its own, float: no integers.")
    ] = "chip",
    membrane_bits: Annotated[str, typer.Option(help="Widths of membranes, likewise.")] = "chip",
    threshold: Annotated[
        str, typer.Option(help="Factors of what it takes to fire: LIF threshold, ILIF spike.")
    ] = "1",
    samples: Annotated[int, typer.Option(help="Test samples a point, spread evenly.")] = 64,
    convention: Annotated[
        Literal["per_activity", "affine"], typer.Option(help="How counts become energy.")
    ] = "per_activity",
    workers: Annotated[
        int | None, typer.Option(help="Processes, of one thread; at most one a core [all].")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(help="Run on Ray: local, auto, host:port of its head, or ray://host:10001."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the points as JSON.")] = False,
) -> None:
    """Measure accuracy and energy of a checkpoint over chips and settings; draw what is best.

    Values are separated by commas, and every combination is a point. A point is kept as soon as
    it is known: an interrupted sweep goes on with the same command, and more values add to it.

    Example: neurospike sweep runs/solids-0/best.safetensors --out sweep
    --chip loihi1_sanafe --chip loihi2_candidate --max-spikes 2,4,8 --weight-bits 4,6,8
    """
    need("train", "lightning", "matplotlib", "rich")
    if ray is not None:
        need("sweep", "ray")
    from neurospike.train.sweeping import Axes, table
    from neurospike.train.sweeping import sweep as run

    axes = Axes(
        steps=_values("--steps", steps, int),
        max_spikes=_values("--max-spikes", max_spikes, int),
        weight_bits=_widths("--weight-bits", weight_bits),
        membrane_bits=_widths("--membrane-bits", membrane_bits),
        thresholds=_values("--threshold", threshold, float),
    )
    with _progress() as tick:
        found = run(
            checkpoint,
            chip,
            axes,
            out=out,
            root=root,
            samples=samples,
            convention=convention,
            workers=workers,
            ray=ray,
            tick=tick,
        )
    if as_json:
        print_json(found)
        return
    say(f"{found['name']}: {found['samples']} test samples a point, 95 % intervals")
    say(table(found))
    say(f"best of each chip marked *; see {out / 'pareto.html'}")


def _values(option: str, text: str, kind: type[N]) -> tuple[N, ...]:
    """Comma-separated numbers, each once; none of an empty text."""
    try:
        return tuple(dict.fromkeys(kind(part) for part in text.split(",") if text))
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise ArgumentError(f"{option}: needs {what} separated by commas; got {text!r}.") from None


def _widths(option: str, text: str) -> tuple[Width, ...]:
    found: dict[Width, None] = {}
    for part in text.split(","):
        if part == "chip":
            found["chip"] = None
        elif part == "float":
            found["float"] = None
        elif part.isdecimal():
            found[int(part)] = None
        else:
            raise ArgumentError(
                f"{option}: needs whole numbers, 'chip' or 'float', separated by commas; "
                f"got {text!r}."
            )
    return tuple(found)


@contextmanager
def _progress() -> Iterator[Tick]:
    """A bar on standard error, or lines where that is no terminal; never on standard output."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda known, total: typer.echo(f"{known} of {total} points", err=True)
        return
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("points", total=None)
        yield lambda known, total: progress.update(bar, completed=known, total=total)
