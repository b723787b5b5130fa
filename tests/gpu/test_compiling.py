"""Every kernel compiles for GPUs of two generations, which no interpreter can tell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

FUSED = {"lif_forward", "lif_backward", "ilif_forward", "ilif_backward"}
"""Bound by memory: whole rows are read 8 or 16 bytes at a time, several steps ahead."""


@pytest.mark.parametrize("cases", sorted(HERE.glob("compile_*.py")), ids=lambda path: path.stem)
def test_kernels_compile_and_spill_nothing_that_counts(cases: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    command = [sys.executable, str(HERE / "compiling.py"), str(cases), "80", "90"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    kernels = json.loads(done.stdout)
    assert {kernel["capability"] for kernel in kernels} == {80, 90}
    assert max(kernel["spilled"] for kernel in kernels) <= 16
    assert max(kernel["shared"] for kernel in kernels) <= 160 * 1024
    if cases.stem == "compile_neurons":
        whole = [one for one in kernels if one["kernel"] in FUSED and one["warps"] == 4]
        assert {one["kernel"] for one in whole} == FUSED
        assert all(one["wide_loads"] >= 2 for one in whole)
