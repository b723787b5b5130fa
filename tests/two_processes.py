"""Two gloo processes for tests, each a Python that runs a script and leaves a file."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

HEAD = """
import sys
from datetime import timedelta
import torch
from torch import distributed

rank, folder = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group(
    "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2,
    timeout=timedelta(seconds=60),
)
"""
TAIL = """
torch.save(kept, f"{folder}/kept{rank}.pt")
distributed.destroy_process_group()
"""


def on_two_processes(script: str, folder: Path) -> list[Any]:
    """What a script, which knows its ``rank``, leaves in ``kept`` on each of two processes."""
    path = folder / "script.py"
    path.write_text(HEAD + script + TAIL)
    root = str(Path(__file__).parents[1])
    env = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "PYTHONPATH": root}
    running = [
        subprocess.Popen(
            [sys.executable, str(path), str(rank), str(folder)], stderr=subprocess.PIPE, env=env
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=300)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0], "\n".join(said)
    return [torch.load(folder / f"kept{rank}.pt") for rank in range(2)]
