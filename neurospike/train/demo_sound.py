"""The demonstration's second half: words of tones, told apart by delays that a network learns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurospike import hw
from neurospike.train.evaluation import first_batch, open_run
from neurospike.train.recipe import Recipe, load_recipe
from neurospike.train.run import FitResult, fit
from neurospike.train.tasks import build_task

SAMPLES = 16


@dataclass(frozen=True)
class SoundDemo:
    """What the half on sound reached, beside its figures with their captions."""

    trained: FitResult
    counted: hw.Comparison
    figures: list[tuple[str, Path]]

    @property
    def facts(self) -> dict[str, str]:
        """For the report."""
        spiking, twin = self.counted.spiking, self.counted.twin
        return {
            "parameters": f"{self.trained.parameters:,}",
            "training": f"{self.trained.epochs} epochs, {self.trained.seconds:.0f} s",
            "test accuracy, delays rounded": f"{100 * self.trained.test_accuracy:.1f} %",
            "spike density": f"{100 * self.counted.spike_density:.1f} %",
            "synaptic operations": f"{spiking.synops / 1e6:.2f} M per inference",
            "energy, spiking": f"{spiking.energy_pj / 1e6:.2f} uJ per inference",
            "energy, ANN twin": f"{twin.energy_pj / 1e6:.2f} uJ per inference",
        }


def run_sound(folder: Path, *, recipe: Recipe | None = None, progress: bool = True) -> SoundDemo:
    """Train on generated words, count, and collect the figures that the run has drawn.

    Parameters
    ----------
    folder
        Of the run.
    recipe
        "spoken-tones" unless given.

    Cost
    ----
    A minute on two cores.
    """
    trained = fit(recipe or load_recipe("spoken-tones"), out=folder, progress=progress)
    model, recipe, source = open_run(trained.checkpoint)
    task = build_task(recipe)
    inputs: Any = first_batch(task, source, SAMPLES)
    counted = hw.compare(model, inputs, **task.counting)
    figures = [
        (
            "Words of tones: one test word, as it comes in and as the hidden layer hears it. Only "
            "the gaps between tones tell the words apart.",
            folder / "raster.png",
        ),
        ("Delays of the synapses before and after training.", folder / "delays.png"),
    ]
    return SoundDemo(trained, counted, figures)
