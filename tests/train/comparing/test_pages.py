"""What is said of networks beside each other, and what is not."""

from pathlib import Path
from typing import Any

import pytest

from neurospike.hw.contests import Entrant
from neurospike.train import load_recipe
from neurospike.train.comparing import pages
from neurospike.train.comparing.contestants import read_contestants
from neurospike.train.comparing.costs import CONVENTIONS, Cost, Work
from neurospike.train.comparing.pages import Row, document, table, write_page
from neurospike.train.comparing.waterline import LayerTime, Machine, Waterline
from neurospike.train.opponents import with_baseline
from tests.train.comparing.finished_runs import leave_run


def rows(folder: Path, *, score: str = "accuracy", unpriced: str = "") -> list[Row]:
    """Three networks, the later the more accurate, and the more energy they take."""
    recipe = load_recipe("kitti" if score == "AP" else "solids")
    recipes = [recipe, with_baseline(recipe, "ann-twin")]
    if score != "AP":
        recipes.append(with_baseline(recipe, "convnext"))
    truth = {"best": {}} if score == "AP" else None
    folders = [
        leave_run(
            folder / one.name, one, score=score, accuracy=0.4 + 0.2 * place, predictions=truth
        )
        for place, one in enumerate(recipes)
    ]
    return [
        row(contestant, 1e6 * (place + 1), priced=contestant.name != unpriced)
        for place, contestant in enumerate(read_contestants(folders))
    ]


def row(contestant: Any, energy_pj: float, *, priced: bool) -> Row:
    machine = Entrant(contestant.name, "float32", 1.0, energy_pj / 2, energy_pj / 2, 0.0)
    work = {name: Work(1e6, 0.0, 0.0, 0.0, 10.0) for name in CONVENTIONS}
    notes = () if priced else (f"{contestant.name}: no energy with memory (why)",)
    line = Waterline(1e6, 1e-3, (LayerTime("a", "Linear", 1e6, 1e-3, 1e3),), Machine(1e10, 1e10))
    return Row(contestant, Cost(work, machine if priced else None, 1.0, 2.0, 3.0, notes), line, {})


@pytest.fixture
def plotted(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the figure of accuracy against energy was given."""
    given: list[dict[str, Any]] = []
    plot = pages.viz.pareto_plot

    def noted(points: Any, out: Path, **options: Any) -> Path:
        given.append({"points": points, **options})
        return plot(points, out, **options)

    monkeypatch.setattr(pages.viz, "pareto_plot", noted)
    return given


def test_networks_without_an_energy_stand_apart(
    tmp_path: Path, plotted: list[dict[str, Any]]
) -> None:
    # Its energy by any convention without memory is the least by far.
    compared = rows(tmp_path, unpriced="solids-ann-twin")
    found = document(compared)
    text = write_page(compared, found, tmp_path / "page.html").read_text()
    (figure,) = plotted
    assert [point["name"] for point in figure["points"]] == ["solids", "solids-convnext"]
    assert [point["front"] for point in figure["points"]] == [True, True]
    assert figure["note"].endswith("not drawn: solids-ann-twin")
    assert "not in its figure: solids-ann-twin" in text
    twin = next(line for line in table(found) if line["network"] == "solids-ann-twin")
    assert twin["with memory µJ"] == "unknown"


def test_without_any_energy_there_is_no_such_figure(
    tmp_path: Path, plotted: list[dict[str, Any]]
) -> None:
    compared = [row(one.contestant, 1.0, priced=False) for one in rows(tmp_path)]
    text = write_page(compared, document(compared), tmp_path / "page.html").read_text()
    assert plotted == []
    assert text.count("<img") == 1 + len(compared)


def test_all_networks_have_their_names_and_intervals_drawn(
    tmp_path: Path, plotted: list[dict[str, Any]]
) -> None:
    compared = rows(tmp_path)
    write_page(compared, document(compared), tmp_path / "page.html")
    (figure,) = plotted
    assert figure["named"] == "all"
    assert all(point["accuracy_high"] > point["accuracy_low"] for point in figure["points"])


def test_an_average_precision_has_its_own_name_and_no_interval(
    tmp_path: Path, plotted: list[dict[str, Any]]
) -> None:
    compared = rows(tmp_path, score="AP")
    found = document(compared)
    first = table(found)[0]
    assert first["AP"] == "60.0 %"
    assert "accuracy" not in first
    text = write_page(compared, found, tmp_path / "page.html").read_text()
    assert "no interval (AP is no share of samples" in text
    assert "Wilson" not in text
    assert "AP is the mean over seeds" in text
    assert plotted[0]["score"] == "AP"
    assert plotted[0]["title"] == "AP against energy on kitti"
    assert found["networks"][0]["low"] is None


def test_an_accuracy_has_an_interval(tmp_path: Path) -> None:
    compared = rows(tmp_path)
    found = document(compared)
    assert table(found)[-1]["accuracy"] == "40.0 % (19.3 to 68.0)"
    text = write_page(compared, found, tmp_path / "page.html").read_text()
    assert "Wilson" in text


def test_thousands_are_set_apart(tmp_path: Path) -> None:
    found = document(rows(tmp_path))
    found["networks"][0]["work"]["exact"]["macs"] = 1_266_400_000
    assert {line["MMAC"] for line in table(found)} > {"1,270"}
