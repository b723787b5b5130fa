"""What a run is computed on: names, refusals in a line, and what Lightning is told."""

import re
from pathlib import Path

import pytest
import torch

from neurospike.cli.main import main
from neurospike.errors import ArgumentError
from neurospike.train.machine import Machine, is_first_process


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def test_alone_it_is_one_process_in_float32(no_gpu: None) -> None:
    told = {"accelerator": "cpu", "devices": 1, "num_nodes": 1, "precision": "32-true"}
    assert Machine().trainer_arguments() == told
    assert Machine().processes == 1
    assert Machine(devices=2).processes == 2


def test_a_gpu_is_taken_where_there_is_one(two_gpus: None) -> None:
    told = Machine(devices=2, precision="16-mixed").trainer_arguments()
    assert told == {"accelerator": "gpu", "devices": 2, "num_nodes": 1, "precision": "16-mixed"}
    assert Machine(accelerator="cpu").trainer_arguments()["accelerator"] == "cpu"
    with pytest.raises(ArgumentError, match="--devices: torch finds 2 GPUs; got 3"):
        Machine(devices=3)


def test_torchrun_says_how_many_processes(monkeypatch: pytest.MonkeyPatch, no_gpu: None) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setenv("WORLD_SIZE", "8")
    told = Machine().trainer_arguments()
    assert (told["devices"], told["num_nodes"], Machine().processes) == (4, 2, 8)
    with pytest.raises(ArgumentError, match=r"torchrun has started 4 processes .*; got 2"):
        Machine(devices=2)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--accelerator", "gpu", "gpu needs a CUDA device; torch .* finds none"),
        ("--accelerator", "tpu", "must be one of auto, cpu, gpu; got 'tpu'"),
        ("--precision", "8", "must be one of 32, bf16-mixed, 16-mixed; got '8'"),
        ("--precision", "16-mixed", "16-mixed needs a GPU; got none"),
        ("--devices", "0", "must be 1 or more; got 0"),
        ("--devices", "3", "a multiple of 3; got 16"),
    ],
)
def test_refusals_are_a_line_and_leave_nothing(
    option: str,
    value: str,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    no_gpu: None,
) -> None:
    out = tmp_path / "run"
    assert main(["train", "solids", "--out", str(out), option, value]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(said, error)
    assert not out.exists()


def test_a_single_process_speaks() -> None:
    assert is_first_process()
