"""``neurospike warmup``."""

from __future__ import annotations

import time

from neurospike.cli.common import say


def warmup() -> None:
    """Compile every kernel once and cache it, so that no first call has to wait.

    Example: neurospike warmup
    """
    began = time.perf_counter()
    from neurospike.kernels.warmup import warmup as compile_kernels

    compile_kernels()
    say(f"kernels ready after {time.perf_counter() - began:.1f} s")
