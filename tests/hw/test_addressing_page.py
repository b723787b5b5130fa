"""The examples of docs/addressing.md hold, and its figures are there."""

import doctest
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "addressing.md"


def test_examples_of_the_page() -> None:
    result = doctest.testfile(
        str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert result.failed == 0
    assert result.attempted > 20


def test_figures_of_the_page_are_there() -> None:
    figures = re.findall(r"!\[.+?\]\((.+?)\)", PAGE.read_text(encoding="utf-8"))
    assert len(figures) == 4
    for figure in figures:
        assert (DOCS / figure).read_text(encoding="utf-8").startswith("<?xml")
