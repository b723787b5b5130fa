"""An interactive page: tabs, what they show, and the figures to draw."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from typing import Any

from neurospike.viz._chip_style import CSS, SCRIPT
from neurospike.viz._plotly import plotly_js
from neurospike.viz._tables import Rows

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
"""The browser itself refuses to fetch anything for the page."""


@dataclass
class Body:
    """Tabs, what they show, and the figures that are drawn when they are first shown."""

    parts: dict[str, list[str]] = field(default_factory=dict)
    drawings: dict[str, Any] = field(default_factory=dict)

    def add(self, tab: str, content: str, *, heading: str = "", chip: str | None = None) -> None:
        """Add a piece to a tab; with a chip it is shown for that chip alone."""
        shown = "" if chip is None else f' data-chip="{html.escape(chip)}"'
        head = f"<h2>{html.escape(heading)}</h2>" if heading else ""
        self.parts.setdefault(tab, []).append(f"<section{shown}>{head}\n{content}</section>")

    def figure(self, spec: Any, caption: str = "") -> str:
        """Keep a figure for the script, and give its place in the page."""
        name = f"figure-{len(self.drawings)}"
        self.drawings[name] = spec
        text = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        height = int(spec["layout"]["height"])
        return (
            f'<figure><div class="plot" id="{name}" style="min-height:{height}px"></div>'
            f"{text}</figure>"
        )

    def tabs(self) -> str:
        """The row of tabs."""
        buttons = "".join(
            f'<button role="tab" id="tab-{slug(name)}" aria-controls="{slug(name)}" '
            f'aria-selected="{"true" if index == 0 else "false"}">{html.escape(name)}</button>'
            for index, name in enumerate(self.parts)
        )
        return f'<nav role="tablist">{buttons}</nav>'

    def chips(self, chips: Rows) -> str:
        """Buttons that choose a chip, where there is a choice."""
        fit = [chip for chip in chips if not chip.get("refused")]
        buttons = "".join(
            f'<button data-choose="{html.escape(str(chip["name"]))}" '
            f'aria-pressed="{"true" if index == 0 else "false"}">'
            f"{html.escape(str(chip['name']))}</button>"
            for index, chip in enumerate(fit)
        )
        hidden = " hidden" if len(fit) < 2 else ""
        return f'<nav id="chips"{hidden}><span>chip</span>{buttons}</nav>'

    def panels(self) -> str:
        """What the tabs show."""
        return "\n".join(
            f'<div role="tabpanel" id="{slug(name)}" aria-labelledby="tab-{slug(name)}"'
            f"{'' if index == 0 else ' hidden'}>\n" + "\n".join(parts) + "\n</div>"
            for index, (name, parts) in enumerate(self.parts.items())
        )

    def specs(self) -> str:
        """The figures as data; "<" is escaped so that no text can end the element."""
        data = json.dumps(self.drawings, allow_nan=False, separators=(",", ":"))
        safe = data.replace("<", "\\u003c")
        return f'<script type="application/json" id="figures">{safe}</script>'

    def document(self, title: str, chips: Rows = ()) -> str:
        """The whole page, which asks no other host for anything."""
        library, name = plotly_js(), html.escape(title)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{name}</title>\n<style>{CSS}</style>\n</head>\n<body>\n"
            f"<header><h1>{name}</h1>\n{self.tabs()}\n{self.chips(chips)}</header>\n"
            f"<main>\n{self.panels()}\n</main>\n"
            f"{self.specs()}\n<script>{library}</script>\n<script>{SCRIPT}</script>\n"
            "</body>\n</html>\n"
        )


def slug(name: str) -> str:
    """A name fit for an identifier."""
    return name.lower().replace(" ", "-")
