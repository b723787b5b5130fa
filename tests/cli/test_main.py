import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neurospike import __version__
from neurospike.bench.run import SUITES
from neurospike.cli.main import main

COMMANDS = (
    "demo", "train", "evaluate", "energy", "sweep", "encode", "detect", "view", "data", "bench",
    "warmup", "baselines", "tune",
)  # fmt: skip


def write_scan(path: Path, points: int = 500) -> Path:
    rng = np.random.default_rng(0)
    rng.random((points, 4), dtype=np.float32).tofile(path)
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    assert f"Example: neurospike {command}" in " ".join(capsys.readouterr().out.split())


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in COMMANDS)


def test_the_version_is_said_also_without_the_script() -> None:
    command = [sys.executable, "-m", "neurospike", "--version"]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout == f"neurospike {__version__}\n"


def test_help_lists_the_suites_of_the_bench(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(suite in out for suite in SUITES)


def test_encode_writes_a_file_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_scan(tmp_path / "scan.bin")
    out = tmp_path / "scan.svc"
    arguments = ["encode", str(scan), "--voxel-size", "0.1,0.1,0.2", "--out", str(out), "--json"]
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["raw_bytes"] == 500 * 16
    assert report["svc_bytes"] == out.stat().st_size


BAD = {
    "missing": (["encode", "none.bin", "--out", "o.svc"], "none.bin"),
    "suffix": (["encode", "scan.bin", "--out", "o.bin"], "must end in .svc"),
    "size": (["encode", "scan.bin", "--voxel-size", "a", "--out", "o.svc"], "--voxel-size"),
    "zero": (["encode", "scan.bin", "--voxel-size", "0", "--out", "o.svc"], "voxel_size"),
    "keys": (
        ["encode", "scan.bin", "--voxel-size", "1e-12", "--out", "o.svc"],
        "beyond the key range",
    ),
    "range": (["encode", "scan.bin", "--range", "1,2", "--out", "o.svc"], "--range"),
    "nothing": (
        ["encode", "scan.bin", "--range", "5,5,5,6,6,6", "--out", "o.svc"],
        "scan.bin: none of the 500 points",
    ),
    "truncated": (["encode", "cut.bin", "--out", "o.svc"], "cut.bin"),
    "columns": (["encode", "scan.bin", "--columns", "7", "--out", "o.svc"], "scan.bin"),
    "empty": (["encode", "empty.bin", "--out", "o.svc"], "empty.bin"),
    "nan": (
        ["encode", "nan.bin", "--out", "o.svc"],
        "nan.bin: none of the 3 points",
    ),
    "folder": (["encode", "scan.bin", "--out", "scan.bin/o.svc"], "cannot be written"),
    "checkpoint": (["evaluate", "none.safetensors"], "no such checkpoint"),
    "energy": (["energy", "scan.bin"], "not a readable .safetensors"),
    "recipe": (["train", "solid"], "must be one of"),
    "key": (["train", "solids", "--set", "training.epoch=1"], "training.epoch"),
    "set": (["train", "solids", "--set", "epochs"], "section.key=value"),
    "root": (["train", "modelnet40"], "--root"),
    "no data": (["train", "modelnet40", "--root", "nowhere"], "nowhere"),
    "unwritable": (["train", "solids", "--out", "scan.bin/run"], "cannot be written"),
    "command": (["trian"], "trian"),
    "option": (["train", "solids", "--sed", "1"], "--sed"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_code_2(
    case: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_scan(tmp_path / "scan.bin")
    (tmp_path / "cut.bin").write_bytes((tmp_path / "scan.bin").read_bytes()[:-3])
    (tmp_path / "empty.bin").write_bytes(b"")
    np.full((3, 4), np.nan, np.float32).tofile(tmp_path / "nan.bin")
    before = sorted(p.name for p in tmp_path.rglob("*"))
    arguments, message = BAD[case]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    error = captured.err.strip().splitlines()
    assert len(error) == 1
    assert error[0].startswith("neurospike: ")
    assert message in error[0]
    left = {p.name for p in tmp_path.rglob("*") if p.is_file()} - set(before)
    assert not left
