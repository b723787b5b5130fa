"""Every test has a cache folder of its own, and a process that has read nothing yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from neurospike.kernels.tuning import table


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NEUROSPIKE_CACHE", str(tmp_path / "cache"))
    table.forget()
    yield tmp_path / "cache"
    table.forget()
