"""The page of a checkpoint on chips, as plain content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurospike.hw.counts import energy
from neurospike.hw.report_page import page_content
from neurospike.train.chip_energy import ChipEnergy


def page_of(found: ChipEnergy, checkpoint: str | Path) -> dict[str, Any]:
    """Content of the page, for ``viz.chip_page``."""
    facts = {
        "checkpoint": str(checkpoint),
        "test samples": found.samples,
        "convention": found.convention,
        "numbers": "integers of the chip's widths" if found.options.quantise else "real numbers",
        "submanifold targets": "occupied" if found.options.gate == "voxel" else "spiking",
        "index of voxels": found.options.generator,
    }
    notes = [
        f"{name}: the mean energy is known to +-{energy(half)} (95 % confidence, over "
        f"{found.samples} samples)"
        for name, half in found.ci95_pj.items()
        if found.samples > 1
    ]
    accuracy = [
        {
            **row,
            "accuracy": f"{100 * row['accuracy']:.1f} %",
            "low": f"{100 * row['low']:.1f} %",
            "high": f"{100 * row['high']:.1f} %",
        }
        for row in found.accuracy
    ]
    contest = found.contest
    return page_content(
        found.chips,
        title=f"{found.recipe} on chips",
        facts=facts,
        notes=notes,
        accuracy=accuracy,
        opponents=[] if contest is None else contest.rows(),
        opponent_notes=[] if contest is None else contest.notes(),
    )
