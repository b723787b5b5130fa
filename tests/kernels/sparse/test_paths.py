"""Dense or event-driven, as a table says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from neurospike.kernels.sparse import paths
from neurospike.kernels.tuning import record, table

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NEUROSPIKE_CACHE", str(tmp_path))
    table.forget()
    yield
    table.forget()


def fastest(rows: int, density: float, dtype: torch.dtype = torch.bfloat16) -> str:
    return paths.fastest(rows, 64, 64, dtype=dtype, device=CPU, density=density)


def test_the_table_decides_by_density_rows_and_dtype() -> None:
    assert fastest(30000, 0.02) == "triton"
    record(paths.OP, CPU, (32768, "64x64", "bfloat16 ieee", 2), {"backend": "triton-events"})
    record(paths.OP, CPU, (32768, "64x64", "bfloat16 ieee", 8), None)
    found = {d: fastest(30000, d) for d in (0.0, 0.01, 0.02, 0.03, 0.08, 0.3, 1.0)}
    events = dict.fromkeys((0.0, 0.01, 0.02, 0.03), "triton-events")
    assert found == events | dict.fromkeys((0.08, 0.3, 1.0), "triton")
    assert fastest(300, 0.02) == "triton"
    assert fastest(30000, 0.02, torch.float32) == "triton"
