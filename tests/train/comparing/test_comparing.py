"""Finished runs side by side: who may be compared, and what is said of them."""

import json
import shutil
from pathlib import Path

import pytest

from neurospike.cli.main import main
from neurospike.train.comparing.contestants import read_contestants
from tests.train.comparing.runs import make_runs

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_runs(tmp_path_factory.mktemp("runs"))


def test_seeds_of_one_recipe_are_one_contestant(runs: dict[str, Path]) -> None:
    found = read_contestants(list(runs.values()))
    assert [(one.name, len(one.runs)) for one in found] == [
        ("solids", 2),
        ("solids-metaformer-identity", 2),
    ]
    for one in found:
        scores = [run.result["test_accuracy"] for run in one.runs]
        assert one.accuracy == pytest.approx(sum(scores) / len(scores))
        assert one.low is not None
        assert one.high is not None
        assert 0 <= one.low <= one.accuracy <= one.high <= 1


def test_one_seed_has_the_interval_of_its_samples(runs: dict[str, Path]) -> None:
    for one in read_contestants([runs["spiking-0"], runs["metaformer-0"]]):
        assert one.low is not None
        assert one.high is not None
        assert 0 <= one.low <= one.accuracy <= one.high <= 1
        assert one.high - one.low > 0.1


def test_settings_tell_recipes_of_one_name_apart(runs: dict[str, Path], tmp_path: Path) -> None:
    own = [runs["spiking-0"], runs["spiking-1"]]
    others = [tmp_path / run.name for run in own]
    for run, other in zip(own, others, strict=True):
        shutil.copytree(run, other)
        change(other / "recipe.json", ("optimizer", "lr"), 0.5)
    assert [(one.name, len(one.runs)) for one in read_contestants([*own, *others])] == [
        ("solids", 2),
        ("solids optimizer.lr=0.5", 2),
    ]


def test_a_comparison_says_what_each_network_takes(
    runs: dict[str, Path], tmp_path: Path, capsys: Capture
) -> None:
    page, out = tmp_path / "page.html", tmp_path / "found.json"
    arguments = ["--samples", "2", "--repeats", "3", "--html", str(page), "--out", str(out)]
    assert main(["compare", *map(str, runs.values()), *arguments]) == 0
    said = capsys.readouterr().out
    assert "solids-metaformer-identity" in said
    found = json.loads(out.read_text())
    spiking, conventional = found["networks"]
    assert spiking["seeds"] == [0, 1]
    assert spiking["work"]["exact"]["updates"] > 0
    assert conventional["work"]["exact"]["synops"] == 0
    assert conventional["work"]["exact"]["macs"] > 1e5
    for row in found["networks"]:
        assert row["machine"]["memory_pj"] > 0
        assert 0 < row["p50_ms"] <= row["p99_ms"]
        assert row["memory_mb"] is None or row["memory_mb"] >= 0
        assert row["efficiency"] > 0
        assert {layer["name"] for layer in row["layers"]}
        assert all(0 <= layer["attainable"] <= 1 for layer in row["layers"])
    html = page.read_text()
    assert html.count("<img") == 2 + len(found["networks"])
    assert "http://" not in html


def test_chips_say_why_they_refuse(runs: dict[str, Path], capsys: Capture) -> None:
    arguments = ["--samples", "1", "--repeats", "1", "--chip", "speck2f", "--json"]
    folders = [str(runs["spiking-0"]), str(runs["metaformer-0"])]
    assert main(["compare", *folders, *arguments]) == 0
    spiking, conventional = json.loads(capsys.readouterr().out)["networks"]
    assert "must fit speck2f" in spiking["chips"]["speck2f"]["refused"]
    assert conventional["chips"]["speck2f"]["refused"] == "no spikes"


def test_a_misspelt_chip_is_refused_before_any_work(tmp_path: Path, capsys: Capture) -> None:
    nowhere = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert main(["compare", *nowhere, "--chip", "loihi1_sanafee"]) == 2
    said = capsys.readouterr()
    assert "loihi1_sanafee" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "case",
    ["one", "missing", "twice", "damaged", "empty", "other data", "other samples", "other seed"],
)
def test_what_cannot_be_compared_is_one_line(
    case: str, runs: dict[str, Path], tmp_path: Path, capsys: Capture
) -> None:
    first = runs["spiking-0"]
    other = tmp_path / "other"
    shutil.copytree(runs["metaformer-0"], other)
    given, message = [first, other], ""
    if case == "one":
        given, message = [first], "two runs or more"
    elif case == "missing":
        (other / "result.json").unlink()
        message = "is missing"
    elif case == "twice":
        given, message = [first, first], "given twice"
    elif case == "damaged":
        (other / "predictions.json").write_text("{")
        message = "is damaged"
    elif case == "empty":
        (other / "result.json").write_text("{}")
        message = "seed must be a whole number"
    elif case == "other seed":
        given, message = [first, runs["metaformer-1"]], "give runs of the same seeds"
    elif case == "other data":
        change(other / "recipe.json", ("data", "arguments", "size"), 48)
        message = "only runs on the same split"
    else:
        change(other / "predictions.json", ("labels",), [0, 1])
        message = "other test samples"
    assert main(["compare", *map(str, given)]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def change(path: Path, keys: tuple[str, ...], value: object) -> None:
    content = json.loads(path.read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path.write_text(json.dumps(content))
