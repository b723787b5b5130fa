"""``neurospike tune``: its refusals, and a search on a GPU that only pretends to be there."""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from neurospike.cli.main import main
from neurospike.kernels.tuning import lookup, session, table
from neurospike.kernels.tuning.session import Case
from tests.kernels.tuning.standing_in import Clock

CUDA = torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NEUROSPIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COLUMNS", raising=False)
    table.forget()
    yield
    table.forget()


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card by name only, two kernels, and a clock that they drive."""
    cases = pytest.importorskip("neurospike.kernels.tuning.cases")
    clock = Clock()

    def case(rows: int, *seconds: float) -> Case:
        def make(device: torch.device) -> Callable[[], Any]:
            def call() -> torch.Tensor:
                found = lookup("neurons.lif", device, (rows, "float32"))
                clock.moment += seconds[0 if found is None else found["config"]]
                return torch.ones(1)

            return call

        choices = {f"config {i}": {"config": i} for i in range(1, len(seconds))}
        return Case("neurons.lif", f"{rows} neurons, float32", choices, make)

    monkeypatch.setattr(cases, "cases", lambda: [case(1, 3e-3, 2e-3), case(64, 1e-3, 2e-3)])
    monkeypatch.setattr(session, "clock_of", lambda device: clock)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Pretended 1")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["tune", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


@pytest.mark.parametrize("arguments", [[], ["--show"], ["--clear"], ["--limit", "10", "--json"]])
def test_without_a_gpu_it_says_what_is_missing_and_what_would_happen(
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    line = refused(arguments, capsys)
    assert line.startswith(f"neurospike: tune: needs a CUDA GPU; torch {torch.__version__} finds")
    assert "it would time the configurations" in line
    assert not (tmp_path / "cache").exists()


REFUSALS = {
    "no time": (["--limit", "0"], "--limit: must be above 0 seconds; got 0. Try 120."),
    "less than no time": (["--limit", "-3"], "--limit: must be above 0 seconds; got -3"),
    "all time": (["--limit", "inf"], "--limit: must be above 0 seconds; got inf"),
    "no number": (["--limit", "nan"], "--limit: must be above 0 seconds; got nan"),
    "a word": (["--limit", "long"], "--limit"),
    "both": (["--show", "--clear"], "--show, --clear: give one of them"),
    "another card": (["--gpu", "1"], "--gpu: must be from 0 to 0; got 1."),
    "no card": (["--gpu", "-1"], "--gpu: must be from 0 to 0; got -1."),
}


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("case", REFUSALS)
def test_bad_options_are_one_line(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, message = REFUSALS[case]
    assert message in refused(arguments, capsys)


@pytest.mark.usefixtures("gpu")
def test_a_folder_that_cannot_be_written_is_refused_before_the_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NEUROSPIKE_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(session, "clock_of", lambda device: pytest.fail("it searched"))
    assert "name another one in NEUROSPIKE_CACHE" in refused([], capsys)


@pytest.mark.usefixtures("gpu")
def test_interpreted_kernels_are_not_timed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert "TRITON_INTERPRET=1 is set" in refused([], capsys)


@pytest.mark.usefixtures("gpu")
def test_without_triton_the_extra_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "triton" else find(name)
    )
    assert "pip install 'neurospike[gpu]'" in refused([], capsys)


@pytest.mark.usefixtures("gpu")
def test_it_finds_shows_and_removes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    (won,) = (line for line in lines if "config 1" in line)
    for text in ("neurons.lif", "1 neurons, float32", "2000.0 us", "x 1.50"):
        assert text in won
    (path,) = (line.removeprefix("written: ") for line in lines if line.startswith("written: "))
    assert Path(path).is_file()
    assert lookup("neurons.lif", CUDA, (1, "float32")) == {"config": 1}
    assert lookup("neurons.lif", CUDA, (64, "float32")) is None

    assert main(["tune", "--show"]) == 0
    shown = capsys.readouterr().out
    assert "1 float32" in shown and "config 1" in shown and "choice default" in shown
    assert f"in force on NVIDIA Pretended 1: {path}" in shown

    assert main(["tune", "--clear"]) == 0
    assert capsys.readouterr().out == f"removed: {path}\n"
    assert lookup("neurons.lif", CUDA, (1, "float32")) is None
    assert main(["tune", "--show"]) == 0
    assert "no table in force on NVIDIA Pretended 1" in capsys.readouterr().out
    assert main(["tune", "--clear"]) == 0
    assert capsys.readouterr().out == "nothing to remove\n"


@pytest.mark.usefixtures("gpu")
def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["shapes"], done["tried"]) == (2, 2)
    assert [result["winner"] for result in done["results"]] == ["config 1", "default"]
    assert done["results"][0]["seconds"]["default"] == pytest.approx(3e-3)
    assert main(["tune", "--show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["table"] == done["written"]
    assert [row["choice"] for row in shown["rows"]] == [{"config": 1}, None]
    assert main(["tune", "--clear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": [done["written"]]}


@pytest.mark.usefixtures("gpu")
def test_what_there_was_no_time_for_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", "--limit", "0.001"]) == 0
    said, end = capsys.readouterr().out.splitlines()
    assert said.startswith("1 of 2 shapes tried within 0.001 s")
    assert end == "nothing was found to choose among"


@pytest.mark.usefixtures("gpu")
def test_outdated_tables_are_shown_and_removed_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["tune"]) == 0
    table.forget()
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    capsys.readouterr()
    assert main(["tune", "--show"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("outdated, of other versions, not used: ")
    assert main(["tune", "--clear"]) == 0
    assert capsys.readouterr().out.startswith("removed: ")
