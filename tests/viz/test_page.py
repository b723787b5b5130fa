"""The report page: well formed, escaped, and asking no other host for anything."""

import base64
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from neurospike import viz
from neurospike.errors import ArgumentError, DataError

VOID = {"meta", "img"}
SECTIONS = [
    ("What was <run>", "E-3DSNN & I-LIF.\n\nA second <b>paragraph</b>."),
    ("Facts", {"accuracy": 0.97123, "parameters": 1874216, "spiking": True, "note": None}),
    ("Layers", [{"layer": "stem", "macs": 12}, {"layer": "<head>", "density": 0.25}]),
]


class Outline(HTMLParser):
    """Tags that are open, cells by row, and text by tag."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[list[str]] = []
        self.text: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)
            if self.open[-1] in ("td", "th"):
                self.cells[-1].append(data)


def picture(tmp_path: Path) -> Path:
    return viz.loss_curves({"loss": [2.0, 1.0]}, tmp_path / "loss.png")


def test_the_page_holds_everything(tmp_path: Path) -> None:
    png = picture(tmp_path)
    path = viz.html_report(
        "Spikes & co", SECTIONS, {"Loss": png, "Bytes": png.read_bytes()}, tmp_path / "a.html"
    )
    text = path.read_text(encoding="utf-8")
    page = Outline()
    page.feed(text)
    assert page.open == []
    assert page.text["h1"] == ["Spikes & co"]
    assert page.text["h2"] == ["What was <run>", "Facts", "Layers", "Figures"]
    assert page.text["p"] == ["E-3DSNN & I-LIF.", "A second <b>paragraph</b>."]
    assert page.cells[:4] == [
        ["accuracy", "0.9712"],
        ["parameters", "1,874,216"],
        ["spiking", "yes"],
        ["note", "–"],  # noqa: RUF001
    ]
    assert page.cells[4] == ["layer", "macs", "density"]
    assert page.cells[5] == ["stem", "12"]
    assert page.cells[6] == ["<head>", "0.25"]
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    assert [base64.b64decode(data) for data in pictures] == [png.read_bytes()] * 2
    assert not re.search(r"https?://|@import|<script|<link", text)


def test_aligned_text_keeps_its_lines_and_pairs_are_figures(tmp_path: Path) -> None:
    table = "layer   macs\n<head>    12\n\nprose that\nwraps"
    pairs = [("One", picture(tmp_path)), ("Two", picture(tmp_path))]
    viz.html_report("a", [("Table", table)], pairs, tmp_path / "a.html")
    page = Outline()
    page.feed((tmp_path / "a.html").read_text(encoding="utf-8"))
    assert page.text["pre"] == ["layer   macs\n<head>    12"]
    assert page.text["p"] == ["prose that\nwraps"]
    assert page.text["figcaption"] == ["One", "Two"]


def test_a_page_without_figures_has_no_empty_section(tmp_path: Path) -> None:
    viz.html_report("Bare", [("Nothing", [])], {}, tmp_path / "a.html")
    assert "Figures" not in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_what_cannot_be_shown_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "a.html"
    with pytest.raises(ArgumentError, match="'Numbers' must be text, a mapping or a list"):
        viz.html_report("a", [("Numbers", [1, 2])], {}, out)
    with pytest.raises(DataError, match="cannot be read"):
        viz.html_report("a", [], {"Loss": tmp_path / "missing.png"}, out)
    with pytest.raises(DataError, match="must be a PNG picture"):
        viz.html_report("a", [], {"Loss": b"GIF89a"}, out)
    assert os.listdir(tmp_path) == []
