"""``neurospike sweep`` as users call it: here, on two processes, and on a Ray of this machine."""

import importlib.util
import json
import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from neurospike.cli.main import main
from neurospike.errors import BackendUnavailableError
from neurospike.train.sweeping.cluster import run_on_ray

from .checkpoints import clouds, tones


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tones(tmp_path_factory.mktemp("run") / "best.safetensors")


def command(checkpoint: Path, out: Path, *more: str) -> list[str]:
    fixed = ["sweep", str(checkpoint), "--out", str(out), "--samples", "4"]
    chips = ["--chip", "loihi1_sanafe", "--chip", "speck2f"]
    return [*fixed, *chips, "--membrane-bits", "16", *more]


def timeless(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in point.items() if k != "seconds"} for point in points]


def test_a_sweep_is_measured_drawn_and_gone_on_with(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sweep"
    assert main(command(checkpoint, out, "--threshold", "1,2", "--workers", "2", "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["samples"] == 4
    by_chip: dict[str, list[dict[str, Any]]] = {}
    for point in found["points"]:
        by_chip.setdefault(point["chip"], []).append(point)
    assert [point["status"] for point in by_chip["speck2f"]] == ["does not fit"] * 2
    low, high = sorted(by_chip["loihi1_sanafe"], key=lambda p: p["setting"]["threshold"])
    assert low["spikes"] > high["spikes"]
    assert low["energy_pj"]["nominal"] > high["energy_pj"]["nominal"]
    written = {path.name for path in out.iterdir()}
    assert written == {"sweep.json", "points", "pareto.json", "pareto.png", "pareto.html"}
    before = {p.name: p.stat().st_mtime_ns for p in (out / "points").iterdir()}
    # One more value, in one process: the other points stay as they are.
    assert main(command(checkpoint, out, "--threshold", "1,2,1.5", "--workers", "1")) == 0
    text = capsys.readouterr().out
    assert text.count("\nloihi1_sanafe ") == 3
    assert "3 points of speck2f: does not fit: " in text
    after = {p.name: p.stat().st_mtime_ns for p in (out / "points").iterdir()}
    assert len(after) == 6
    assert before.items() <= after.items()


needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="ray is not installed"
)


@needs_ray
def test_ray_finds_what_this_machine_finds(checkpoint: Path, tmp_path: Path) -> None:
    # In a process of its own: Ray starts threads, signals and servers that tests would inherit.
    here, there = tmp_path / "here", tmp_path / "there"
    thresholds = ("--threshold", "1,2")
    assert main(command(checkpoint, here, *thresholds, "--workers", "1", "--json")) == 0
    call = [sys.executable, "-c", "from neurospike.cli.main import run; run()"]
    done = subprocess.run(
        [*call, *command(checkpoint, there, *thresholds, "--ray", "local", "--json")],
        # A token of its own, or Ray leaves one in the user's home.
        env={**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = json.loads((here / "pareto.json").read_text())
    assert timeless(found["points"]) == timeless(expected["points"])


@needs_ray
def test_an_address_where_nobody_answers_is_one_line_at_once(tmp_path: Path) -> None:
    # The port was free a moment ago, and this process holds it without listening.
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(
            BackendUnavailableError, match=f"--ray: no cluster answers at {address}"
        ):
            next(run_on_ray(max, 0, [1], address=address))


BAD = {
    "values": (["--steps", "1,a"], "--steps: needs whole numbers"),
    "widths": (["--weight-bits", "big"], "--weight-bits: needs whole numbers, 'chip' or 'float'"),
    "threshold": (["--threshold", "0"], "sweep.thresholds: must be factors above 0"),
    "spikes": (["--max-spikes", "2"], "sweep.max_spikes: the network has no integer neurons"),
    "chip": (["--chip", "loihi9"], "load_chip.name_or_path: must be one of"),
    "convention": (["--convention", "by_hand"], "by_hand"),
    "workers": (["--workers", "0"], "sweep.workers: must be 1 or more; got 0"),
    "samples": (["--samples", "0"], "sweep.samples: must be 1 or more; got 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_code_2(
    case: str, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more, message = BAD[case]
    assert main(command(checkpoint, tmp_path / "out", *more)) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()


def test_a_sweep_of_failures_is_an_error_that_says_why(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Loihi has no fit to the whole chip.
    call = ["sweep", str(checkpoint), "--out", str(tmp_path / "out"), "--samples", "1"]
    assert main([*call, "--chip", "loihi1_sanafe", "--convention", "affine"]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("neurospike: sweep: all 1 points failed, the first because: ")
    assert "affine" in line
    assert (tmp_path / "out" / "pareto.html").is_file()


def test_a_folder_of_another_sweep_is_refused(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sweep"
    assert main(command(checkpoint, out, "--workers", "1")) == 0
    assert main(command(checkpoint, out, "--samples", "5")) == 2
    assert "holds a sweep with samples 4; got 5" in capsys.readouterr().err
    other = clouds(tmp_path / "other.safetensors")
    assert main(command(other, out)) == 2
    assert "holds a sweep with" in capsys.readouterr().err
