"""``neurospike tune``: measure which kernels are fastest on this GPU, and keep that."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurospike.cli.common import need, print_json, say

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from neurospike.kernels.tuning.session import Result

_PIPED = 160
"""Columns where no terminal says how many: wide enough that a row stays in one line for grep."""


def tune(
    limit: Annotated[float, typer.Option(help="Seconds that the search may take.")] = 120.0,
    gpu: Annotated[int, typer.Option(help="Number of the GPU, as torch counts them.")] = 0,
    show: Annotated[bool, typer.Option("--show", help="Print the table in force.")] = False,
    clear: Annotated[
        bool, typer.Option("--clear", help="Remove this GPU's tables, outdated ones too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure which configurations of the GPU kernels are fastest on this card, and keep them.

    Neurons and sparse convolutions of a few sizes are run in turns; the winners are written to
    NEUROSPIKE_CACHE, or ~/.cache/neurospike, and every later run on a card of this name takes
    them. A table changes which kernel runs and so the last bits of results; docs/backends.md
    says more. What there was no time for keeps its defaults.

    Example: neurospike tune --limit 120
    """
    from neurospike.errors import ArgumentError

    if not 0 < limit < float("inf"):
        raise ArgumentError(f"--limit: must be above 0 seconds; got {limit:g}. Try 120.")
    if show and clear:
        raise ArgumentError("--show, --clear: give one of them; --clear removes what --show shows.")
    device = _device(gpu)
    if show:
        _show(device, as_json=as_json)
    elif clear:
        _clear(device, as_json=as_json)
    else:
        _tune(device, limit, as_json=as_json)


def _device(gpu: int) -> torch.device:
    """The GPU, or one line about what is missing and what would happen with it."""
    import torch

    from neurospike.errors import ArgumentError, BackendUnavailableError
    from neurospike.kernels.devices import interpreted

    if not torch.cuda.is_available():
        raise BackendUnavailableError(
            f"tune: needs a CUDA GPU; torch {torch.__version__} finds none. With one, it would "
            "time the configurations of the neurons' and sparse convolutions' kernels and keep "
            "the fastest in NEUROSPIKE_CACHE, or ~/.cache/neurospike; a CPU needs no tuning."
        )
    count = torch.cuda.device_count()
    if not 0 <= gpu < count:
        raise ArgumentError(f"--gpu: must be from 0 to {count - 1}; got {gpu}.")
    if interpreted():
        raise BackendUnavailableError(
            "tune: TRITON_INTERPRET=1 is set, and what is interpreted cannot be timed; unset it."
        )
    return torch.device("cuda", gpu)


def _tune(device: torch.device, limit: float, *, as_json: bool) -> None:
    need("cli", "rich")
    need("gpu", "triton")
    import logging

    from neurospike.kernels.tuning.cases import cases
    from neurospike.kernels.tuning.session import tune as search

    _check_writable()
    # The table says what was left out.
    logging.getLogger("neurospike").setLevel(logging.WARNING)
    every = cases()
    results: list[Result] = []
    seen = 0
    with _progress(len(every)) as tick:
        for result in search(every, device, limit_s=limit):
            seen += 1
            tick(seen)
            if result is not None:
                results.append(result)
    if as_json:
        print_json(
            {
                "shapes": len(every),
                "tried": seen,
                "written": str(results[-1].path) if results else None,
                "results": [_document(result) for result in results],
            }
        )
        return
    if results:
        _print(results)
    if seen < len(every):
        say(
            f"{seen} of {len(every)} shapes tried within {limit:g} s; what is compiled stays so: "
            "run it again, or raise --limit"
        )
    say(f"written: {results[-1].path}" if results else "nothing was found to choose among")


def _check_writable() -> None:
    from neurospike.errors import DataError
    from neurospike.files import check_writable_folder
    from neurospike.kernels.tuning import identity

    try:
        check_writable_folder(identity.folder())
    except (DataError, RuntimeError) as error:
        reason = getattr(error.__cause__, "strerror", None) or error
        raise DataError(
            f"tune: the cache folder cannot be written ({reason}); name another one in "
            "NEUROSPIKE_CACHE."
        ) from error


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """Shapes as they are done, on standard error where somebody looks."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress

    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as shown:
        task = shown.add_task("shapes", total=total)
        yield lambda done: shown.update(task, completed=done)


def _document(result: Result) -> dict[str, Any]:
    return {
        "op": result.case.op,
        "shape": result.case.shape,
        "key": list(result.key),
        "winner": result.winner,
        "gain": result.gain,
        "seconds": result.seconds,
        "left_out": result.left_out,
    }


def _print(results: list[Result]) -> None:
    table = _table("kernel", "shape", "winner", "time", "default takes", "left out")
    for result in results:
        gain = "" if result.gain is None else f"x {result.gain:.2f}"
        left = len(result.left_out)
        table.add_row(
            result.case.op, result.case.shape, result.winner,
            _time(result.seconds[result.winner]), gain, f"{left}" if left else "",
        )  # fmt: skip
    _printed(table)


def _show(device: torch.device, *, as_json: bool) -> None:
    from neurospike.kernels.tuning import identity, table

    name = identity.device_name(device) or ""
    found = identity.identity(device)
    rows = table.rows(device)
    path = None if found is None else found.path
    outdated = [old for old in table.files_of(name) if old != path]
    if as_json:
        print_json(
            {
                "device": name,
                "table": str(path) if rows else None,
                "rows": [
                    {"op": row.op, "key": list(row.key), "choice": row.choice,
                     "seconds": row.seconds}
                    for row in rows
                ],
                "outdated": [str(old) for old in outdated],
            }
        )  # fmt: skip
        return
    if rows:
        need("cli", "rich")
        shown = _table("kernel", "key", "choice", "time")
        for row in rows:
            choice = row.choice or {"choice": "default"}
            least = min(row.seconds.values(), default=None)
            shown.add_row(
                row.op, " ".join(str(part) for part in row.key),
                ", ".join(f"{key} {value}" for key, value in choice.items()),
                "" if least is None else _time(least),
            )  # fmt: skip
        _printed(shown)
        say(f"in force on {name}: {path}")
    else:
        say(f"no table in force on {name}: kernels take their defaults; neurospike tune makes one")
    for old in outdated:
        say(f"outdated, of other versions, not used: {old}")


def _clear(device: torch.device, *, as_json: bool) -> None:
    from neurospike.errors import DataError
    from neurospike.kernels.tuning import identity, table

    removed = []
    for path in table.files_of(identity.device_name(device) or ""):
        try:
            path.unlink()
        except OSError as error:
            raise DataError(f"{path}: cannot be removed ({error.strerror}).") from error
        removed.append(str(path))
    table.forget()
    if as_json:
        print_json({"removed": removed})
        return
    for line in removed or ["nothing to remove"]:
        say(line if line == "nothing to remove" else f"removed: {line}")


def _table(*titles: str) -> Any:
    from rich.table import Table

    table = Table()
    for title in titles:
        right = title in ("time", "default takes", "left out")
        table.add_column(title, justify="right" if right else "left", no_wrap=True)
    return table


def _printed(table: Any) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, markup=False, width=_PIPED)
    console.print(table)


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} us"
