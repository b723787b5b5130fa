"""The table: what comes back, what does not, and what a file may do to it."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from neurospike.errors import ArgumentError
from neurospike.kernels.tuning import forced, identity, lookup, record, table

CPU = torch.device("cpu")
CUDA = torch.device("cuda", 0)


def written(*args: Any, **kwargs: Any) -> Path:
    path = record(*args, **kwargs)
    assert path is not None
    return path


def test_nothing_measured_is_none_and_reads_no_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "sources", lambda: pytest.fail("sources were read"))
    assert lookup("neurons.lif", CPU, (1024, "float32")) is None
    assert table.rows(CPU) == []


def test_a_choice_comes_back_in_another_process() -> None:
    choice = {"backend": "triton", "config": 3}
    path = written("neurons.lif", CPU, (1024, "float32"), choice, seconds={"3": 0.5})
    table.forget()
    assert lookup("neurons.lif", CPU, (1024, "float32")) == choice
    assert lookup("neurons.ilif", CPU, (1024, "float32")) is None
    assert table.rows(CPU)[0].seconds == {"3": 0.5}
    assert '{"op": "neurons.lif", "key": [1024, "float32"], "choice"' in path.read_text("utf-8")


def test_the_nearest_size_answers_and_words_must_be_equal() -> None:
    record("op", CPU, (1024, 8, "float32"), {"config": 1})
    record("op", CPU, (16384, 8, "float32"), {"config": 2})
    found = {
        rows: (lookup("op", CPU, (rows, 8, "float32")) or {}).get("config")
        for rows in (128, 512, 2048, 8192, 32768, 131072)
    }
    assert found == {128: None, 512: 1, 2048: 1, 8192: 2, 32768: 2, 131072: None}
    assert lookup("op", CPU, (1024, 16, "float32")) == {"config": 1}
    assert lookup("op", CPU, (1024, 8, "bfloat16")) is None
    assert lookup("op", CPU, (1024, "8", "float32")) is None
    assert lookup("op", CPU, (1024, 8)) is None


def test_of_two_sizes_as_near_the_same_answers_in_every_process() -> None:
    record("op", CPU, (3, 1), {"config": 3})
    record("op", CPU, (1, 3), {"config": 1})
    found = lookup("op", CPU, (3, 3))
    table.forget()
    assert lookup("op", CPU, (3, 3)) == found == {"config": 1}


def test_none_is_a_size() -> None:
    record("op", CPU, (0,), {"config": 1})
    assert lookup("op", CPU, (0,)) == lookup("op", CPU, (1,)) == {"config": 1}
    assert lookup("op", CPU, (64,)) is None


def test_an_answer_for_a_near_size_gives_way_to_a_measured_one() -> None:
    record("op", CPU, (1024,), {"config": 1})
    assert lookup("op", CPU, (2048,)) == {"config": 1}
    record("op", CPU, (2048,), {"config": 2})
    assert lookup("op", CPU, (2048,)) == {"config": 2}


def test_a_forced_choice_stands_before_the_table() -> None:
    record("op", CPU, (1024,), {"config": 3})
    with forced("op", {"config": 1}):
        with forced("op", None) as asked:
            assert lookup("op", CPU, (1024,)) is None
        assert asked == [(1024,)]
        assert lookup("op", torch.device("meta"), ()) == {"config": 1}
        assert lookup("other", CPU, (1024,)) is None
    assert lookup("op", CPU, (1024,)) == {"config": 3}


def test_recording_adds_to_what_others_wrote() -> None:
    record("op", CPU, (1,), {"config": 1})
    table.forget()  # another process
    record("op", CPU, (64,), {"config": 2})
    record("op", CPU, (1,), {"config": 5})
    table.forget()
    assert lookup("op", CPU, (1,)) == {"config": 5}
    assert lookup("op", CPU, (64,)) == {"config": 2}


def test_what_another_process_lost_of_ours_is_written_again() -> None:
    path = written("op", CPU, (1,), {"config": 1})
    path.unlink()
    record("op", CPU, (64,), {"config": 2})
    table.forget()
    assert lookup("op", CPU, (1,)) == {"config": 1}


def test_nothing_is_left_beside_the_table(cache: Path) -> None:
    for rows in range(4):
        path = written("op", CPU, (rows,), {"config": rows})
    assert [p for p in cache.rglob("*") if p.is_file()] == [path]


STALE = {
    "device": (identity, "device_name", lambda device: "another"),
    "capability": (identity, "_capability", lambda device: "another"),
    "torch": (torch, "__version__", "2.5"),
    "triton": (identity, "_triton", lambda: "another"),
    "sources": (identity, "sources", lambda: "another"),
}


@pytest.mark.parametrize("what", STALE)
def test_a_table_of_something_else_is_not_used(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old = written("op", CPU, (1,), {"config": 1})
    table.forget()
    monkeypatch.setattr(*STALE[what])
    assert lookup("op", CPU, (1,)) is None
    new = written("op", CPU, (1,), {"config": 2})
    assert new != old
    assert json.loads(old.read_text("utf-8"))["rows"][0]["choice"] == {"config": 1}


def test_a_table_that_was_carried_to_another_machine_is_not_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = written("op", CPU, (1,), {"config": 1})
    document = json.loads(path.read_text("utf-8"))
    document["measured_on"]["device"] = "another"
    path.write_text(json.dumps(document), "utf-8")
    table.forget()
    assert lookup("op", CPU, (1,)) is None
    assert "it was measured on something else" in caplog.text


DAMAGE = {
    "empty": "",
    "cut": '{"measured_on": {"dev',
    "list": "[]",
    "number": "3",
    "no rows": "{}",
}
ROWS = {
    "rows": "none",
    "key": [{"op": "op", "key": [1.5], "choice": {}, "seconds": {}}],
    "choice": [{"op": "op", "key": [1], "choice": 3, "seconds": {}}],
    "seconds": [{"op": "op", "key": [1], "choice": {}, "seconds": {"a": "b"}}],
    "more": [{"op": "op", "key": [1], "choice": {}, "seconds": {}, "more": 1}],
    "less": [{"op": "op"}],
}


@pytest.mark.parametrize("case", [*DAMAGE, *ROWS])
def test_a_damaged_file_is_said_once_and_ignored(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = written("op", CPU, (1,), {"config": 1})
    measured_on = json.loads(path.read_text("utf-8"))["measured_on"]
    whole = json.dumps({"measured_on": measured_on, "rows": ROWS.get(case)})
    path.write_text(DAMAGE.get(case, whole), "utf-8")
    table.forget()
    assert lookup("op", CPU, (1,)) is None
    assert lookup("op", CPU, (2,)) is None
    record("op", CPU, (2,), {"config": 2})
    assert lookup("op", CPU, (2,)) == {"config": 2}
    (line,) = caplog.messages
    assert line.startswith(f"{path}: damaged and ignored (")
    assert "neurospike tune measures again" in line
    table.forget()
    assert lookup("op", CPU, (2,)) == {"config": 2}


def test_a_folder_that_cannot_be_written_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NEUROSPIKE_CACHE", str(tmp_path / "file"))
    assert record("op", CPU, (1,), {"config": 1}) is None
    assert record("op", CPU, (64,), {"config": 2}) is None
    assert lookup("op", CPU, (1,)) == {"config": 1}  # it goes on with what it found
    assert lookup("op", CPU, (64,)) == {"config": 2}
    (line,) = caplog.messages
    assert "cannot be written (" in line
    assert "Name a folder in NEUROSPIKE_CACHE" in line


def test_a_user_without_a_home_has_no_table(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("NEUROSPIKE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert lookup("op", CPU, (1,)) is None
    assert record("op", CPU, (1,), {"config": 1}) is None
    assert lookup("op", CPU, (1,)) == {"config": 1}
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("key", [(1.5,), (True,), (-1,), (None,)])
def test_keys_hold_sizes_and_words(key: Any) -> None:
    with pytest.raises(ArgumentError, match="must hold whole numbers from 0 and strings; got"):
        record("op", CPU, key, {})


@pytest.mark.parametrize("choice", [{"a": torch.ones(1)}, {"a": float("nan")}])
def test_choices_are_what_json_holds(choice: Any) -> None:
    with pytest.raises(ArgumentError, match="choice: must be what JSON can hold"):
        record("op", CPU, (1,), choice)
    assert lookup("op", CPU, (1,)) is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without CUDA")
def test_a_device_that_is_not_there_has_no_table(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert lookup("op", CUDA, (1,)) is None
        assert lookup("op", torch.device("meta"), (1,)) is None
    assert not caplog.messages
    with pytest.raises(ArgumentError, match="must be a CUDA device or a CPU that is there; got"):
        record("op", CUDA, (1,), {})


def test_a_gpu_is_known_by_its_name_and_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100 80GB HBM3")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    path = written("op", CUDA, (1,), {"config": 1})
    assert path.name.startswith("nvidia_h100_80gb_hbm3-")
    assert json.loads(path.read_text("utf-8"))["measured_on"]["capability"] == "9.0"
    table.forget()
    assert lookup("op", torch.device("cuda", 1), (1,)) == {"config": 1}
    assert lookup("op", CPU, (1,)) is None
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200")
    table.forget()
    assert lookup("op", CUDA, (1,)) is None
