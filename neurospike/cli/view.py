"""``neurospike view``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from numpy.typing import NDArray

from neurospike.cli.common import need, numbers, print_json, say
from neurospike.cli.scans import PICTURES, read_calibration, read_scene_boxes
from neurospike.cli.view_projection import view_projection
from neurospike.errors import ArgumentError, DataError


def view(
    file: Annotated[
        Path,
        typer.Argument(
            help="A scan (.bin), spikes on voxels of one (.svc); of a projection, also a mesh "
            "(.off) or sound."
        ),
    ],
    boxes: Annotated[
        Path | None,
        typer.Option(help="Boxes found: .json of detect, or KITTI's result .txt with --calib."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="What is there: SemanticKITTI's .label, or label_2's .txt with --calib."),
    ] = None,
    calib: Annotated[Path | None, typer.Option(help="The camera's KITTI calib .txt.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Draw into this .png, .svg, .pdf or .html [a window, if there can be]."),
    ] = None,
    seen_from: Annotated[
        Literal["both", "bird", "perspective"], typer.Option("--from", help="Of a picture.")
    ] = "both",
    region: Annotated[
        str | None,
        typer.Option(help="Of a picture from above, metres: x0,y0,x1,y1 [what is there]."),
    ] = None,
    columns: Annotated[int, typer.Option(help="Columns of the scan, x, y, z first.")] = 4,
    projection: Annotated[
        str | None,
        typer.Option(help="Draw what a conventional network sees: range, depth, voxels, ..."),
    ] = None,
    size: Annotated[
        str | None, typer.Option(help="Of a projection: rows and columns, such as 64x1024.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Of a projection: an option in TOML, such as dot=3."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Show a scan with boxes or labels: in a window, or without a display in a picture.

    Example: neurospike view 000001.bin --boxes boxes.json

    Example: neurospike view 000001.bin --labels label_2/000001.txt --calib calib/000001.txt
    --out 000001.png

    Example: neurospike view 000001.bin --projection range
    """
    from neurospike.files import check_writable

    if projection is not None:
        _check_alone({"--boxes": boxes, "--labels": labels, "--calib": calib, "--region": region})
        check_writable(out)
        view_projection(
            file,
            projection,
            size=size,
            settings=settings or [],
            out=out,
            columns=columns,
            as_json=as_json,
        )
        return
    if size is not None or settings:
        raise ArgumentError("--size, --set: are of a projection; name it with --projection.")
    covered = None if region is None else numbers("--region", region, (4,))
    if out is not None and out.suffix not in (*PICTURES, ".html"):
        raise ArgumentError(f"--out: must end in {', '.join(PICTURES)} or .html; got {out}.")
    check_writable(out)
    logging.getLogger("neurospike").setLevel(logging.ERROR)  # the summary says what was rejected
    shown, row = _scene(file, boxes, labels, calib, columns=columns)
    from neurospike import viz

    place = out
    if out is None and viz.has_display():
        need("pointcloud", "open3d")
        viz.scene_window(shown)
    elif out is not None and out.suffix == ".html":
        need("train", "plotly")
        viz.scene_page(shown.title, [shown], out)
    else:
        need("train", "matplotlib")
        place = Path(f"{file.stem}.png") if out is None else out
        viz.scene_picture(shown, place, view=seen_from, region=covered)
    row["out"] = None if place is None else str(place)
    if as_json:
        print_json(row)
        return
    say(_line(row))
    if place is not None:
        say(f"{'drawn' if out is not None else 'no display: drawn'} into {place}")


def _check_alone(others: dict[str, Any]) -> None:
    for option, given in others.items():
        if given is not None:
            raise ArgumentError(f"{option}: is not drawn with --projection; leave it out.")


def _scene(
    file: Path, boxes: Path | None, labels: Path | None, calib: Path | None, *, columns: int
) -> tuple[Any, dict[str, Any]]:
    """What to show, and a summary of it."""
    from neurospike import viz

    points, title = (
        _voxels(file) if file.suffix == ".svc" else (_points(file, columns=columns), file.name)
    )
    what = "voxels" if file.suffix == ".svc" else "points"
    row: dict[str, Any] = {"file": str(file), what: len(points)}
    calibration = read_calibration(calib)
    options: dict[str, Any] = {}
    if boxes is not None:
        options["detected"] = read_scene_boxes(boxes, calibration)
        row["boxes"] = len(options["detected"])
    if labels is not None and labels.suffix == ".label":
        options |= _point_labels(labels, file, len(points))
        row["labelled_points"] = int((options["point_labels"] >= 0).sum())
    elif labels is not None:
        options["labelled"] = read_scene_boxes(labels, calibration)
        row["labels"] = len(options["labelled"])
    shown = viz.scan_scene(points, title=title, **options)
    row["rejected"] = len(points) - len(shown.points)
    if not len(shown.points):
        raise DataError(f"{file}: none of the {len(points)} points is finite; record it again.")
    return shown, row


def _points(file: Path, *, columns: int) -> NDArray[Any]:
    from neurospike.datasets import read_velodyne

    return read_velodyne(file, columns=columns)[:, :4]


def _voxels(file: Path) -> tuple[NDArray[Any], str]:
    """Middles of a ``.svc`` file's voxels, as bright as they have events."""
    from neurospike.encoders import load_svc

    held = load_svc(file)
    first = held.voxels.coords[:, 0] == 0
    features = held.voxels.features.reshape(held.steps, len(first), -1).sum((0, 2))[first].numpy()
    edges = np.array(held.voxel_size_m) * np.array(held.voxels.stride)
    middles = (held.voxels.coords[first, 1:].numpy() + 0.5) * edges + held.origin_m[0].numpy()
    shine = features / max(float(features.max(initial=0)), 1.0)
    events = int(features.sum())
    title = f"{file.name}: {int(first.sum()):,} voxels, {events:,} events, {held.coding} coding"
    return np.concatenate([middles, shine[:, None]], axis=1), title


def _point_labels(labels: Path, file: Path, points: int) -> dict[str, Any]:
    from neurospike.datasets.semantic_kitti_labels import CLASSES, read_labels

    if file.suffix == ".svc":
        raise ArgumentError(f"--labels: {labels} labels points, {file} holds voxels; give a .bin.")
    found, _ = read_labels(labels)
    if len(found) != points:
        raise DataError(
            f"{labels}: holds {len(found)} labels, the scan {file} has {points} points; give the "
            "labels of this scan."
        )
    return {"point_labels": found, "classes": CLASSES}


def _line(row: dict[str, Any]) -> str:
    parts = [f"{row[what]} {what}" for what in ("points", "voxels") if what in row]
    for key, text in (
        ("rejected", "not finite"),
        ("boxes", "boxes"),
        ("labels", "labels"),
        ("labelled_points", "labelled points"),
    ):
        if row.get(key) or (key in ("boxes", "labels") and key in row):
            parts.append(f"{row[key]} {text}")
    return f"{row['file']}: {', '.join(parts)}"
