"""Train every baseline, then the best against the spiking networks, and write docs/baselines.md.

    python tools/baselines_table.py --fsdd data/fsdd --clouds data/modelnet10_voxels

Interrupted, the same command goes on: a run that has ended is kept, one that has begun goes on
from its last epoch. First every baseline is trained once in its CPU size, on clouds or on sound,
whichever suits it. Then the five of them that take images and were best on validation, the spiking
networks and their twins are trained on all three data sets with three seeds. Last, the best of the
five on each data set is trained as large as the spiking network, and at its energy. With --rounds 1
or 2 it stops after that round, and writes the tables of what was trained.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from neurospike import baselines, models
from neurospike.baselines.scaling import fitted
from neurospike.errors import ArgumentError
from neurospike.files import write_atomically
from neurospike.hw.prices import HOROWITZ45
from neurospike.train import fit, load_recipe
from neurospike.train.callbacks import BEST as BEST_WEIGHTS
from neurospike.train.callbacks import RESUME
from neurospike.train.comparing.comparing import compare
from neurospike.train.comparing.contestants import read_contestants
from neurospike.train.comparing.costs import open_contestant, work_of
from neurospike.train.comparing.pages import table
from neurospike.train.opponents import TWIN, with_baseline
from neurospike.train.recipe import Recipe
from neurospike.train.sweeping.workers import Failure, run_on_cores

RECIPE = "recipe.json"
RESULT = "result.json"
SPIKING = "spiking"
OF_SOUND = ("ast",)
SEEDS = (0, 1, 2)
SIDES = (64, 32)
"""Images that a baseline may see at the spiking network's energy: smaller where it must."""
BEST = 5
TASKS = ("solids", "chairs-monitors", "fsdd")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "baselines.md"
BEGIN, END = "<!-- table -->", "<!-- /table -->"


@dataclass(frozen=True)
class Job:
    """One run."""

    task: str
    model: str
    seed: int
    parameters: int | None = None
    macs: int | None = None
    side: int | None = None

    def recipe(self, share: float = 1.0) -> Recipe:
        own = load_recipe(self.task)
        sized = {"parameters": self.parameters, "macs": self.macs, "image_size": self.side}
        recipe = own if self.model == SPIKING else with_baseline(own, self.model, **sized)
        epochs = max(1, round(share * recipe.training.epochs))
        training = recipe.training.model_copy(update={"epochs": epochs})
        return recipe.model_copy(update={"training": training})

    def folder(self, runs: Path) -> Path:
        return runs / f"{self.recipe().name}-{self.seed}"


@dataclass(frozen=True)
class Plan:
    """What all runs share."""

    runs: Path
    roots: dict[str, Path | None]
    share: float
    """Of each recipe's epochs."""


def train(plan: Plan, job: Job) -> dict[str, Any]:
    """The run's result, from its folder if it has ended."""
    folder = job.folder(plan.runs)
    result = folder / RESULT
    recipe = job.recipe(plan.share)
    check_same(recipe, folder)
    if not result.is_file():
        fit(
            recipe,
            out=folder,
            root=plan.roots[job.task],
            seed=job.seed,
            resume=(folder / RESUME).is_file(),
            progress=False,
        )
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


def check_same(recipe: Recipe, folder: Path) -> None:
    """Refuse to go on with a run of another recipe, such as a trial of one epoch.

    Raises
    ------
    ArgumentError
        The folder holds another recipe than this one.
    """
    path = folder / RECIPE
    if not path.is_file():
        return
    held = json.loads(path.read_text(encoding="utf-8"))
    wanted = recipe.model_dump(mode="json")
    other = sorted(key for key in {*held, *wanted} if held.get(key) != wanted.get(key))
    if other:
        raise ArgumentError(
            f"{folder}: was run with another recipe ({', '.join(other)}); delete it, or name "
            "another folder with --runs."
        )


def train_all(plan: Plan, jobs: list[Job], workers: int) -> dict[Job, dict[str, Any]]:
    """Results of all jobs, in the order of the jobs.

    Raises
    ------
    SystemExit
        Some failed, when the others have ended: networks are chosen among all or not at all.
    """
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
    if len(found) < len(jobs):
        raise SystemExit(f"{len(jobs) - len(found)} of {len(jobs)} runs failed, as said above.")
    return {job: found[job] for job in jobs}


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def first_round() -> list[Job]:
    """Every baseline once, where it suits: sound for those made for it, else clouds."""
    names = [name for name in baselines.list() if not name.startswith(TWIN)]
    return [Job("fsdd" if name in OF_SOUND else "solids", name, 0) for name in names]


