"""Tables go into their places, and all else on the page stays."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from neurospike.bench import gpu_rig, harness, run
from neurospike.bench.places import fill, has_places
from neurospike.cli.main import main
from neurospike.errors import ArgumentError

PAGE = "# Before\n<!-- bench gpu_neurons -->\nold\n<!-- end of bench gpu_neurons -->\nafter\n"
ROOT = Path(__file__).resolve().parents[2]
ROW = {"case": "c", "peer": "p", "ours": "1 ms", "theirs": "2 ms", "ratio": 2.0}


def test_a_place_is_filled_again_and_again(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert has_places(page, ["gpu_neurons"])
    for content in ("one\n", "two\n\nthree"):
        fill(page, "gpu_neurons", content)
    assert page.read_text() == PAGE.replace("old", "two\n\nthree")


def test_a_page_with_other_places_is_not_thrown_away(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert not has_places(page, ["gpu_sparse"])
    page.write_text("a table\n")
    assert not has_places(page, ["gpu_sparse"])
    page.write_text(PAGE)
    with pytest.raises(ArgumentError, match="has places for tables, but none for gpu_sparse"):
        has_places(page, ["gpu_neurons", "gpu_sparse"])


def test_the_results_have_a_place_for_every_gpu_suite() -> None:
    assert has_places(ROOT / "benchmarks" / "RESULTS.md", run.GPU_SUITES)


def test_suites_fill_their_places_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("".join(PAGE.replace("gpu_neurons", name) for name in run.GPU_SUITES))
    monkeypatch.setattr(gpu_rig.Rig, "cuda", lambda repeats: None)
    seen: list[bool] = []

    def suite(name: str) -> Any:
        seen.append("| c |" in page.read_text())
        return SimpleNamespace(run=lambda repeats: [ROW])

    monkeypatch.setattr(run, "import_module", suite)
    rows = run.run_suites(["gpu"], repeats=3, out=page, as_json=False, say=lambda line: None)
    assert rows == [ROW] * 5
    assert seen == [False, True, True, True, True]
    text = page.read_text()
    assert text.count("| c | 1 ms | p | 2 ms | 2.00 |") == 5
    assert "`neurospike bench gpu_delays --repeats 3`" in text
    assert "old" not in text


@pytest.mark.parametrize("suite", ["gpu", "gpu_sparse"])
def test_without_a_gpu_it_is_one_line(
    suite: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(["bench", suite, "--out", str(tmp_path / "out.md")]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("neurospike: bench: the gpu suites need a CUDA GPU")
    assert said.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_header_names_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "gpu" not in harness.machine()
    seen = SimpleNamespace(name="A Card", major=9, minor=0, total_memory=80 * 2**30)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.current_device", lambda: 0)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda device: seen)
    monkeypatch.setattr("neurospike.kernels.tuning.table.rows", lambda device: [])
    ask = SimpleNamespace(stdout="550.1\n550.1\n")
    monkeypatch.setattr(harness.subprocess, "run", lambda *_, **__: ask)
    facts = harness.machine()
    assert (facts["gpu"], facts["driver"], facts["gpu_memory"]) == ("A Card", "550.1", "80 GiB")
    assert facts["tuned"] == "no"

    def absent(*_: Any, **__: Any) -> None:
        raise FileNotFoundError("nvidia-smi")

    monkeypatch.setattr(harness.subprocess, "run", absent)
    assert harness.machine()["driver"] == "unknown"


class Event:
    """Counts the calls between two records."""

    calls = 0

    def __init__(self, **_: Any) -> None:
        self.at = 0

    def record(self) -> None:
        self.at = Event.calls

    def synchronize(self) -> None: ...

    def elapsed_time(self, other: "Event") -> float:
        return 2.0 * (other.at - self.at)  # milliseconds


def test_the_device_says_how_long_a_call_took(monkeypatch: pytest.MonkeyPatch) -> None:
    def call() -> None:
        Event.calls += 1

    monkeypatch.setattr("torch.cuda.Event", Event)
    monkeypatch.setattr("torch.cuda.synchronize", lambda: None)
    assert gpu_rig.cuda_turn(call, 5) == pytest.approx(0.002)
    assert gpu_rig.synchronised_turn(call, 2) > 0
    assert Event.calls == 7


def test_peak_memory_is_beyond_what_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"memory_allocated": 5_000_000, "max_memory_allocated": 8_000_000}.items():
        monkeypatch.setattr(f"torch.cuda.{name}", lambda value=value: value)
    for name in ("synchronize", "reset_peak_memory_stats"):
        monkeypatch.setattr(f"torch.cuda.{name}", lambda: None)
    assert gpu_rig.cuda_peak(lambda: None) == 3.0
