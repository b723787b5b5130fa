"""Figures of addresses: drawn whole, equal for equal inputs, refusing what they cannot show."""

from pathlib import Path

import numpy as np
import pytest

from neurospike import viz
from neurospike.errors import ArgumentError

LINE = np.array([[1, 2], [2, 2], [3, 2]])
PANELS = {"vanilla": (LINE + 1, ()), "submanifold": (LINE[:2], LINE - 1)}
ROWS = [
    {"name": "stem", "vanilla": 81, "submanifold": 7},
    {"name": "down", "vanilla": 3, "submanifold": None},
    {"name": "deep", "vanilla": 2_000_000, "submanifold": 0},
]


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_equal_inputs_give_equal_files(tmp_path: Path, suffix: str) -> None:
    for draw in (
        lambda out: viz.event_targets(LINE, (2, 2), PANELS, out, spiking=LINE[:1]),
        lambda out: viz.count_bars(ROWS, out, label="targets", title="By layer"),
    ):
        one, other = (draw(tmp_path / f"{name}.{suffix}").read_bytes() for name in ("a", "b"))
        assert one == other
        assert len(one) > 3000


def test_every_panel_and_row_is_named(tmp_path: Path) -> None:
    text = viz.event_targets(LINE, (2, 2), PANELS, tmp_path / "a.svg").read_text()
    for name in ("vanilla", "submanifold", "looked at: nothing"):
        assert f"<!-- {name} -->" in text
    assert "<!-- spiking -->" not in text
    text = viz.count_bars(ROWS, tmp_path / "b.svg", label="targets", title="T").read_text()
    for name in ("stem", "down", "deep", "81", "2 M", "submanifold: 7 in all"):
        assert f"<!-- {name} -->" in text


def test_what_cannot_be_drawn_is_named(tmp_path: Path) -> None:
    out = tmp_path / "a.svg"
    with pytest.raises(ArgumentError, match="one panel or more"):
        viz.event_targets(LINE, (2, 2), {}, out)
    with pytest.raises(ArgumentError, match=r"occupied: must be integers \(N, 2\)"):
        viz.event_targets(LINE * 1.0, (2, 2), PANELS, out)
    with pytest.raises(ArgumentError, match="60 sites long at most; got 1002"):
        viz.event_targets(LINE * [1, 500], (2, 2), PANELS, out)
    for rows, message in (
        ([], "1 to 60 rows; got 0"),
        ([{"name": "a"}], "the same counts in every row"),
        ([ROWS[0], {"name": "b", "vanilla": 1}], "the same counts in every row"),
        ([{"name": "a", "x": 0}], "a count above 0"),
        ([{"name": "a", "x": -1}], "'x' must be finite and 0 or more"),
    ):
        with pytest.raises(ArgumentError, match=message):
            viz.count_bars(rows, out, label="x", title="T")
    assert not out.exists()
