"""What the backends share, and what they run on."""

import os
import subprocess
import sys
import textwrap
import threading

import pytest
import torch

from neurospike import nn
from neurospike.kernels.sparse import cpu, micro, select
from neurospike.kernels.warmup import warmup
from neurospike.testing import random_cloud

NEEDS_FAST = pytest.mark.skipif(
    not cpu.runs_fast(torch.float32), reason="this CPU has no AVX2 and FMA"
)

PROGRAM = """
    import torch
    from neurospike import nn
    from neurospike.kernels.sparse import cpu, micro, select
    from neurospike.testing import random_cloud

    torch.manual_seed(0)
    cloud = random_cloud((12, 11, 10), 41, occupancy=0.3, spikes=0.2)
    layer = nn.SubmanifoldConv3d(41, 89)
    for limit in (0.0, 2.0):
        cpu.crossover = lambda columns: limit
        with select.backend("auto"):
            y = layer(cloud).features
        y.square().sum().backward()
        print(micro.AVAILABLE, micro.LANES, y.double().sum().item(), end=" ")
        print(layer.weight.grad.double().abs().sum().item())
        layer.weight.grad = None
"""


def run(**environment: str) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split() for line in done.stdout.splitlines()]


@NEEDS_FAST
def test_a_cpu_with_avx2_only_gives_the_bits_of_wider_vectors(tmp_path) -> None:
    own = run()
    narrow = run(
        NUMBA_CPU_NAME="haswell",
        NUMBA_CPU_FEATURES="+sse4.2,+popcnt,+bmi,+bmi2,+lzcnt,+avx,+avx2,+fma",
        NUMBA_CACHE_DIR=str(tmp_path),
    )
    assert [line[:2] for line in narrow] == [["True", "8"]] * 2
    assert [line[2:] for line in narrow] == [line[2:] for line in own]


@NEEDS_FAST
def test_a_cpu_without_fma_takes_the_portable_path(tmp_path) -> None:
    plain = run(
        NUMBA_CPU_NAME="x86-64-v2",
        NUMBA_CPU_FEATURES="+sse4.2,+popcnt",
        NUMBA_CACHE_DIR=str(tmp_path),
    )
    assert [line[0] for line in plain] == ["False"] * 2
    for line, wanted in zip(plain, run(), strict=True):
        assert [float(v) for v in line[2:]] == pytest.approx(
            [float(v) for v in wanted[2:]], rel=1e-4
        )


def test_spikes_are_told_from_membranes_by_density(monkeypatch) -> None:
    if not micro.AVAILABLE:
        pytest.skip("this CPU has no AVX2 and FMA")
    few = random_cloud((8, 8, 8), 64, spikes=0.05)
    many = random_cloud((8, 8, 8), 64)
    assert cpu._spikes(few.features[None], 64) is not None
    assert cpu._spikes(many.features[None], 64) is None
    bits = cpu._spikes(few.features[None], 64)
    counts = [bin(int(word)).count("1") for word in bits[0, :, 0]]
    assert counts == (few.features != 0).sum(1).tolist()


def test_two_python_threads_take_turns() -> None:
    cloud = random_cloud((30, 30, 30), 16, occupancy=0.3)
    layer = nn.SubmanifoldConv3d(16, 16)
    wanted = layer(cloud).features
    failures: list[int] = []

    def work() -> None:
        for _ in range(5):
            if not torch.equal(layer(cloud).features, wanted):
                failures.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_runs_parallel_kernels_after_its_parent() -> None:
    program = """
        import os, torch
        from neurospike import nn
        from neurospike.testing import random_cloud

        cloud, layer = random_cloud((20, 20, 20), 8), nn.SubmanifoldConv3d(8, 8)
        wanted = layer(cloud).features
        child = os.fork()
        if child == 0:
            os._exit(0 if torch.equal(layer(cloud).features, wanted) else 3)
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()


def test_warmup_runs_every_kernel() -> None:
    warmup()


def test_a_named_backend_is_left_behind_with_its_block() -> None:
    cloud = random_cloud((4, 4, 4), 3)
    layer = nn.SubmanifoldConv3d(3, 4)
    with select.backend("reference"):
        plain = layer(cloud).features
    torch.testing.assert_close(layer(cloud).features, plain)
    assert select._chosen.get() == "auto"
