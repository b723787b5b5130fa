"""The demonstration: train on generated solids and tones, look at spikes, cost them on a chip."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neurospike import hw, viz
from neurospike import nn as spiking
from neurospike.files import check_writable_folder, write_atomically
from neurospike.train.demo_chip import ChipDemo, run_on_chip
from neurospike.train.demo_sound import SoundDemo, run_sound
from neurospike.train.evaluation import evaluate, first_batch, open_run
from neurospike.train.recipe import Recipe, load_recipe
from neurospike.train.run import FitResult, fit
from neurospike.train.tasks import build_task

Say = Callable[[str], None]
Figures = list[tuple[str, Path]]


@dataclass(frozen=True)
class DemoResult:
    """What the demonstration reached; energies in picojoules per inference."""

    seconds: float
    parameters: int
    test_accuracy: float
    unary_accuracy: float
    spike_density: float
    synops: float
    energy_pj: float
    twin_macs: float
    twin_energy_pj: float
    sound_accuracy: float
    sound_parameters: int
    sound_synops: float
    sound_energy_pj: float
    sound_twin_macs: float
    sound_twin_energy_pj: float
    chip: ChipDemo
    sound_chip: ChipDemo
    report: str


def run_demo(
    out: str | Path = "report",
    *,
    say: Say,
    recipe: Recipe | None = None,
    sound_recipe: Recipe | None = None,
    progress: bool = True,
) -> DemoResult:
    """Train, evaluate, count, emulate and draw; everything lands in ``out``.

    Parameters
    ----------
    say
        Takes each line of text.
    recipe, sound_recipe
        "demo" and "spoken-tones" unless given.

    Cost
    ----
    Three minutes on two cores.
    """
    began = time.perf_counter()
    folder = check_writable_folder(out)
    recipe = recipe or load_recipe("demo")
    say(f"1/6  {recipe.description}")
    trained = fit(recipe, out=folder / "run", progress=progress)
    say(
        f"2/6  E-3DSNN-T, {trained.parameters:,} parameters, {trained.epochs} epochs in "
        f"{trained.seconds:.0f} s; testing with integer and with binary spikes"
    )
    tested = evaluate(trained.checkpoint)
    say("3/6  counting operations, layer by layer, beside the ANN twin")
    model, recipe, source = open_run(trained.checkpoint)
    voxels = first_batch(build_task(recipe), source, 16)
    comparison = hw.compare(model, voxels)
    say("4/6  words of tones: learning delays")
    sound = run_sound(folder / "sound", recipe=sound_recipe, progress=progress)
    say("5/6  on Loihi 1, event by event")
    chip = run_on_chip(trained.checkpoint, folder / "chip.html")
    sound_chip = run_on_chip(sound.trained.checkpoint, folder / "chip_sound.html")
    say("6/6  drawing")
    figures = draw(folder, model, voxels, source.classes, comparison) + sound.figures
    result = DemoResult(
        seconds=time.perf_counter() - began,
        parameters=trained.parameters,
        test_accuracy=tested.accuracy,
        unary_accuracy=tested.unary_accuracy or 0.0,
        spike_density=comparison.spike_density,
        synops=comparison.spiking.synops,
        energy_pj=comparison.spiking.energy_pj,
        twin_macs=comparison.twin.macs,
        twin_energy_pj=comparison.twin.energy_pj,
        sound_accuracy=sound.trained.test_accuracy,
        sound_parameters=sound.trained.parameters,
        sound_synops=sound.counted.spiking.synops,
        sound_energy_pj=sound.counted.spiking.energy_pj,
        sound_twin_macs=sound.counted.twin.macs,
        sound_twin_energy_pj=sound.counted.twin.energy_pj,
        chip=chip,
        sound_chip=sound_chip,
        report=str(folder / "index.html"),
    )
    write_page(folder, result, trained, comparison.table(), sound, figures)
    write_atomically(folder / "result.json", json.dumps(asdict(result), indent=2))
    write_atomically(folder / "energy.json", comparison.to_json())
    return result


def draw(
    folder: Path, model: nn.Module, voxels: Any, classes: Any, comparison: hw.Comparison
) -> Figures:
    """The figures of the report, each with its caption."""
    history = json.loads((folder / "run" / "history.json").read_text("utf-8"))
    loss = viz.loss_curves(history, folder / "loss.png", title="Learning the solids")
    raster, coded = record(model, voxels)
    spikes = viz.spike_raster(
        raster,
        folder / "raster.png",
        virtual_steps=max_spikes(model),
        title="Last spiking layer, one cloud after another",
    )
    first = voxels.coords[:, 0] == 0
    view = viz.voxel_view(
        voxels.coords[first, 1:].numpy(),
        coded[first].sum(-1).numpy(),
        folder / "voxels.png",
        label="spikes of all channels",
        title="Spikes of the coding, by voxel",
    )
    energy = viz.energy_bars(by_stage(comparison), folder / "energy.png")
    return [
        ("Loss and accuracy, training and validation, by epoch.", loss),
        (
            "Binary events of the last spiking layer while sixteen test clouds pass one after "
            "another; a row is a channel at each cloud's busiest voxel.",
            spikes,
        ),
        ("One test cloud: where Spike Voxel Coding fires, and how often.", view),
        ("Energy per inference by part of the network, beside the ANN twin.", energy),
    ]


@torch.no_grad()
def record(model: nn.Module, voxels: Any) -> tuple[NDArray[np.float32], torch.Tensor]:
    """Events (clouds x D, channels) of the last neuron, and the stem's integer spikes (N, C)."""
    neurons = [m for m in model.modules() if isinstance(m, spiking.ILIF)]
    seen: dict[str, Any] = {}
    hooks = [
        neurons[-1].register_forward_hook(lambda _m, _x, out: seen.__setitem__("last", out)),
        model.stem.register_forward_hook(lambda _m, _x, out: seen.__setitem__("stem", out)),  # type: ignore[union-attr]
    ]
    try:
        model.eval()(voxels)
    finally:
        for hook in hooks:
            hook.remove()
    last = seen["last"]
    rows = []
    for sample in range(last.batch_size):
        here = last.features[last.coords[:, 0] == sample]
        if len(here):
            busiest = here[here.sum(1).argmax()]
            rows.append(spiking.unary.expand(busiest[None], neurons[-1].max_spikes))
    return torch.cat(rows).numpy(), seen["stem"].features


