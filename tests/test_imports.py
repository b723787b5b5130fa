"""What imports cost: nothing heavy before it is needed."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "numba", "open3d", "lightning", "matplotlib", "scipy", "h5py", "tensorboard")


def modules_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n'.join(m for m in sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    return {name.split(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize(
    "code",
    [
        "import neurospike",
        "from neurospike.cli.main import main; main(['--help'])",
        "from neurospike.cli.main import main; main(['train', '--help'])",
        "from neurospike.cli.main import main; main(['train'])",
    ],
)
def test_light_paths_import_nothing_heavy(code: str) -> None:
    assert not modules_after(code) & set(HEAVY)


def test_layers_import_no_optional_package_and_compile_nothing() -> None:
    loaded = modules_after("import neurospike.nn, neurospike.encoders, neurospike.models")
    assert not loaded & {"open3d", "lightning", "matplotlib", "h5py", "typer", "rich", "triton"}


RUN_ON_CPU = """
import torch
from neurospike import models, sparse
cloud = models.e3dsnn("T", num_classes=4, in_features=3)
sites = torch.cartesian_prod(torch.zeros(1, dtype=torch.int32), *[torch.arange(3).int()] * 3)
x = sparse.VoxelTensor(sites, torch.randn(27, 3), (16, 16, 16), 1)
cloud(x).sum().backward()
sound = models.delay_net("shd", hidden=8, layers=1)
sound(torch.rand(12, 2, 140)).sum().backward()
"""


def test_networks_on_a_cpu_never_import_triton() -> None:
    loaded = modules_after(RUN_ON_CPU)
    assert "neurospike" in loaded
    assert "triton" not in loaded


def test_a_bare_datasets_is_refused() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import importlib.util as u, neurospike.datasets as d\n"
            "s = u.spec_from_file_location('datasets', d.__file__)\n"
            "s.loader.exec_module(u.module_from_spec(s))",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "import this package as neurospike.datasets" in done.stderr
