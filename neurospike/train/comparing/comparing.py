"""Compare finished runs: who is right how often, and for what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from neurospike import hw
from neurospike.errors import ArgumentError, ChipLimitError, UnloweredLayerError
from neurospike.train.chip_energy import energy_on_chips
from neurospike.train.comparing.contestants import Contestant, read_contestants
from neurospike.train.comparing.costs import costs, is_spiking, open_contestant
from neurospike.train.comparing.pages import Row, document, write_page
from neurospike.train.comparing.waterline import measure_machine, measure_waterline


def compare(
    folders: Sequence[str | Path],
    *,
    root: str | Path | None = None,
    samples: int = 16,
    repeats: int = 50,
    chips: Sequence[str] = (),
    html: Path | None = None,
    tick: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Put runs side by side; those of one recipe and several seeds are one network.

    Parameters
    ----------
    folders
        Of finished runs, all tested on one split.
    root
        Folder of the data, where it is not where it was.
    samples, repeats
        Test samples that are counted and priced, and timed inferences of each network.
    chips
        Emulate spiking networks on these too.
    html
        A page with everything.
    tick
        Called with what is being done.

    Raises
    ------
    ArgumentError, DataError
        Fewer than two runs, or a chip that is not known; or as ``read_contestants``.
    UncountedLayerError
        A layer without a rule; it is named.
    """
    tick = tick or (lambda _doing: None)
    if len(folders) < 2:
        raise ArgumentError(f"compare: needs two runs or more; got {len(folders)}.")
    for chip in chips:
        hw.load_chip(chip)  # a misspelt name is refused before any work
    contestants = read_contestants(folders)
    tick("reading test samples")
    opened = [open_contestant(one, root=root, samples=samples) for one in contestants]
    tick("counting, timing")
    spent = costs(opened, repeats=repeats)
    machine = measure_machine()
    rows = []
    for one, cost in zip(opened, spent, strict=True):
        tick(f"layers of {one.contestant.name}")
        found = on_chips(one.contestant, chips, root=root, samples=samples, model=one.model)
        rows.append(Row(one.contestant, cost, measure_waterline(one, machine), found))
    result = document(rows)
    if html is not None:
        write_page(rows, result, html)
    return result


def on_chips(
    contestant: Contestant,
    chips: Sequence[str],
    *,
    root: str | Path | None,
    samples: int,
    model: Any,
) -> dict[str, dict[str, Any]]:
    """Nominal energy on each chip, or why there is none."""
    if not chips:
        return {}
    if not is_spiking(model):
        return {chip: {"refused": "no spikes"} for chip in chips}
    found: dict[str, dict[str, Any]] = {}
    for chip in chips:
        checkpoint = contestant.runs[0].checkpoint
        try:
            energy = energy_on_chips(checkpoint, [chip], root=root, samples=samples)
        except (ChipLimitError, UnloweredLayerError) as error:
            found[chip] = {"refused": str(error)}
            continue
        report = energy.chips[0].report
        if report is not None:
            found[chip] = {"energy_pj": report.energy_pj.nominal}
    return found
