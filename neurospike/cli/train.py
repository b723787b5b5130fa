"""``neurospike train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from neurospike.cli.common import need, overrides, print_json, say
from neurospike.errors import ArgumentError


def train(
    task: Annotated[str, typer.Argument(help="A recipe's name, or the path of a .toml recipe.")],
    root: Annotated[
        Path | None, typer.Option(help="Folder of the data, where it needs one.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run [runs/TASK-SEED].")] = None,
    seed: Annotated[int, typer.Option(help="Seed of data, weights and order.")] = 0,
    epochs: Annotated[int | None, typer.Option(help="Instead of the recipe's number.")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="A conventional network instead: a name of `neurospike baselines`."),
    ] = None,
    projection: Annotated[
        str | None,
        typer.Option(help="With --model: how samples become images [by the kind of data]."),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="With --model: pixels a side, or points [64, or 1024].")
    ] = None,
    model_size: Annotated[
        Literal["cpu", "published"], typer.Option(help="With --model: how large it is.")
    ] = "cpu",
    parameters: Annotated[
        int | None, typer.Option(help="With --model: widths for about so many parameters.")
    ] = None,
    macs: Annotated[
        int | None, typer.Option(help="With --model: widths for about so many MACs a sample.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change the recipe: training.batch_size=8.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the run's resume.ckpt.")
    ] = False,
    accelerator: Annotated[
        str, typer.Option(help="auto, cpu or gpu; auto takes a GPU where torch finds one.")
    ] = "auto",
    devices: Annotated[
        int | None,
        typer.Option(
            help="GPUs, or processes on the CPU, that share each batch [1, or torchrun's]."
        ),
    ] = None,
    precision: Annotated[str, typer.Option(help="32, bf16-mixed or 16-mixed (on a GPU).")] = "32",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a network by a recipe; test its best validation epoch, and its last.

    Clouds: solids (no download), modelnet40, modelnet10, chairs-monitors. Sound: spoken-tones (no
    download), fsdd, shd, shd-recurrent, shd-adlif, ssc, gsc. Driving: streets-detect and
    streets-segment (no download), kitti, semantickitti.

    Example: neurospike train modelnet40 --root data/modelnet40_normal_resampled --out runs/first

    Example: neurospike train solids --model convnext

    Example: torchrun --nproc-per-node 4 $(which neurospike) train shd --precision bf16-mixed
    """
    need("train", "lightning", "tensorboard")
    from neurospike.train import fit, load_recipe, parse_recipe
    from neurospike.train.machine import is_first_process

    recipe = load_recipe(task)
    if model is not None:
        from neurospike.train.opponents import with_baseline

        recipe = with_baseline(
            recipe, model, projection=projection, image_size=image_size, size=model_size,
            parameters=parameters, macs=macs,
        )  # fmt: skip
    elif any(given is not None for given in (projection, image_size, parameters, macs)):
        raise ArgumentError(
            "--projection, --image-size, --parameters, --macs: are of conventional networks; "
            "add --model."
        )
    changes = [*(settings or []), *([] if epochs is None else [f"training.epochs={epochs}"])]
    if changes:
        recipe = parse_recipe(overrides(recipe.model_dump(mode="json"), changes), origin=task)
    folder = out or Path("runs") / f"{recipe.name}-{seed}"
    silent = not is_first_process()  # of several processes one speaks
    say(f"{recipe.description} (tested: {recipe.tested})", quiet=as_json or silent)
    say(f"run folder: {folder}", quiet=as_json or silent)
    result = fit(
        recipe, out=folder, root=root, seed=seed, resume=resume, accelerator=accelerator,
        devices=devices, precision=precision,
    )  # fmt: skip
    if silent:
        return
    if as_json:
        print_json(result)
        return
    say(
        f"{result.parameters:,} parameters, {result.epochs} epochs in {result.seconds:.0f} s: "
        f"{_measure(result.score)}best validation {100 * result.best_validation_accuracy:.1f} %, "
        f"test {100 * result.test_accuracy:.1f} % on {result.test_samples} samples "
        f"(last epoch: validation {100 * result.last_validation_accuracy:.1f} %, "
        f"test {100 * result.last_test_accuracy:.1f} %)"
    )
    for name, value in result.metrics.items():
        if name != result.score:
            say(f"  {name:<33}{100 * value:.2f} %")
    if result.late_share:
        say(f"{100 * result.late_share:.2f} % of the test events came after the last step")
    say(f"next: neurospike evaluate {result.checkpoint} ; neurospike energy {result.checkpoint}")


def _measure(score: str) -> str:
    return "" if score == "accuracy" else f"{score}, "
