"""What a comparison leaves to read: a table, a document, figures and a page."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neurospike import viz
from neurospike.train.comparing.contestants import SHARE, Contestant
from neurospike.train.comparing.costs import Cost
from neurospike.train.comparing.waterline import Waterline
from neurospike.viz._units import three_digits

_PJ_PER_UJ = 1e6


@dataclass(frozen=True)
class Row:
    """One contestant, with what it reached and what it takes."""

    contestant: Contestant
    cost: Cost
    waterline: Waterline
    chips: Mapping[str, Mapping[str, Any]]


def document(rows: Sequence[Row]) -> dict[str, Any]:
    """Everything, as JSON holds it."""
    return {
        "data": rows[0].contestant.recipe.data.model_dump(mode="json"),
        "score": rows[0].contestant.runs[0].result["score"],
        "networks": [_plain(row) for row in rows],
    }


def table(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """Rows to print, the best first, their column named as the score; energies in µJ."""
    return [
        {
            "network": row["name"],
            found["score"]: _share(row),
            "seeds": str(len(row["seeds"])),
            "parameters": f"{row['parameters']:,}",
            "MMAC": three_digits(row["work"]["exact"]["macs"] / 1e6),
            "M adds": three_digits(_adds(row) / 1e6),
            "arithmetic µJ": _micro(row["work"]["exact"]["energy_pj"]),
            "with memory µJ": _of_machine(row),
            "p50 ms": f"{row['p50_ms']:.2f}",
            "p99 ms": f"{row['p99_ms']:.2f}",
            "peak MB": "unknown" if row["memory_mb"] is None else f"{row['memory_mb']:.1f}",
            **{chip: _of_chip(one) for chip, one in row["chips"].items()},
        }
        for row in sorted(found["networks"], key=lambda row: -row["accuracy"])
    ]


def write_page(rows: Sequence[Row], found: Mapping[str, Any], out: Path) -> Path:
    """One HTML page: table, energies by convention, Pareto front, gaps, waterlines."""
    with tempfile.TemporaryDirectory() as folder:
        figures = draw(rows, found, Path(folder))
        sections: list[tuple[str, Any]] = [
            ("Networks", table(found)),
            ("Energy an inference by convention (µJ, 45 nm)", _energies(found)),
        ]
        notes = [note for row in found["networks"] for note in row["notes"]]
        undrawn = _undrawn(found)
        if undrawn:
            notes.append(f"Without an energy with memory, and so not in its figure: {undrawn}.")
        if notes:
            sections.append(("What is missing", "\n\n".join(notes)))
        sections.append(("How to read this", _reading(found["score"])))
        return viz.html_report(f"Networks on {found['data']['name']}", sections, figures, out)


def draw(rows: Sequence[Row], found: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """Captions and figures."""
    figures = {}
    points = _points(found)
    if points:
        undrawn = _undrawn(found)
        figures[_PARETO] = viz.pareto_plot(
            points,
            folder / "pareto.png",
            title=f"{_title(found['score'])} against energy on {found['data']['name']}",
            note=f"without an energy with memory, not drawn: {undrawn}" if undrawn else "",
            score=found["score"],
            named="all",
        )
    figures[_GAPS] = viz.efficiency_gaps(
        [
            {
                "name": row.contestant.name,
                "operations": row.waterline.operations,
                "payable": row.waterline.seconds * row.waterline.machine.macs_per_s,
                "accuracy": row.contestant.accuracy,
            }
            for row in rows
        ],
        folder / "gaps.png",
    )
    for place, row in enumerate(rows):
        line = row.waterline
        caption = (
            f"{row.contestant.name}: layers in the order of execution, as wide as their share of "
            f"the time; in all {100 * line.efficiency:.2g} % of the machine's best."
        )
        figures[caption] = viz.waterline_plot(
            _layers(line), folder / f"waterline_{place}.png",
            waterline=line.machine.waterline, title=row.contestant.name,
        )  # fmt: skip
    return figures


def _plain(row: Row) -> dict[str, Any]:
    one, cost = row.contestant, row.cost
    return {
        "name": one.name,
        "runs": [str(run.folder) for run in one.runs],
        "seeds": [run.seed for run in one.runs],
        "accuracies": [run.result["test_accuracy"] for run in one.runs],
        "accuracy": one.accuracy,
        "low": one.low,
        "high": one.high,
        "parameters": one.parameters,
        "work": {name: asdict(work) for name, work in cost.work.items()},
        "machine": None if cost.machine is None else asdict(cost.machine),
        "p50_ms": cost.p50_ms,
        "p99_ms": cost.p99_ms,
        "memory_mb": cost.memory_mb,
        "efficiency": row.waterline.efficiency,
        "gap": row.waterline.gap,
        "layers": _layers(row.waterline),
        "chips": {name: dict(chip) for name, chip in row.chips.items()},
        "notes": [*one.notes, *cost.notes],
    }


def _layers(line: Waterline) -> list[dict[str, Any]]:
    return [
        {
            **asdict(layer),
            "intensity": layer.intensity,
            "efficiency": layer.efficiency(line.machine),
            "attainable": layer.attainable(line.machine),
        }
        for layer in line.layers
    ]


def _adds(row: Mapping[str, Any]) -> float:
    """Accumulations without a product: what spikes cause, and plain additions."""
    return float(row["work"]["exact"]["acs"] + row["work"]["exact"]["synops"])


def _share(row: Mapping[str, Any]) -> str:
    share = f"{100 * row['accuracy']:.1f} %"
    if row["low"] is None:
        return share
    return f"{share} ({100 * row['low']:.1f} to {100 * row['high']:.1f})"


def _energy(row: Mapping[str, Any]) -> float | None:
    """Arithmetic and memory; another convention's energy would not stand beside the others'."""
    machine = row["machine"]
    return None if machine is None else float(machine["arithmetic_pj"] + machine["memory_pj"])


def _points(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Networks with an energy, and which of them no other beats."""
    priced = [(row, _energy(row)) for row in found["networks"]]
    known = [(row, energy) for row, energy in priced if energy is not None]
    pairs = [(energy, float(row["accuracy"])) for row, energy in known]
    return [_point(row, energy, pairs) for row, energy in known]


