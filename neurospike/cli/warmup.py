"""``neurospike warmup``."""

from __future__ import annotations

import time

from neurospike.cli.common import say


def warmup() -> None:
    """Compile every kernel once and cache it, so that no first call has to wait.

    Example: neurospike warmup
    """
    began = time.perf_counter()
    import torch

    from neurospike.encoders import Voxelizer
    from neurospike.hw.warming import warmup as compile_emulator
    from neurospike.kernels.warmup import warmup as compile_kernels

    compile_kernels()
    compile_emulator()
    Voxelizer(0.1)(torch.zeros(2, 3))
    say(f"kernels ready after {time.perf_counter() - began:.1f} s")
