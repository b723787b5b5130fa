"""A report as one page that needs nothing beside it."""

from __future__ import annotations

import base64
import html
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neurospike.errors import ArgumentError, DataError
from neurospike.files import write_atomically
from neurospike.viz._tables import Rows, facts, table

Content = str | Rows | Mapping[str, Any]
Picture = str | os.PathLike[str] | bytes

_PNG = b"\x89PNG\r\n\x1a\n"

_CSS = """
:root { color-scheme: light; }
body { font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: #262626;
  background: #fafafa; margin: 0; }
main { max-width: 60rem; margin: 2rem auto; padding: 1.5rem 2.5rem 3rem; background: #fff;
  border: 1px solid #e6e6e6; border-radius: 8px; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: .5rem 0 1.5rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; padding-bottom: .3rem;
  border-bottom: 2px solid #0072b2; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .9rem .35rem 0; text-align: left; border-bottom: 1px solid #ececec;
  vertical-align: top; }
thead th { border-bottom: 1.5px solid #808080; white-space: nowrap; }
tbody th { font-weight: 500; color: #4d4d4d; }
td.number, th.number { text-align: right; }
pre { overflow-x: auto; font-size: .82rem; line-height: 1.45; }
figure { margin: 1.5rem 0; }
img { max-width: 100%; height: auto; display: block; }
figcaption { font-size: .88rem; color: #4d4d4d; margin-top: .4rem; }
@media print { body { background: #fff; } main { border: 0; margin: 0; padding: 0; } }
"""


def html_report(
    title: str,
    sections: Sequence[tuple[str, Content]],
    figures: Mapping[str, Picture] | Sequence[tuple[str, Picture]],
    out: str | os.PathLike[str],
    *,
    figures_first: bool = False,
) -> Path:
    """Write one HTML page with tables and pictures inside it; it asks no other host for anything.

    Parameters
    ----------
    sections
        (heading, content): content is text, whose empty lines part paragraphs, and whose lines
        stay as they are where runs of spaces align them; a mapping, shown as a list of facts; or
        rows, a sequence of mappings, shown as a table. All of it is escaped.
    figures
        Captions and the PNG files, or their bytes, that they belong to; a mapping or pairs.
    out
        The .html file.
    figures_first
        Whether the pictures stand above the sections, not below.

    Raises
    ------
    ArgumentError
        Content of another kind.
    DataError
        A picture that is missing or no PNG, or a place that cannot be written.
    """
    parts = [
        f"<section><h2>{html.escape(heading)}</h2>\n{_content(heading, content)}</section>"
        for heading, content in sections
    ]
    if figures:
        pairs = figures.items() if isinstance(figures, Mapping) else figures
        shown = "\n".join(_figure(caption, picture) for caption, picture in pairs)
        place = 0 if figures_first else len(parts)
        parts.insert(place, f"<section><h2>Figures</h2>\n{shown}</section>")
    body = "\n".join(parts)
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{html.escape(title)}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )
    write_atomically(Path(out), page)
    return Path(out)


def _content(heading: str, content: Content) -> str:
    if isinstance(content, str):
        return "\n".join(_paragraph(part) for part in content.split("\n\n") if part.strip())
    if isinstance(content, Mapping):
        return facts(content)
    if isinstance(content, Sequence) and all(isinstance(row, Mapping) for row in content):
        return table([row for row in content if isinstance(row, Mapping)])
    raise ArgumentError(
        f"html_report.sections: {heading!r} must be text, a mapping or a list of mappings; "
        f"got {type(content).__name__}."
    )


def _paragraph(text: str) -> str:
    aligned = "\n" in text.strip() and re.search(r"\S  +\S", text)
    if aligned:
        return f"<pre>{html.escape(text.rstrip())}</pre>"
    return f"<p>{html.escape(text.strip())}</p>"


def _figure(caption: str, picture: Picture) -> str:
    content = picture if isinstance(picture, bytes) else _read(picture)
    if not content.startswith(_PNG):
        source = "bytes" if isinstance(picture, bytes) else os.fspath(picture)
        raise DataError(f"html_report.figures: {caption!r} must be a PNG picture; got {source}.")
    data = base64.b64encode(content).decode("ascii")
    text = html.escape(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def _read(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(
            f"html_report.figures: {os.fspath(path)} cannot be read ({error.strerror}); "
            "draw it first."
        ) from error
