"""``neurospike demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurospike.cli.common import need, print_json, say

if TYPE_CHECKING:
    from neurospike.train.demo_chip import ChipDemo


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("report"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """See it all in three minutes: train on generated solids and tones, look at spikes, cost them.

    Example: neurospike demo --out report
    """
    need("train", "lightning", "tensorboard", "matplotlib", "plotly")
    need("pointcloud", "open3d")
    from neurospike.train import run_demo

    result = run_demo(out, say=lambda line: say(line, quiet=as_json))
    if as_json:
        print_json(result)
        return
    rows = [
        ("", "E-3DSNN-T, spiking", "ANN twin"),
        ("test accuracy, integer spikes", f"{100 * result.test_accuracy:.1f} %", ""),
        ("test accuracy, binary spikes", f"{100 * result.unary_accuracy:.1f} %", ""),
        ("spike density", f"{100 * result.spike_density:.1f} %", ""),
        (
            "operations",
            f"{result.synops / 1e6:.2f} M synops",
            f"{result.twin_macs / 1e6:.2f} M MACs",
        ),
        (
            "energy per inference (45 nm, compute)",
            f"{result.energy_pj / 1e6:.2f} uJ",
            f"{result.twin_energy_pj / 1e6:.2f} uJ",
        ),
        *_chip_rows(result.chip),
    ]
    rows += [
        ("", "", ""),
        ("", "delay net on tones", "ANN twin"),
        ("test accuracy, delays rounded", f"{100 * result.sound_accuracy:.1f} %", ""),
        (
            "operations",
            f"{result.sound_synops / 1e6:.2f} M synops",
            f"{result.sound_twin_macs / 1e6:.2f} M MACs",
        ),
        (
            "energy per inference (45 nm, compute)",
            f"{result.sound_energy_pj / 1e6:.2f} uJ",
            f"{result.sound_twin_energy_pj / 1e6:.2f} uJ",
        ),
        *_chip_rows(result.sound_chip),
    ]
    for name, spiking, twin in rows:
        say(f"  {name:<38}{spiking:>20}{twin:>16}")
    say(f"done in {result.seconds:.0f} s; open {result.report}")


def _chip_rows(chip: ChipDemo) -> list[tuple[str, str, str]]:
    return [
        ("energy on Loihi 1 (prices of SANA-FE)", f"{chip.energy_pj / 1e6:.2f} uJ", ""),
        ("with the idle chip", f"{chip.total_pj / 1e6:.0f} uJ", ""),
        ("latency on Loihi 1", f"{1e3 * chip.latency_s:.2f} ms", ""),
    ]