def max_spikes(model: nn.Module) -> int:
    """D of the network's neurons."""
    return next(m.max_spikes for m in model.modules() if isinstance(m, spiking.ILIF))


def by_stage(comparison: hw.Comparison) -> list[dict[str, Any]]:
    """Energies of both networks, summed over the parts of the network."""
    stages: dict[str, dict[str, Any]] = {}
    for counts, column in ((comparison.spiking, "spiking_pj"), (comparison.twin, "ann_twin_pj")):
        for layer in counts.layers:
            parts = layer.name.split(".")
            name = " ".join(parts[:2]) if parts[0] == "stages" else parts[0]
            row = stages.setdefault(name, {"name": name, "spiking_pj": 0.0, "ann_twin_pj": 0.0})
            row[column] += layer.energy_pj
    return [row for row in stages.values() if row["spiking_pj"] or row["ann_twin_pj"]]


def write_page(
    folder: Path,
    result: DemoResult,
    trained: FitResult,
    table: str,
    sound: SoundDemo,
    figures: Figures,
) -> None:
    """One self-contained page."""
    facts = {
        "parameters": f"{result.parameters:,}",
        "training": f"{trained.epochs} epochs, {trained.seconds:.0f} s",
        "best validation accuracy": f"{100 * trained.best_validation_accuracy:.1f} %",
        "test accuracy, integer spikes": f"{100 * result.test_accuracy:.1f} %",
        "test accuracy, binary spikes": f"{100 * result.unary_accuracy:.1f} %",
        "spike density": f"{100 * result.spike_density:.1f} %",
        "synaptic operations": f"{result.synops / 1e6:.2f} M per inference",
        "energy, spiking": f"{result.energy_pj / 1e6:.2f} uJ per inference",
        "MACs, ANN twin": f"{result.twin_macs / 1e6:.2f} M per inference",
        "energy, ANN twin": f"{result.twin_energy_pj / 1e6:.2f} uJ per inference",
    } | result.chip.facts
    viz.html_report(
        "neurospike: solids, and words of tones",
        [
            ("Solids", facts),
            ("Operations", table),
            ("Words of tones", sound.facts | result.sound_chip.facts),
        ],
        figures,
        folder / "index.html",
    )
