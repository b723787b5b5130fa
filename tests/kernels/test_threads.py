"""The pool of parallel kernels leaves torch's as it was."""

import os
import subprocess
import sys

PROGRAM = """
import torch, numpy as np
torch.set_num_threads(1)
from neurospike.kernels.audio.state import Nerve
Nerve.at_rest(range(20), 4000.0, 0).hear(np.zeros((20, 64), np.float32), 0, 64)
print(torch.get_num_threads())
"""


def test_starting_the_pool_keeps_the_number_of_torchs_threads() -> None:
    named = {"NUMBA_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, **named},
    )
    assert done.stdout.split() == ["1"]
