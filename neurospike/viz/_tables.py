"""Tables and lists of facts in HTML; all text is escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]


def facts(content: Mapping[str, Any]) -> str:
    """Names and values under one another."""
    rows = "\n".join(
        f"<tr><th>{html.escape(str(name))}</th>{_cell(value)}</tr>"
        for name, value in content.items()
    )
    return f'<div class="table"><table><tbody>{rows}</tbody></table></div>'


def table(rows: Rows) -> str:
    """Rows as a table; a column of numbers stands to the right."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    numeric = {name for name in columns if any(_is_number(row.get(name)) for row in rows)}
    head = "".join(
        f"<th{' class=number' if name in numeric else ''}>{html.escape(str(name))}</th>"
        for name in columns
    )
    body = "\n".join(
        "<tr>" + "".join(_cell(row.get(name, "")) for name in columns) + "</tr>" for row in rows
    )
    return (
        f'<div class="table"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    kind = " class=number" if _is_number(value) else ""
    return f"<td{kind}>{html.escape(_shown(value))}</td>"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if value is None:
        return "–"  # noqa: RUF001
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return str(value)
