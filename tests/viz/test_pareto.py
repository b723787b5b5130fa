"""The figure of accuracy against energy names what it can, and draws what it is told to."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from matplotlib.transforms import Bbox

from neurospike import viz
from neurospike.viz import _figure, pareto
from neurospike.viz._names import letters


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Figures that were drawn, to look into."""
    found: list[Any] = []

    @contextmanager
    def kept(*arguments: Any) -> Iterator[Any]:
        with _figure.figure(*arguments) as drawing:
            yield drawing
        found.append(drawing)

    monkeypatch.setattr(pareto, "figure", kept)
    return found


def point(name: str, energy_pj: float, accuracy: float, *, front: bool) -> dict[str, Any]:
    return {
        "group": "networks",
        "name": name,
        "energy_pj": energy_pj,
        "accuracy": accuracy,
        "accuracy_low": accuracy - 0.1,
        "accuracy_high": accuracy + 0.05,
        "front": front,
    }


POINTS = [
    point("cheap", 1e6, 0.5, front=True),
    point("good", 1e7, 0.9, front=True),
    point("a network of a rather long name", 1.02e7, 0.89, front=False),
    point("beaten", 2e7, 0.7, front=False),
]


def names(axes: Any) -> set[str]:
    return {text.get_text() for text in axes.texts}


def upright(axes: Any) -> int:
    """Ranges along y, which are lines of two points at one energy."""
    ends = [line.get_xdata() for line in axes.lines]
    return sum(len(x) == 2 and x[0] == x[1] for x in ends)


def test_points_of_the_front_alone_are_named_unless_told_otherwise(
    tmp_path: Path, drawn: list[Any]
) -> None:
    viz.pareto_plot(POINTS, tmp_path / "a.png")
    viz.pareto_plot(POINTS, tmp_path / "b.png", named="all", score="mIoU")
    front, everything = (drawing.axes[0] for drawing in drawn)
    assert names(front) == {"cheap", "good"}
    assert upright(front) == 2
    assert names(everything) == {one["name"] for one in POINTS}
    assert upright(everything) == 4
    assert front.get_ylabel() == "accuracy (%)"
    assert everything.get_ylabel() == "mIoU (%)"


def test_points_without_an_interval_have_no_bar(tmp_path: Path, drawn: list[Any]) -> None:
    points = [{**one, "accuracy_low": None, "accuracy_high": None} for one in POINTS]
    viz.pareto_plot(points, tmp_path / "a.png", named="all")
    assert upright(drawn[0].axes[0]) == 0


def test_names_lie_inside_and_cover_no_other_and_no_point(tmp_path: Path, drawn: list[Any]) -> None:
    crowd = [
        point(f"network {index}", 1e6 * 1.15**index, 0.5 + 0.002 * index, front=index % 3 == 0)
        for index in range(24)
    ]
    viz.pareto_plot(crowd, tmp_path / "a.png", named="all")
    axes = drawn[0].axes[0]
    drawn[0].draw_without_rendering()
    boxes = [Bbox.from_extents(*letters(text)) for text in axes.texts]
    assert len(boxes) > 20
    frame = axes.get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    marks = [axes.transData.transform((one["energy_pj"], one["accuracy"])) for one in crowd]
    assert not any(box.contains(*mark) for box in boxes for mark in marks)
