"""Training on Lightning: recipes, modules and runs.

Lightning itself is imported when a run starts, so that recipes can be read without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurospike.train.recipe import Recipe, load_recipe, parse_recipe, recipe_names

if TYPE_CHECKING:
    from neurospike.train.activity import ActivityLoss
    from neurospike.train.delays import ClampDelays, SigmaSchedule
    from neurospike.train.demo import DemoResult, run_demo
    from neurospike.train.evaluation import EvaluateResult, evaluate, open_run
    from neurospike.train.run import FitResult, fit

__all__ = [
    "ActivityLoss",
    "ClampDelays",
    "DemoResult",
    "EvaluateResult",
    "FitResult",
    "Recipe",
    "SigmaSchedule",
    "evaluate",
    "fit",
    "load_recipe",
    "open_run",
    "parse_recipe",
    "recipe_names",
    "run_demo",
]

_LATE = {
    "ActivityLoss": "activity",
    "ClampDelays": "delays",
    "DemoResult": "demo",
    "EvaluateResult": "evaluation",
    "FitResult": "run",
    "SigmaSchedule": "delays",
    "evaluate": "evaluation",
    "fit": "run",
    "open_run": "evaluation",
    "run_demo": "demo",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
