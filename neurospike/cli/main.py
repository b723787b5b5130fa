"""The entry point: commands registered, errors turned into one line and exit code 2.

Nothing heavy is imported here: each command imports what it needs when it runs.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from neurospike import __version__
from neurospike.cli import (
    baselines,
    bench,
    chips,
    compare,
    data,
    demo,
    detect,
    encode,
    energy,
    evaluate,
    sweep,
    train,
    tune,
    view,
    warmup,
)
from neurospike.errors import NeurospikeError

app = typer.Typer(
    name="neurospike",
    help="Point clouds and sound into spikes, networks that learn from them, and what they cost.",
    epilog="Start with: neurospike demo --out report",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"neurospike {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    # Without words of its own, which would stand in the help in the place of the app's.
    pass


app.command("demo")(demo.demo)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("energy")(energy.energy)
app.command("compare")(compare.compare)
app.command("sweep")(sweep.sweep)
app.command("encode")(encode.encode)
app.command("detect")(detect.detect)
app.command("view")(view.view)
app.add_typer(data.app)
app.add_typer(chips.app)
app.command("baselines")(baselines.baselines)
app.command("bench")(bench.bench)
app.command("warmup")(warmup.warmup)
app.command("tune")(tune.tune)


def main(arguments: Sequence[str]) -> int:
    """Run one command; return the exit code: 0, 2 for bad input, 130 when interrupted."""
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("neurospike").setLevel(logging.INFO)
    try:
        code = app(list(arguments), standalone_mode=False, prog_name="neurospike")
    except NeurospikeError as error:
        return _refuse(str(error))
    except (KeyboardInterrupt, typer.Abort):
        return _refuse("interrupted", code=130)
    except Exception as error:
        # Usage errors come from the parser that typer brings, under different names over its
        # versions; all of them can format themselves.
        format_message = getattr(error, "format_message", None)
        if format_message is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(format_message())
            return 2
        return _refuse(f"{format_message()} Try: neurospike --help")
    return code if isinstance(code, int) else 0


def run() -> None:
    """What the installed command calls."""
    sys.exit(main(sys.argv[1:]))


def _refuse(message: str, *, code: int = 2) -> int:
    line = " ".join(message.split())
    typer.echo(f"neurospike: {line}", err=True)
    return code
