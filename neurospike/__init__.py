"""Spikes from point clouds and sound, networks that learn from them, and what they cost.

Subpackages load on first use, so that ``import neurospike`` touches neither torch nor numba.

>>> import neurospike
>>> neurospike.nn.ILIF(max_spikes=4)
ILIF(max_spikes=4, beta=0.25)
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neurospike import (
        baselines,
        bench,
        datasets,
        encoders,
        errors,
        functional,
        hw,
        interop,
        kernels,
        metrics,
        models,
        nn,
        runtime,
        sparse,
        testing,
        train,
        viz,
    )

__version__ = "0.1.0"

__all__ = [
    "baselines",
    "bench",
    "datasets",
    "encoders",
    "errors",
    "functional",
    "hw",
    "interop",
    "kernels",
    "metrics",
    "models",
    "nn",
    "runtime",
    "sparse",
    "testing",
    "train",
    "viz",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
