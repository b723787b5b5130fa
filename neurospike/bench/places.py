"""Tables put into a page that has places for them, and keeps all else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from neurospike.errors import ArgumentError
from neurospike.files import write_atomically

_ANY = "<!-- bench "


def has_places(page: Path, names: Sequence[str]) -> bool:
    """Whether a page has a place for each of the suites; not, where it has none or is not there.

    Raises
    ------
    ArgumentError
        It has places, but not for all of them: writing would throw the page away.
    """
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    if _ANY not in text:
        return False
    missing = [name for name in names if not all(mark in text for mark in _marks(name))]
    if missing:
        begin, end = _marks(missing[0])
        raise ArgumentError(
            f"bench.out: {page} has places for tables, but none for {', '.join(missing)}; give "
            f"another file, or the lines {begin} and {end}."
        )
    return True


def fill(page: Path, name: str, content: str) -> None:
    """Put content into a suite's place."""
    begin, end = _marks(name)
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    write_atomically(page, f"{before}{begin}\n{content.strip()}\n{end}{after}")


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- bench {name} -->", f"<!-- end of bench {name} -->"
