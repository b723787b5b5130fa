"""Folders as finished runs leave them, without training anything."""

import json
from pathlib import Path
from typing import Any

from neurospike.train import Recipe


def leave_run(
    folder: Path,
    recipe: Recipe,
    *,
    seed: int = 0,
    score: str = "accuracy",
    accuracy: float = 0.5,
    samples: int = 12,
    predictions: dict[str, Any] | None = None,
) -> Path:
    """What is read of a run but for its weights; labels are those of 12 solids."""
    labels = [index % 12 for index in range(samples)]
    result = {
        "seed": seed,
        "parameters": 10,
        "test_samples": samples,
        "test_accuracy": accuracy,
        "score": score,
    }
    folder.mkdir(parents=True)
    (folder / "recipe.json").write_text(recipe.model_dump_json())
    (folder / "result.json").write_text(json.dumps(result))
    predictions = {"labels": labels, "best": labels} if predictions is None else predictions
    (folder / "predictions.json").write_text(json.dumps(predictions))
    return folder