def second_round(first: dict[Job, dict[str, Any]]) -> list[Job]:
    """The best by validation that take images, and the spiking networks with their twins.

    Those of sound alone are not among them: they saw other data, and cannot take clouds.
    """
    ranked = sorted(
        (job for job in first if job.task != "fsdd" and takes_images(job.model)),
        key=lambda job: (-first[job]["best_validation_accuracy"], job.model),
    )
    names = [SPIKING, TWIN, *(job.model for job in ranked[:BEST])]
    return [Job(task, name, seed) for seed in SEEDS for task in TASKS for name in names]


def takes_images(name: str) -> bool:
    return baselines.find(name).takes == "images"


def third_round(plan: Plan, second: dict[Job, dict[str, Any]]) -> list[Job]:
    """The best baseline of each data set, as large as the spiking network, and at its energy."""
    jobs = []
    for task in TASKS:
        scores: dict[str, list[float]] = {}
        for job, result in second.items():
            if job.task == task and job.model not in (SPIKING, TWIN):
                scores.setdefault(job.model, []).append(result["best_validation_accuracy"])
        best = min(scores, key=lambda name: (-fmean(scores[name]), name))
        spiking = Job(task, SPIKING, SEEDS[0])
        (one,) = read_contestants([spiking.folder(plan.runs)])
        energy = work_of(open_contestant(one, root=plan.roots[task]))["exact"].energy_pj
        parameters = second[spiking]["parameters"]
        macs = round(energy / HOROWITZ45.mac_pj)
        side = _side(plan, Job(task, best, SEEDS[0]), macs)
        for seed in SEEDS:
            jobs.append(Job(task, best, seed, parameters=parameters))
            jobs.append(Job(task, best, seed, macs=macs, side=side))
    return jobs


def _side(plan: Plan, job: Job, macs: int) -> int:
    """The largest images on which a trained baseline, made narrower, does with so few MACs."""
    known = models.read_info(job.folder(plan.runs) / BEST_WEIGHTS).arguments
    shape = {name: known[name] for name in ("in_channels", "num_classes")}
    for side in SIDES:
        image = replace(job, side=side).recipe().image
        if image is None:  # no baseline is without one
            break
        try:
            fitted(job.model, **shape, image_size=image.size, macs=macs)
        except ArgumentError:
            continue
        return side
    return SIDES[-1]  # whose run says what is in the way


def write_tables(plan: Plan, first: list[Job], rest: list[Job], page: Path) -> None:
    """Put tables between the page's markers: each data set's networks, then all baselines once.

    Those of sound alone, trained once, stand among the networks of FSDD.
    """
    parts = []
    of_sound = [job for job in first if job.task == "fsdd"]
    for task in TASKS if rest else ():
        jobs = [job for job in [*rest, *of_sound] if job.task == task]
        parts.append(f"### {task}, {len(SEEDS)} seeds\n\n{_table(plan, jobs)}")
    jobs = [job for job in first if job.task == "solids"]
    parts.append(f"### Every baseline on solids, one seed\n\n{_table(plan, jobs)}")
    if not rest:
        parts.append(f"### Those of sound on fsdd, one seed\n\n{_table(plan, of_sound)}")
    text = page.read_text(encoding="utf-8")
    before, _, after = text.partition(BEGIN)
    _, _, after = after.partition(END)
    write_atomically(page, f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}")


def _table(plan: Plan, jobs: list[Job]) -> str:
    folders = [job.folder(plan.runs) for job in jobs]
    html = plan.runs / f"{jobs[0].task}-{len(folders)}.html"
    rows = table(compare(folders, root=plan.roots[jobs[0].task], html=html, tick=say))
    lines = [" | ".join(rows[0]), " | ".join("---" for _ in rows[0])]
    lines += [" | ".join(row.values()) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fsdd", type=Path, required=True, help="folder of FSDD's recordings")
    parser.add_argument("--clouds", type=Path, required=True, help="ModelNet10 as voxels")
    parser.add_argument("--runs", type=Path, default=Path("runs/baselines"))
    parser.add_argument("--page", type=Path, default=PAGE, help="whose tables are written")
    parser.add_argument("--share", type=float, default=1.0, help="of each recipe's epochs [1]")
    parser.add_argument("--rounds", type=int, choices=(1, 2, 3), default=3, help="to train [3]")
    parser.add_argument("--workers", type=int, help="processes of one thread [all cores]")
    given = parser.parse_args()
    roots = {"solids": None, "fsdd": given.fsdd, "chairs-monitors": given.clouds}
    plan = Plan(given.runs, roots, given.share)
    first = train_all(plan, first_round(), given.workers)
    rest: dict[Job, dict[str, Any]] = {}
    if given.rounds > 1:
        rest |= train_all(plan, second_round(first), given.workers)
    if given.rounds > 2:
        rest |= train_all(plan, third_round(plan, rest), given.workers)
    write_tables(plan, [*first], [*rest], given.page)


if __name__ == "__main__":
    main()
