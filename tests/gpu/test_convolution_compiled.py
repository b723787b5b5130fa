"""What the compiler makes of the convolution: tensor cores where they are meant, and only there."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, re, sys
import compiling
made = compiling.compile_launches()
import torch
from triton.runtime import driver
from neurospike.kernels.sparse import gpu
from neurospike.kernels.sparse.rules import Rules

rules = Rules.from_table(torch.zeros(27, 1000, dtype=torch.int32), n_in=1000)
found = []
for capability in (80, 90):
    driver.set_active(compiling.Absent(capability))
    for dtype, precision in (("bfloat16", "ieee"), ("float32", "ieee"), ("float32", "tf32")):
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        x = torch.zeros(1, 1000, 64, dtype=getattr(torch, dtype))
        gpu.convolve(x, torch.zeros(27, 64, 64, dtype=x.dtype), None, rules)
        text = made[-1].asm["ptx"]
        count = lambda pattern: len(re.findall(pattern, text))
        found.append({
            "dtype": dtype, "precision": precision, "name": made[-1].name,
            "tensor cores": count(r"wgmma\\.mma_async|mma\\.sync"), "fma": count(r"fma\\.rn\\.f32"),
            "gathers of 16 bytes": count(r"cp\\.async\\.cg[^\\n]*0x10"),
        })
print(json.dumps(found))
"""


def test_products_and_gathers() -> None:
    here = Path(__file__).parent
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    environment["PYTHONPATH"] = str(here)
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert len(found) == 6
    for kernel in found:
        exact = (kernel["dtype"], kernel["precision"]) == ("float32", "ieee")
        assert kernel["name"] == "convolve"
        assert (kernel["tensor cores"] > 0) == (not exact), kernel
        assert (kernel["fma"] > 0) == exact, kernel
        assert kernel["gathers of 16 bytes"] >= 4, kernel
