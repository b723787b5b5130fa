"""States that the way back keeps in memory: written by some threads, read back by others.

Where inputs are narrower than states, threads own other neurons when they read states than when
they write them. Whether they wait for one another only the compiler's output tells: interpreted
programs have one thread.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, re
import compiling
made = compiling.compile_launches()
import torch
from triton.runtime import driver
from neurospike.functional.adaptive import AdaptiveRule
from neurospike.functional.cuba import CubaRule
from neurospike.functional.neurons import LIFRule
from neurospike.kernels.neurons import launches, select

driver.set_active(compiling.Absent(90))
launches._config = lambda *_: launches.Config(4, 8, 4)
x = torch.zeros(9, 4096, dtype=torch.bfloat16, requires_grad=True)
keep, gains = torch.zeros(2), torch.zeros(4, 4096)
for s in (
    select.lif(x, None, LIFRule(), backend="triton")[0],
    select.ilif(x, None, max_spikes=4, beta=0.5, backend="triton")[0],
    select.cuba(x, None, keep, CubaRule(), backend="triton")[0],
    select.adaptive(x, None, gains, AdaptiveRule(), backend="triton")[0],
):
    s.mul(torch.ones_like(s)).sum().backward()
found = {}
for kernel in made:
    if kernel.name.endswith("_backward"):
        # States are float32: s stores, l loads, b waits for all threads; x and g are bfloat16.
        floats = r"tt\\.(store|load) .*!tt\\.ptr<f32>|gpu\\.(barrier)"
        order = re.findall(floats, kernel.asm["ttgir"])
        found[kernel.name] = "".join((access or wait)[0] for access, wait in order)
print(json.dumps(found))
"""


def test_threads_wait_for_the_states_that_others_wrote() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    environment["PYTHONPATH"] = str(Path(__file__).parent)
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert set(found) == {f"{name}_backward" for name in ("lif", "ilif", "cuba", "adaptive")}
    for name, order in found.items():
        assert re.fullmatch("l*s+bl+b", order), (name, order)
