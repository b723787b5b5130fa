"""Sweeps: accuracy against energy over chips, steps, spikes, widths and thresholds.

Nothing is imported before it is used: a worker that measures needs no part that opens or draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurospike.train.sweeping.grid import Axes
    from neurospike.train.sweeping.pages import table
    from neurospike.train.sweeping.running import sweep

__all__ = ["Axes", "sweep", "table"]

_HOMES = {"Axes": "grid", "sweep": "running", "table": "pages"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
