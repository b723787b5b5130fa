"""``neurospike energy``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from neurospike.cli.common import need, print_json, say
from neurospike.cli.energy_module import energy_of_module, names_module
from neurospike.errors import ArgumentError

Convention = Literal["exact", "paper", "neurobench", "lemaire", "per_activity", "affine"]
COUNTING = ("exact", "paper", "neurobench", "lemaire")
PRICING = ("per_activity", "affine")


def energy(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A .safetensors file of a training run, or package.module:factory of any module.",
        ),
    ],
    root: Annotated[Path | None, typer.Option(help="Folder of the data [as trained].")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Another data set with the same classes [as trained].")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="Test samples to run and count [16; 1 of a module].")
    ] = None,
    input_shape: Annotated[
        list[str] | None,
        typer.Option("--input", help="Of a module: shape of one sample; once for each input."),
    ] = None,
    batch_dim: Annotated[
        int, typer.Option(help="Of a module: dimension of the samples, 1 for (T, B, ...).")
    ] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Of a module: an argument of its factory, key=value."),
    ] = None,
    convention: Annotated[
        Convention | None,
        typer.Option(help="How to count [exact]; with --chip how to price [per_activity]."),
    ] = None,
    chip: Annotated[
        list[str] | None,
        typer.Option(help="Emulate on a chip, or a chip file of your own; once for each."),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="With --chip: ann-twin or quantised-twin, on one machine with memory."),
    ] = None,
    quantise: Annotated[
        bool, typer.Option("--quantise", help="With --chip: integers of its widths.")
    ] = False,
    mode: Annotated[
        Literal["unary", "graded"], typer.Option(help="Integer spikes as events or as packets.")
    ] = "unary",
    gate: Annotated[
        Literal["voxel", "spike"], typer.Option(help="Submanifold targets: occupied, or spiking.")
    ] = "voxel",
    generator: Annotated[
        Literal["bitmap", "hash", "rulebook"], typer.Option(help="Index of voxels to count for.")
    ] = "bitmap",
    placement: Annotated[
        Literal["compact", "static"], typer.Option(help="Neurons for occupied sites, or the grid.")
    ] = "compact",
    verify: Annotated[
        bool, typer.Option("--verify", help="Hold the emulation against torch; exit code 1 if off.")
    ] = False,
    workers: Annotated[
        int, typer.Option(help="With --chip: processes, one thread each; at most one a core.")
    ] = 1,
    html: Annotated[
        Path | None, typer.Option(help="With --chip: also write a page with figures.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the numbers to this .json.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Count what a network does, layer by layer; with --chip emulate and price it on chips.

    Without a chip: operations and energy beside the ANN twin (same topology, ReLU). With chips:
    energy, latency and power, low, nominal and high; the mean over samples with its 95 %
    confidence interval. A chip that the network does not fit says why in the table; if none fits,
    that is an error, with exit code 2. Any torch module is counted on random numbers; layers that
    nobody can count are named, not skipped.

    Example: neurospike energy runs/solids-0/best.safetensors --chip loihi1_sanafe --chip speck2f
    --quantise --against ann-twin --html chips.html

    Example: neurospike energy mypackage.networks:resnet --input 3x224x224
    """
    from neurospike.files import check_writable

    need("train", "lightning", "rich")
    if samples is not None and samples < 1:
        raise ArgumentError(f"--samples: must be 1 or more; got {samples}.")
    check_writable(out, html)
    if names_module(checkpoint):
        _refuse(
            {
                "--chip": chip, "--root": root, "--dataset": dataset, "--against": against,
                "--quantise": quantise, "--verify": verify, "--html": html,
            },
            "needs the checkpoint of a training run, not a module",
        )  # fmt: skip
        _refuse_convention(convention, COUNTING, "of a module")
        energy_of_module(
            str(checkpoint), input_shape or [], samples=samples or 1, batch_dim=batch_dim,
            settings=settings or [], convention=cast(Any, convention or "exact"), out=out,
            as_json=as_json,
        )  # fmt: skip
        return
    _refuse(
        {"--input": input_shape, "--batch-dim": batch_dim, "--set": settings},
        "is for package.module:factory; a checkpoint has its own test samples",
    )
    samples = 16 if samples is None else samples
    if chip:
        _refuse_convention(convention, PRICING, "with --chip")
        if html is not None:
            need("train", "plotly")
        passed = _on_chips(
            checkpoint, chip, html=html, out=out, as_json=as_json, root=root, dataset=dataset,
            samples=samples, convention=convention or "per_activity", verified=verify,
            workers=workers,
            options={
                "quantise": quantise, "mode": mode, "gate": gate, "generator": generator,
                "style": placement, "against": tuple(against or ()),
            },
        )  # fmt: skip
    else:
        _refuse_convention(convention, COUNTING, "without --chip")
        _refuse(
            {"--html": html, "--quantise": quantise, "--against": against},
            "needs a chip; give --chip, such as loihi1_sanafe",
        )
        passed = _counted(
            checkpoint, root, dataset, samples, convention or "exact", verify, out, as_json
        )
    if not passed:
        raise typer.Exit(1)