def _point(
    row: Mapping[str, Any], energy: float, all_pairs: Sequence[tuple[float, float]]
) -> dict[str, Any]:
    accuracy = row["accuracy"]
    beaten = any(
        other <= energy and share >= accuracy and (other < energy or share > accuracy)
        for other, share in all_pairs
    )
    return {
        "group": "float32, arithmetic and memory",
        "name": row["name"],
        "energy_pj": energy,
        "accuracy": accuracy,
        "accuracy_low": row["low"],
        "accuracy_high": row["high"],
        "front": not beaten,
        "best": not beaten,
    }


def _undrawn(found: Mapping[str, Any]) -> str:
    return ", ".join(row["name"] for row in found["networks"] if _energy(row) is None)


def _energies(found: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {
            "network": row["name"],
            **{name: _micro(work["energy_pj"]) for name, work in row["work"].items()},
            "one machine, with memory": _of_machine(row),
            "efficiency": f"{100 * row['efficiency']:.2g} %",
            "gap": f"{three_digits(row['gap'])}x",
        }
        for row in found["networks"]
    ]


def _of_machine(row: Mapping[str, Any]) -> str:
    energy = _energy(row)
    return "unknown" if energy is None else _micro(energy)


def _of_chip(one: Mapping[str, Any]) -> str:
    if "energy_pj" not in one:
        return str(one["refused"])
    return f"{_micro(one['energy_pj'])} µJ"


def _micro(energy_pj: float) -> str:
    """An energy in µJ."""
    return three_digits(energy_pj / _PJ_PER_UJ)


def _title(score: str) -> str:
    return score[:1].upper() + score[1:]


def _reading(score: str) -> str:
    interval = (
        "Student's t over two seeds or more, Wilson's over the test samples of one"
        if score == SHARE
        else "Student's t over two seeds or more. One seed has none: the score is no share of "
        "samples that are right, so that no law tells its spread"
    )
    return f"{_title(score)} is the mean over seeds with its 95 % interval: {interval}.\n\n{_WORK}"


_PARETO = (
    "Energy of arithmetic, and of what products, events and neurons read and write, in float32 on "
    "one machine; networks that no other beats are filled and joined, and names are where there is "
    "room. Bars along y: 95 % intervals, of networks that have one."
)
_GAPS = (
    "Efficiency gaps: how far apart a network's operations and its time are on this machine. The "
    "number beside a line is latency times the machine's best, over the operations."
)
_WORK = (
    "MMAC are multiply-accumulations, M adds what spikes accumulate and other additions, as they "
    "happened on the test samples. Arithmetic is priced at 45 nm (Horowitz 2014); with memory adds "
    "what products, events and neurons read and write: weights, activations, membranes, events.\n\n"
    "Latency is of one sample on the machine that made this page, voxels and images made before, "
    "kernel maps of voxels not, networks in turns; a spiking network is not run on a chip here. "
    "Peak is what such an inference needs beside the loaded network."
)
