"""Pictures of images and of the points that they hold."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from neurospike.errors import ArgumentError, DataError
from neurospike.viz import panel_picture


class Picture(NamedTuple):
    title: str
    values: Any
    across: str = "y"
    down: str = "x"


def pictures(*shapes: tuple[int, int]) -> list[Picture]:
    rng = np.random.default_rng(0)
    return [Picture(f"panel {n}", rng.random(shape)) for n, shape in enumerate(shapes)]


CLOUD = np.random.default_rng(1).normal(size=(90, 3))


@pytest.mark.parametrize(
    ("shapes", "clouds"),
    [
        ([(4, 4)], []),
        ([(4, 64)] * 2, [("cloud", CLOUD)]),
        ([(8, 8), (4, 8), (4, 8), (3, 3)], [("cloud", CLOUD), ("none", np.zeros((0, 3)))]),
        ([(1, 1)], [("none", np.zeros((0, 3)))]),
        ([(2, 2)] * 5, [("flat", CLOUD * (9, 9, 0.1)), ("one", CLOUD[:1])]),
    ],
)
def test_any_number_of_panels_and_clouds_is_drawn(tmp_path: Path, shapes: Any, clouds: Any) -> None:
    out = panel_picture(pictures(*shapes), tmp_path / "a.png", title="a", clouds=clouds)
    assert out.read_bytes().startswith(b"\x89PNG")


def test_empty_and_even_panels_are_drawn(tmp_path: Path) -> None:
    panels = [Picture("none", np.zeros((3, 3))), Picture("one", np.ones((3, 3)))]
    panel_picture(panels, tmp_path / "a.svg", title="a")
    assert "panel" not in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_equal_panels_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        panel_picture(pictures((4, 4)), tmp_path / f"{name}.svg", title="a", clouds=[("c", CLOUD)])
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize(
    ("panels", "clouds", "match"),
    [
        ([], [], "one at least"),
        ([Picture("a", np.zeros(3))], [], r"must be \(rows, columns\)"),
        ([Picture("a", np.zeros((0, 3)))], [], "one at least"),
        (pictures((2, 2)), [("a", np.zeros((3, 2)))], r"must be \(N, 3\)"),
        (pictures((2, 2)), [("a", np.full((3, 3), np.nan))], "finite"),
    ],
)
def test_what_cannot_be_drawn_is_named(
    tmp_path: Path, panels: Any, clouds: Any, match: str
) -> None:
    with pytest.raises(ArgumentError, match=match):
        panel_picture(panels, tmp_path / "a.png", title="a", clouds=clouds)
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        panel_picture(pictures((2, 2)), tmp_path / "file" / "a.png", title="a")