def _refuse(options: Mapping[str, Any], why: str) -> None:
    """Raise for the first of these options that was given."""
    for option, given in options.items():
        if given:
            raise ArgumentError(f"{option}: {why}.")


def _refuse_convention(convention: str | None, allowed: tuple[str, ...], when: str) -> None:
    if convention is not None and convention not in allowed:
        raise ArgumentError(
            f"--convention: {when} must be one of {', '.join(allowed)}; got {convention!r}."
        )


def _counted(
    checkpoint: Path,
    root: Path | None,
    dataset: str | None,
    samples: int,
    convention: str,
    verified: bool,
    out: Path | None,
    as_json: bool,
) -> bool:
    from neurospike import hw
    from neurospike.files import write_atomically
    from neurospike.hw.counter import ConventionName
    from neurospike.train.chip_energy import open_on, verify_run
    from neurospike.train.evaluation import first_batch, open_run
    from neurospike.train.tasks import build_task

    if dataset is None:
        model, recipe, source = open_run(checkpoint, root=root)
    else:
        opened = open_on(checkpoint, root, dataset)
        model, recipe, source = opened.model, opened.recipe, opened.source
    task = build_task(recipe, root=root)
    inputs = first_batch(task, source, samples)
    comparison = hw.compare(
        model, inputs, convention=cast(ConventionName, convention), **task.counting
    )
    document = {"checkpoint": str(checkpoint), **json.loads(comparison.to_json())}
    found = None
    if verified:
        found = verify_run(checkpoint, root=root, dataset=dataset, samples=samples)
        document["verification"] = found.to_dict()
    if out is not None:
        write_atomically(out, json.dumps(document, indent=2))
    if as_json:
        print_json(document)
    else:
        counted = comparison.spiking.batch_size
        say(f"{recipe.name}: mean of {counted} test samples, convention {convention!r}")
        say(comparison.table())
        if found is not None:
            say()
            say(found.table())
    return found is None or found.passed


def _on_chips(
    checkpoint: Path,
    chips: list[str],
    *,
    html: Path | None,
    out: Path | None,
    as_json: bool,
    options: dict[str, Any],
    **arguments: Any,
) -> bool:
    from neurospike.cli.energy_tables import print_tables, progress
    from neurospike.files import write_atomically
    from neurospike.train.chip_energy import energy_on_chips
    from neurospike.train.chip_energy_page import page_of
    from neurospike.train.chip_samples import Options
    from neurospike.train.scenes import run_scenes
    from neurospike.viz import chip_page

    with progress() as tick:
        found = energy_on_chips(
            checkpoint, chips, options=Options(**options), tick=tick, **arguments
        )
    document = {"checkpoint": str(checkpoint), **found.to_dict()}
    if out is not None:
        write_atomically(out, json.dumps(document, indent=2))
    if html is not None:
        scenes = run_scenes(checkpoint, root=arguments["root"], dataset=arguments["dataset"])
        chip_page({**page_of(found, checkpoint), "scenes": scenes}, html)
    if as_json:
        print_json(document)
    else:
        print_tables(found)
        if html is not None:
            say(f"page: {html}")
    return found.verification is None or found.verification.passed
