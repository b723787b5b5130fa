"""Compile kernels for a GPU that is not there: ``python compiling.py CASES.py 80 90``.

Triton's compiler needs no GPU, only the name of one. Here its launches compile and stop before the
launch, so that a case calls the same functions as a user, with tensors of the CPU whose values
mean nothing. A module of cases has functions ``case_*()``; what they launched is printed as JSON:
registers and bytes spilled of each kernel, for each compute capability. To be run in a process of
its own, without TRITON_INTERPRET: Triton reads it once.
"""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from neurospike.kernels import devices

NVIDIA = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"


class Absent:
    """As much of a driver as compiling asks for."""

    def __init__(self, capability: int) -> None:
        self.target = GPUTarget("cuda", capability, 32)

    def get_current_target(self) -> GPUTarget:
        return self.target

    def get_current_device(self) -> int:
        return self.target.arch

    def get_current_stream(self, device: int) -> int:
        return 0


def compile_launches() -> list[Any]:
    """From now on launches only compile; the list grows by what they made."""
    made: list[Any] = []
    run = JITFunction.run

    def compile_only(self: Any, *args: Any, grid: Any, warmup: bool, **options: Any) -> Any:
        kernel = run(self, *args, grid=grid, warmup=True, **options)
        if not any(kernel is one for one in made):
            made.append(kernel)
        return kernel

    JITFunction.run = compile_only
    devices.interpreted = lambda: True  # lets tensors of the CPU pass
    return made


def usage(kernel: Any) -> dict[str, Any]:
    """What a compiled kernel takes."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        dump = [NVIDIA / "cuobjdump", "-res-usage", file.name]
        text = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
    found = {name: int(value) for name, value in re.findall(r"(REG|STACK|LOCAL):(\d+)", text)}
    return {
        "kernel": kernel.name,
        "capability": kernel.metadata.target.arch,
        "registers": found["REG"],
        "spilled": found["STACK"] + found["LOCAL"],
        "shared": kernel.metadata.shared,
        "warps": kernel.metadata.num_warps,
        "wide_loads": len(re.findall(r"ld\.global\.v[24]\.b32", kernel.asm["ptx"])),
    }


def main(cases: str, *capabilities: str) -> None:
    made = compile_launches()
    functions = [call for name, call in runpy.run_path(cases).items() if name.startswith("case_")]
    for capability in capabilities:
        driver.set_active(Absent(int(capability)))
        for call in functions:
            call()
    sys.stdout.write(json.dumps([usage(kernel) for kernel in made], indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
