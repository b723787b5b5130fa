"""``neurospike baselines``: the conventional opponents, their sizes and what they take."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from neurospike.cli.common import need, print_json, say

_PIPED = 200
"""Columns where no terminal says how many: wide enough that a row stays in one line for grep."""

_ON_CPU = (3, 10, 64)
"""Channels, classes and image size that the small sizes are counted at."""


def baselines(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the conventional networks that are trained and priced beside the spiking ones.

    Each has its paper's smallest published size, and a small one that trains on a CPU; `neurospike
    train TASK --model NAME` trains it. `timm:NAME` is any network of timm, where that is installed.

    Example: neurospike baselines --json
    """
    from neurospike.baselines import known

    rows = {name: _row(name) for name in known()}
    if as_json:
        print_json(rows)
        return
    need("cli", "rich")
    _print(rows)


def _row(name: str) -> dict[str, Any]:
    from neurospike.baselines import find

    family = find(name)
    channels, classes, side = family.example
    small = (channels, classes, side) if family.takes == "model" else _cpu_example(name)
    return {
        "source": family.source,
        "takes": family.takes,
        "image_sizes": _image_sizes(name),
        "extra": family.needs,
        "published": {
            "parameters": family.parameters,
            "built": _parameters(name, "published", channels, classes, side),
            "in_channels": channels,
            "num_classes": classes,
            "image_size": side,
        },
        "cpu": {
            "parameters": _parameters(name, "cpu", *small),
            "in_channels": small[0],
            "num_classes": small[1],
            "image_size": small[2],
        },
    }


def _cpu_example(name: str) -> tuple[int, int, int]:
    """What a small size is counted at: colour images, but spectrograms have one channel."""
    from neurospike.baselines import find

    channels, classes, side = _ON_CPU
    return (1 if find(name).example[0] == 1 else channels), classes, side


def _image_sizes(name: str) -> str:
    from neurospike.baselines import find

    family = find(name)
    if family.takes == "model":
        return "as the model"
    if family.takes == "points":
        return "any number"
    if family.multiple > 1:
        return f"multiples of {family.multiple}"
    published, cpu = family.least
    if published == 1:
        return "any"
    return f"from {published}" + (f", cpu {cpu}" if cpu != published else "")


def _parameters(
    name: str, size: str, channels: int, classes: int, side: int | tuple[int, int]
) -> int | None:
    """Parameters of a network that is never given memory; None where its extra is missing."""
    import torch

    from neurospike.baselines import create
    from neurospike.errors import MissingExtraError

    try:
        with torch.device("meta"):
            model = create(
                name,
                in_channels=channels,
                num_classes=classes,
                image_size=side,
                size="cpu" if size == "cpu" else "published",
            )
    except MissingExtraError:
        return None
    return sum(parameter.numel() for parameter in model.parameters())


def _print(rows: dict[str, dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, markup=False, width=_PIPED)
    table = Table()
    for title in ("name", "takes", "image sizes", "published", "cpu", "extra", "source"):
        right = title in ("published", "cpu")
        # A row that wraps is no row for grep: only the source may.
        table.add_column(
            title,
            justify="right" if right else "left",
            no_wrap=title != "source",
            overflow="fold",
        )
    for name, row in rows.items():
        # As published first: of some families that is the form that is deployed.
        published = row["published"]["parameters"] or row["published"]["built"]
        table.add_row(
            name, row["takes"], row["image_sizes"], _millions(published),
            _millions(row["cpu"]["parameters"]), row["extra"] or "", row["source"],
        )  # fmt: skip
    console.print(table)
    say(
        "parameters: published at the paper's own images (as a rule 3 channels, 1,000 classes, 224 "
        "pixels), cpu at 10 classes and 64 pixels"
    )
    if any(row["cpu"]["parameters"] is None for row in rows.values()):
        say("not installed: pip install 'neurospike[baselines]'")
    say("timm:NAME: any network of timm, where it is installed (timm.list_models())")


def _millions(count: float | None) -> str:
    return "" if count is None else f"{count / 1e6:.2f} M"
