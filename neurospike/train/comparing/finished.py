"""What a finished run left, read and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurospike.errors import DataError
from neurospike.train.callbacks import BEST
from neurospike.train.recipe import Recipe, parse_recipe

_WHOLE = ("seed", "parameters", "test_samples")
_REMEDY = "give the folder of a run that has ended, or end it with --resume."


@dataclass(frozen=True)
class Run:
    """What a finished run left.

    Attributes
    ----------
    result
        ``result.json``: accuracies, parameters, seconds.
    truth
        What the test samples are, by ``ground_truth``.
    """

    folder: Path
    recipe: Recipe
    result: dict[str, Any]
    truth: dict[str, Any]

    @property
    def seed(self) -> int:
        return int(self.result["seed"])

    @property
    def score(self) -> str:
        """What "accuracy" is here: "accuracy" of classes, "mIoU" or "AP"."""
        return str(self.result["score"])

    @property
    def checkpoint(self) -> Path:
        return self.folder / BEST


def read_run(folder: str | Path) -> Run:
    """One run.

    Raises
    ------
    DataError
        A folder without ``result.json`` and the rest, or a damaged one.
    """
    folder = Path(folder)
    recipe = _read(folder / "recipe.json")
    result = _read(folder / "result.json")
    predictions = _read(folder / "predictions.json")
    _check_result(result, folder / "result.json")
    try:
        truth = ground_truth(predictions)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise _damaged(
            folder / "predictions.json", f"no labels, points or objects: {error}"
        ) from error
    return Run(folder, parse_recipe(recipe, origin=str(folder / "recipe.json")), result, truth)


def ground_truth(predictions: Mapping[str, Any]) -> dict[str, Any]:
    """What predictions say of the samples that they are of, whichever network made them.

    Labels in their order, labelled points of each class, or objects that count of each class.

    Examples
    --------
    >>> ground_truth({"labels": [0, 1], "best": [1, 1], "last": [0, 1]})
    {'labels': (0, 1)}
    >>> ground_truth({"best": {"confusion": [[4, 1], [0, 2]], "unpredicted": [0, 3]}})
    {'points': (5, 5)}
    >>> ground_truth({"best": {"objects": {"Car": {"easy": 1, "hard": 4}}}})
    {'Car': (('easy', 1), ('hard', 4))}
    """
    if "labels" in predictions:
        return {"labels": tuple(int(label) for label in predictions["labels"])}
    best = predictions.get("best", {})
    if "confusion" in best:
        rows = zip(best["confusion"], best["unpredicted"], strict=True)
        return {"points": tuple(sum(row) + missed for row, missed in rows)}
    return {name: tuple(levels.items()) for name, levels in best.get("objects", {}).items()}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path}: is missing; {_REMEDY}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(content, dict):
        raise _damaged(path, f"must hold an object; got {type(content).__name__}")
    return content


def _check_result(result: Mapping[str, Any], path: Path) -> None:
    for key in _WHOLE:
        value = result.get(key)
        if type(value) is not int or value < 0:  # JSON's true is an int in Python
            raise _damaged(path, f"{key} must be a whole number, 0 or more; got {value!r}")
    share = result.get("test_accuracy")
    if not isinstance(share, int | float) or not 0 <= share <= 1:
        raise _damaged(path, f"test_accuracy must be a share from 0 to 1; got {share!r}")
    if not isinstance(result.get("score"), str):
        raise _damaged(path, f"score must be a name; got {result.get('score')!r}")


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path}: is damaged ({' '.join(reason.split())[:120]}); {_REMEDY}")
