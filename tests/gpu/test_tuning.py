"""Every configuration that a search may choose runs, and computes what the default does."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from neurospike.kernels.tuning import table
from neurospike.kernels.tuning.cases import cases
from neurospike.kernels.tuning.session import DEFAULT, Case, Result, tune

FEW = cases(
    sites=[(17, 33)],
    sequences=[(9, 33)],
    sound=[(9, 33)],
    spikes=[(17, 33)],
    dtypes=[torch.float32],
)


class Still:
    """Time stands still: nothing is left out for want of it, the default stays, and calls that
    would only be timed are spared."""

    def now(self) -> float:
        return 0.0

    def time(self, call: Callable[[], Any]) -> float:
        return 1.0


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NEUROSPIKE_CACHE", str(tmp_path))
    table.forget()
    yield
    table.forget()


@pytest.mark.parametrize("case", FEW, ids=lambda case: f"{case.op} {case.shape}".replace(" ", "-"))
def test_all_configurations_agree(case: Case, device: torch.device) -> None:
    (result,) = tune([case], device, limit_s=1.0, clock=Still())
    assert isinstance(result, Result)
    assert result.left_out == []
    assert result.winner == DEFAULT
    assert [row.key for row in table.rows(device)] == [result.key]
    assert ("float32 tf32" in result.key) == ("tf32" in case.shape)


def test_the_grid_has_every_kernel() -> None:
    assert {case.op for case in cases()} == {case.op for case in FEW}
    assert len({(case.op, case.shape) for case in cases()}) == len(cases())
