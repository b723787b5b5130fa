"""Efficiency gaps and waterlines are drawn, and refuse what cannot be."""

from pathlib import Path
from typing import Any

import pytest

from neurospike import viz
from neurospike.errors import ArgumentError

POINTS = [
    {"name": "a", "operations": 1e6, "payable": 5e7, "accuracy": 0.9},
    {"name": "b", "operations": 1e7, "payable": 2e7, "accuracy": 0.8},
]


def layer(name: str, **changes: float) -> dict[str, Any]:
    whole = {"seconds": 1e-3, "intensity": 2.0, "efficiency": 0.1, "attainable": 0.5}
    return {"name": name, **whole, **changes}


def test_gaps_and_waterlines_are_drawn(tmp_path: Path) -> None:
    gaps = viz.efficiency_gaps(POINTS, tmp_path / "gaps.png")
    layers = [
        layer("a.very.long.path.to.a_layer_with_a_long_name"),
        layer("b", intensity=50.0, attainable=1.0),
        layer("free", seconds=0.0),
        layer("nothing", intensity=0.0, efficiency=0.0),
    ]
    line = viz.waterline_plot(layers, tmp_path / "line.svg", waterline=8.0)
    assert gaps.stat().st_size > 5_000
    drawn = line.read_text()
    assert drawn.count("<svg") == 1
    assert line.stat().st_size > 5_000


@pytest.mark.parametrize(
    ("points", "message"),
    [([], "one point or more"), ([{**POINTS[0], "operations": 0.0}], "above 0")],
)
def test_gaps_need_operations(points: list[dict[str, Any]], message: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=message):
        viz.efficiency_gaps(points, tmp_path / "gaps.png")


def test_a_waterline_needs_time(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="takes time"):
        viz.waterline_plot([layer("a", seconds=0.0)], tmp_path / "line.png", waterline=1.0)
    assert not (tmp_path / "line.png").exists()
