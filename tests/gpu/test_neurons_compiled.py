"""What the compiler makes of the neurons and no interpreter can tell: threads, and NaNs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """
import json, re
import compiling
made = compiling.compile_launches()
import torch
from triton.runtime import driver
from neurospike.functional import surrogate
from neurospike.functional.adaptive import AdaptiveRule
from neurospike.functional.cuba import CubaRule
from neurospike.functional.neurons import LIFRule
from neurospike.kernels.neurons import launches, select

driver.set_active(compiling.Absent(90))
launches._config = lambda *_: launches.Config(4, 8, 4)
x = torch.zeros(9, 4096, dtype=torch.bfloat16, requires_grad=True)
keep, gains = torch.zeros(2), torch.zeros(4, 4096)
for s in (
    select.lif(x, None, LIFRule(surrogate=surrogate.Triangle()), backend="triton")[0],
    select.ilif(x, None, max_spikes=4, beta=0.5, backend="triton")[0],
    select.cuba(x, None, keep, CubaRule(), backend="triton")[0],
    select.adaptive(x, None, gains, AdaptiveRule(), backend="triton")[0],
):
    s.mul(torch.ones_like(s)).sum().backward()
found = {}
for kernel in made:
    # States are float32: s stores, l loads, b waits for all threads; x and g are bfloat16.
    text = kernel.asm["ttgir"]
    order = re.findall(r"tt\\.(store|load) .*!tt\\.ptr<f32>|gpu\\.(barrier)", text)
    found[kernel.name] = {
        "order": "".join((access or wait)[0] for access, wait in order),
        "numbers for NaNs": len(re.findall(r"arith\\.m(ax|in)numf", text)),
    }
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def kernels() -> Any:
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    environment["PYTHONPATH"] = str(Path(__file__).parent)
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["lif", "ilif", "cuba", "adaptive"])
def test_threads_wait_for_the_states_that_others_wrote(kernels: Any, name: str) -> None:
    # Where inputs are narrower than states, threads own other neurons when they read states back
    # than when they write them.
    order = kernels[f"{name}_backward"]["order"]
    assert re.fullmatch("l*s+bl+b", order), order


def test_a_nan_stays_a_nan(kernels: Any) -> None:
    # A GPU's minimum and maximum give the number where the other is a NaN.
    assert len(kernels) == 8
    assert not any(kernel["numbers for NaNs"] for kernel in kernels.values())
