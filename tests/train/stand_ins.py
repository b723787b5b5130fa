"""Processes that are not there."""

from types import SimpleNamespace
from typing import Any

import pytest

from neurospike.nn import together
from neurospike.train import module, samples


def be_process(monkeypatch: pytest.MonkeyPatch, rank: int, count: int, **more: Any) -> None:
    """This process as one of several, for whoever asks torch in training."""
    stand_in = SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: True,
        get_rank=lambda: rank,
        get_world_size=lambda: count,
        **more,
    )
    for asking in (together, samples, module):
        monkeypatch.setattr(asking, "distributed", stand_in)
