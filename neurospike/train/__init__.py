"""Training on Lightning: recipes, modules and runs.

Lightning itself is imported when a run starts, so that recipes can be read without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurospike.train.recipe import Recipe, load_recipe, parse_recipe, recipe_names

if TYPE_CHECKING:
    from neurospike.train.demo import DemoResult, run_demo
    from neurospike.train.run import EvaluateResult, FitResult, evaluate, fit, open_run

__all__ = [
    "DemoResult",
    "EvaluateResult",
    "FitResult",
    "Recipe",
    "evaluate",
    "fit",
    "load_recipe",
    "open_run",
    "parse_recipe",
    "recipe_names",
    "run_demo",
]

_LATE = {
    "DemoResult": "demo",
    "EvaluateResult": "run",
    "FitResult": "run",
    "evaluate": "run",
    "fit": "run",
    "open_run": "run",
    "run_demo": "demo",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
