"""Run a sweep: jobs out, points in, each kept as soon as it is there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from neurospike import __version__, hw
from neurospike.errors import ArgumentError
from neurospike.train.sweeping.cluster import run_on_ray
from neurospike.train.sweeping.folder import FAILED, Point, SweepFolder, digest
from neurospike.train.sweeping.grid import Axes, Job, plan, point_key, points_of
from neurospike.train.sweeping.measuring import failed_point, measure
from neurospike.train.sweeping.opening import open_checkpoint, read_subject
from neurospike.train.sweeping.pages import document, write_pages
from neurospike.train.sweeping.subject import Subject
from neurospike.train.sweeping.workers import Failure, run_on_cores

log = logging.getLogger(__name__)

Measure = Callable[[Any, Job], list[Point]]
Finished = Generator[tuple[Job, list[Point] | Failure], None, None]
Tick = Callable[[int, int], None]


def sweep(
    checkpoint: str | Path,
    chips: Sequence[str | Path],
    axes: Axes,
    *,
    out: str | Path,
    root: str | Path | None = None,
    samples: int = 64,
    convention: str = "per_activity",
    workers: int | None = None,
    ray: str | None = None,
    tick: Tick | None = None,
) -> dict[str, Any]:
    """Measure accuracy and energy of a checkpoint for every value of every axis, on every chip.

    Each point is a file in ``out`` as soon as it is known: an interrupted sweep goes on where it
    was, and one with more values measures only what is new. Points that failed are tried again.

    Parameters
    ----------
    checkpoint
        A file that ``neurospike train`` has written.
    chips
        Names or files of chips.
    out
        Folder of the sweep: ``sweep.json``, ``points/``, ``pareto.json``, ``pareto.png``,
        ``pareto.html``.
    root
        Where the data lies, if elsewhere than in training.
    samples
        Test samples, spread evenly over the split; all of them where there are fewer.
    convention
        As in ``hw.price``.
    workers
        Processes of this machine, at most one a core, which is also the default; 1 works in this
        process.
    ray
        Address of a Ray cluster to run on instead: see ``cluster.run_on_ray``.
    tick
        Called with the points that are known and all points, whenever some came in.

    Returns
    -------
    What ``pareto.json`` holds: "points", from the least energy to the most, and "fronts", the
    points of each chip that no other of it beats.

    Raises
    ------
    ArgumentError
        An axis that the network has not, values out of range, a folder with another sweep; every
        point failed.
    DataError
        A checkpoint, chip or data that is damaged; a folder that cannot be written.
    """
    if workers is not None and workers < 1:
        raise ArgumentError(f"sweep.workers: must be 1 or more; got {workers}.")
    loaded = load_chips(chips)
    opened = open_checkpoint(checkpoint, root=root)
    if opened.recipe.scan is not None:
        raise ArgumentError(
            f"sweep.checkpoint: must be a classifier, for points are accuracies; got a run of "
            f"{opened.recipe.name!r}. `neurospike energy` prices it on chips."
        )
    jobs = plan(axes, loaded, opened.trained)
    longest = max(axes.steps, default=0)
    subject = read_subject(opened, loaded, samples=samples, steps=longest, convention=convention)
    about = {
        "checkpoint": str(checkpoint),
        "name": subject.recipe.name,
        "samples": len(subject.inputs),
        "convention": convention,
        "version": __version__,
    }
    identity = {
        **about,
        "checkpoint": digest(Path(checkpoint).read_bytes()),
        "data": subject.fingerprint(),
    }
    contents = {name: digest(chip.model_dump_json().encode()) for name, chip in loaded.items()}
    folder = SweepFolder(out, identity, contents)
    points = measure_all(jobs, subject, folder, workers=workers, ray=ray, tick=tick)
    found = document(about, points)
    write_pages(found, folder.path)
    failed = [point for point in points if point["status"] == FAILED]
    if len(failed) == len(points):
        raise ArgumentError(
            f"sweep: all {len(points)} points failed, the first because: {failed[0]['reason']} "
            f"See {folder.path / 'points'}."
        )
    return found


def load_chips(chips: Sequence[str | Path]) -> dict[str, hw.Chip]:
    """Chips by their own names, in the order given.

    Raises
    ------
    ArgumentError
        None at all, or two of one name.
    """
    loaded: dict[str, hw.Chip] = {}
    for name in dict.fromkeys(map(str, chips)):
        chip = hw.load_chip(name)
        if chip.name in loaded:
            raise ArgumentError(
                f"sweep.chips: each must have a name of its own; got two called {chip.name}."
            )
        loaded[chip.name] = chip
    if not loaded:
        raise ArgumentError(
            f"sweep.chips: must name one chip or more of {', '.join(hw.list_chips())}; got none."
        )
    return loaded


def measure_all(
    jobs: Sequence[Job],
    subject: Subject | Any,
    folder: SweepFolder,
    *,
    task: Measure = measure,
    workers: int | None = None,
    ray: str | None = None,
    tick: Tick | None = None,
) -> list[Point]:
    """Points of all jobs: those of the folder, and the others measured and kept one by one."""
    keys = points_of(jobs)
    known = folder.finished(keys)
    if known:
        log.info("%d of %d points were measured before", len(known), len(keys))
    tick = tick or (lambda _known, _all: None)
    tick(len(known), len(keys))
    # Closed whatever happens, so that an interrupt ends workers and Ray before it goes on.
    try:
        with closing(_finished(task, subject, _left(jobs, known), workers, ray)) as stream:
            for job, result in stream:
                if isinstance(result, Failure):
                    result = [failed_point(chip, job.setting, result) for chip in job.chips]
                for point in result:
                    folder.keep(point)
                    known[point["key"]] = point
                tick(len(known), len(keys))
    except KeyboardInterrupt:
        log.info("%d of %d points are kept; the same command goes on", len(known), len(keys))
        raise
    return [known[key] for key in keys]


def _finished(
    task: Measure, subject: Any, jobs: Sequence[Job], workers: int | None, ray: str | None
) -> Finished:
    if ray is not None and jobs:
        return run_on_ray(task, subject, jobs, address=ray)
    return run_on_cores(task, subject, jobs, workers=workers)


def _left(jobs: Iterable[Job], known: dict[str, Point]) -> list[Job]:
    left = []
    for job in jobs:
        chips = tuple(c for c in job.chips if point_key(c, job.setting) not in known)
        if chips:
            left.append(Job(job.setting, chips))
    return left
