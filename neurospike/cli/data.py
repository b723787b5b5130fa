"""``neurospike data``: published data sets listed, fetched and verified."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from neurospike.cli.common import print_json, say
from neurospike.errors import ArgumentError, DataError

app = typer.Typer(
    name="data",
    help="List, fetch and verify published data sets.",
    epilog="Example: neurospike data fetch shd --root data",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Root = Annotated[Path, typer.Option(help="Folder of the data sets.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("list")
def list_sets(as_json: _Json = False) -> None:
    """Say what can be fetched; docs/data.md says where the rest comes from.

    Example: neurospike data list
    """
    from neurospike.datasets.downloads import SETS

    if as_json:
        print_json(
            {
                name: {
                    "title": entry.title,
                    "licence": entry.licence,
                    "size": entry.size,
                    "urls": [archive.url for archive in entry.archives],
                }
                for name, entry in SETS.items()
            }
        )
        return
    for name, entry in SETS.items():
        say(f"{name:<17}{entry.size:<12}{entry.licence:<14}{entry.title}")


@app.command("fetch")
def fetch_set(
    name: Annotated[str, typer.Argument(help="A name that `neurospike data list` shows.")],
    root: _Root = Path("data"),
    keep: Annotated[bool, typer.Option("--keep", help="Keep the archives.")] = False,
    as_json: _Json = False,
) -> None:
    """Fetch a data set, check it and unpack it to ROOT/NAME; run it again to go on.

    Example: neurospike data fetch fsdd --root data
    """
    from neurospike.datasets.downloads import fetch

    folder = fetch(name, root, keep=keep, say=lambda line: say(line, quiet=as_json))
    if as_json:
        print_json({"name": name, "folder": str(folder)})


@app.command("verify")
def verify_set(
    name: Annotated[
        str,
        typer.Argument(help="A name that `neurospike data list` shows, kitti or semantickitti."),
    ],
    root: _Root = Path("data"),
    thorough: Annotated[
        bool,
        typer.Option(
            "--thorough", help="kitti, semantickitti: read every scan, not only its size."
        ),
    ] = False,
    as_json: _Json = False,
) -> None:
    """Look for every published file and count what is in it; damage is exit code 2.

    Example: neurospike data verify kitti --root data/kitti
    """
    if name in ("kitti", "semantickitti"):
        _verify_scans(name, root, thorough=thorough, as_json=as_json)
        return
    counts = _counts(name, root)
    if as_json:
        print_json({"name": name, "counts": counts})
        return
    say(f"{name}: whole, " + ", ".join(f"{count:,} {part}" for part, count in counts.items()))


def _verify_scans(name: str, root: Path, *, thorough: bool, as_json: bool) -> None:
    """Print what there is, then what is missing or damaged, and raise where there is such."""
    from neurospike.datasets.kitti_verify import verify_kitti
    from neurospike.datasets.semantic_kitti_verify import verify_semantic_kitti

    verify = verify_kitti if name == "kitti" else verify_semantic_kitti
    found = verify(root, thorough=thorough)
    if as_json:
        print_json({"name": name, "whole": not found.problems, **asdict(found)})
    else:
        for line in (*found.problems, *found.notes):
            say(line)
    if found.problems:
        raise DataError(
            f"data.verify: {name} in {root}: {len(found.problems)} files are missing or damaged; "
            "they are listed on standard output; unpack their archives again"
        )
    counts = ", ".join(f"{count:,} {part}" for part, count in found.counts.items())
    say(f"{name}: whole, {counts}", quiet=as_json)


def _counts(name: str, root: Path) -> dict[str, Any]:
    from neurospike import datasets
    from neurospike.datasets.downloads import BY_HAND, SETS
    from neurospike.datasets.spiking_heidelberg import verify_clips

    if name not in SETS:
        names = ", ".join((*SETS, *BY_HAND))
        raise ArgumentError(f"data.name: one of {names}; got {name!r}")
    if name in ("shd", "ssc"):
        return verify_clips("SHD" if name == "shd" else "SSC", root)
    if name == "fsdd":
        return {"recordings": datasets.FSDD(root, validation=0).verify()}
    return dict(datasets.SpeechCommands(root).verify())
