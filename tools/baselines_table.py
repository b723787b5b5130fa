"""Train every baseline, then the best against the spiking networks, and write docs/baselines.md.

    python tools/baselines_table.py --fsdd data/fsdd --clouds data/modelnet10_voxels

Interrupted, the same command goes on: a run that has ended is kept, one that has begun goes on
from its last epoch. First every baseline is trained once in its CPU size, on clouds or on sound,
whichever suits it. Then the five of them that take images and were best on validation, the spiking
networks and their twins are trained on all three data sets with three seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurospike import baselines
from neurospike.files import write_atomically
from neurospike.train import fit, load_recipe
from neurospike.train.callbacks import RESUME
from neurospike.train.opponents import TWIN, with_baseline
from neurospike.train.recipe import Recipe
from neurospike.train.sweeping.workers import Failure, run_on_cores

SPIKING = "spiking"
OF_SOUND = ("ast",)
SEEDS = (0, 1, 2)
BEST = 5


@dataclass(frozen=True)
class Job:
    """One run."""

    task: str
    model: str
    seed: int

    def recipe(self, epochs: int | None) -> Recipe:
        own = load_recipe(self.task)
        recipe = own if self.model == SPIKING else with_baseline(own, self.model)
        if epochs is None:
            return recipe
        training = recipe.training.model_copy(update={"epochs": epochs})
        return recipe.model_copy(update={"training": training})

    def folder(self, runs: Path) -> Path:
        return runs / f"{self.task}-{self.model.replace(':', '-')}-{self.seed}"


@dataclass(frozen=True)
class Plan:
    """What all runs share."""

    runs: Path
    roots: dict[str, Path | None]
    epochs: int | None


def train(plan: Plan, job: Job) -> dict[str, Any]:
    """The run's result, from its folder if it has ended."""
    folder = job.folder(plan.runs)
    result = folder / "result.json"
    if not result.is_file():
        fit(
            job.recipe(plan.epochs),
            out=folder,
            root=plan.roots[job.task],
            seed=job.seed,
            resume=(folder / RESUME).is_file(),
            progress=False,
        )
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


def train_all(plan: Plan, jobs: list[Job], workers: int) -> dict[Job, dict[str, Any]]:
    """Results of all jobs; what failed is said and left out."""
    found: dict[Job, dict[str, Any]] = {}
    for number, (job, result) in enumerate(run_on_cores(train, plan, jobs, workers=workers), 1):
        if isinstance(result, Failure):
            say(f"{number}/{len(jobs)} {job}: {result.reason}\n{result.details}")
            continue
        found[job] = result
        say(
            f"{number}/{len(jobs)} {job.task} {job.model} seed {job.seed}: validation "
            f"{100 * result['best_validation_accuracy']:.1f} %, test "
            f"{100 * result['test_accuracy']:.1f} %, {result['seconds']:.0f} s"
        )
    return found


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def first_round() -> list[Job]:
    """Every baseline once, where it suits: sound for those made for it, else clouds."""
    names = [name for name in baselines.list() if not name.startswith(TWIN)]
    return [Job("fsdd" if name in OF_SOUND else "solids", name, 0) for name in names]


def second_round(first: dict[Job, dict[str, Any]]) -> list[Job]:
    """The best by validation that take images, and the spiking networks with their twins."""
    ranked = sorted(
        (job for job in first if baselines.find(job.model).takes == "images"),
        key=lambda job: -first[job]["best_validation_accuracy"],
    )
    names = [SPIKING, TWIN, *(job.model for job in ranked[:BEST])]
    tasks = ("solids", "chairs-monitors", "fsdd")
    return [Job(task, name, seed) for seed in SEEDS for task in tasks for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fsdd", type=Path, required=True, help="folder of FSDD's recordings")
    parser.add_argument("--clouds", type=Path, required=True, help="ModelNet10 as voxels")
    parser.add_argument("--runs", type=Path, default=Path("runs/baselines"))
    parser.add_argument("--epochs", type=int, help="instead of each recipe's number")
    parser.add_argument("--workers", type=int, help="processes of one thread [all cores]")
    given = parser.parse_args()
    roots = {"solids": None, "fsdd": given.fsdd, "chairs-monitors": given.clouds}
    plan = Plan(given.runs, roots, given.epochs)
    first = train_all(plan, first_round(), given.workers)
    second = train_all(plan, second_round(first), given.workers)
    summary = [
        {"task": job.task, "model": job.model, "seed": job.seed, **result}
        for job, result in {**first, **second}.items()
    ]
    write_atomically(given.runs / "summary.json", json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
