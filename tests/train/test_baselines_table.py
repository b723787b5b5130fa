"""Which runs the table of baselines takes: the same after an interruption, and of one recipe."""

import json
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from neurospike import baselines
from neurospike.errors import ArgumentError

TOOL = Path(__file__).resolve().parents[2] / "tools" / "baselines_table.py"


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    spec = spec_from_file_location("baselines_table", TOOL)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "baselines_table", module)
        spec.loader.exec_module(module)
        yield module


def scored(jobs: list[Any], accuracy: float = 0.5) -> dict[Any, dict[str, Any]]:
    return {job: {"best_validation_accuracy": accuracy, "parameters": 1000} for job in jobs}


def test_every_baseline_is_trained_once(tool: ModuleType) -> None:
    jobs = tool.first_round()
    names = [name for name in baselines.list() if not name.startswith("ann-twin")]
    assert sorted(job.model for job in jobs) == names
    assert {job.model for job in jobs if job.task == "fsdd"} == {"ast"}


def test_equal_baselines_are_chosen_by_name_whatever_ended_first(tool: ModuleType) -> None:
    jobs = tool.first_round()
    forth, back = tool.second_round(scored(jobs)), tool.second_round(scored(jobs[::-1]))
    assert forth == back
    chosen = {job.model for job in forth} - {"spiking", "ann-twin"}
    assert chosen == {"convit", "convnext", "convnextv2", "cvt", "hornet"}
    assert len(forth) == 3 * 3 * 7


def test_the_best_are_chosen_among_those_that_saw_the_same_data(tool: ModuleType) -> None:
    first = scored(tool.first_round())
    for job in first:
        if job.model in ("ast", "pointnet", "vit"):
            first[job] = {"best_validation_accuracy": 0.9}
    chosen = {job.model for job in tool.second_round(first)}
    assert "vit" in chosen
    assert not {"ast", "pointnet"} & chosen


def test_a_run_of_another_recipe_is_not_taken_for_this_one(
    tool: ModuleType, tmp_path: Path
) -> None:
    job = tool.Job("solids", "vit", 0)
    folder = job.folder(tmp_path)
    tool.check_same(job.recipe(), folder)  # nothing there yet
    folder.mkdir()
    trial = job.recipe(0.01).model_dump(mode="json")
    (folder / "recipe.json").write_text(json.dumps(trial), encoding="utf-8")
    tool.check_same(job.recipe(0.01), folder)
    with pytest.raises(ArgumentError, match=r"solids-vit-0: .* another recipe \(training\)"):
        tool.check_same(job.recipe(), folder)


def test_nothing_is_chosen_where_a_run_failed(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tool.Plan(tmp_path, {"solids": None}, 1.0)
    with pytest.raises(SystemExit, match="1 of 1 runs failed"):
        tool.train_all(plan, [tool.Job("solids", "goliath", 0)], 1)
    assert "goliath" in capsys.readouterr().out


EVERY = "Every baseline on solids, one seed"


@pytest.mark.parametrize(
    ("rounds", "titles"),
    [
        (1, [EVERY, "Those of sound on fsdd, one seed"]),
        (2, ["solids, 3 seeds", "chairs-monitors, 3 seeds", "fsdd, 3 seeds", EVERY]),
    ],
)
def test_tables_are_of_the_rounds_that_were_trained(
    tool: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rounds: int,
    titles: list[str],
) -> None:
    shown: list[set[str]] = []

    def stand_in(_plan: Any, jobs: list[Any]) -> str:
        shown.append({job.task for job in jobs})
        return "| table |"

    monkeypatch.setattr(tool, "_table", stand_in)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{tool.BEGIN}\nold\n{tool.END}\nafter\n", encoding="utf-8")
    first = scored(tool.first_round())
    second = tool.second_round(first) if rounds > 1 else []
    tool.write_tables(tool.Plan(tmp_path, {}, 1.0), [*first], second, page)
    text = page.read_text(encoding="utf-8")
    assert [line[4:] for line in text.splitlines() if line.startswith("### ")] == titles
    assert "old" not in text
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    assert all(len(tasks) == 1 for tasks in shown)
