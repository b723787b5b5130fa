"""What commands share: output, and the parsing of values that users type."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import asdict, is_dataclass
from typing import Any

import typer

from neurospike.errors import ArgumentError, MissingExtraError


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    content = (
        asdict(document) if is_dataclass(document) and not isinstance(document, type) else document
    )
    typer.echo(json.dumps(content, indent=2))


def say(line: str = "", *, quiet: bool = False) -> None:
    """Print one line of text, unless standard output belongs to a JSON document."""
    if not quiet:
        typer.echo(line)


def need(extra: str, *modules: str) -> None:
    """Raise unless the modules of an extra are installed."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{', '.join(missing)} not installed: pip install 'neurospike[{extra}]'."
        )


def numbers(option: str, text: str, counts: tuple[int, ...]) -> tuple[float, ...]:
    """Parse comma-separated numbers; ``counts`` says how many may be given."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) not in counts:
        wanted = " or ".join(str(count) for count in counts)
        raise ArgumentError(f"{option}: needs {wanted} numbers separated by commas; got {text!r}.")
    return values


def overrides(recipe: dict[str, Any], settings: list[str]) -> dict[str, Any]:
    """Apply ``section.key=value`` settings, values in TOML, to a recipe's dictionary."""
    import tomllib

    for setting in settings:
        path, sign, text = setting.partition("=")
        keys = path.strip().split(".")
        if not sign or not all(keys):
            raise ArgumentError(
                f"--set: needs section.key=value, such as training.epochs=5; got {setting!r}."
            )
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        section = recipe
        for key in keys[:-1]:
            section = section.setdefault(key, {})
            if not isinstance(section, dict):
                raise ArgumentError(f"--set: {path} leads through a value, not a section.")
        section[keys[-1]] = value
    return recipe
