"""``neurospike detect``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from neurospike.cli.common import need, print_json, say
from neurospike.cli.label_points import is_segmenter, label_scans
from neurospike.cli.scans import (
    PICTURES,
    Found,
    OpenDetector,
    find_scans,
    open_detector,
    plain,
    read_calibration,
    read_finite,
)
from neurospike.errors import ArgumentError

if TYPE_CHECKING:
    from neurospike.datasets.calibration import Calibration


def detect(
    scans: Annotated[
        list[Path],
        typer.Argument(
            help="Scans: float32 rows x, y, z, intensity (.bin); or folders of them.",
            metavar="SCAN...",
        ),
    ],
    checkpoint: Annotated[
        Path, typer.Option("--ckpt", help="A detector or segmenter, .safetensors.")
    ],
    out: Annotated[
        Path, typer.Option(help="The .json to write, or .label; of many scans, a folder.")
    ],
    calib: Annotated[
        Path | None,
        typer.Option(help="The camera's KITTI calib .txt: crops scans to its view [no crop]."),
    ] = None,
    kitti_out: Annotated[
        Path | None,
        typer.Option(help="With --calib: also KITTI's result .txt; of many scans, a folder."),
    ] = None,
    score: Annotated[float, typer.Option(help="Least score of a box, 0 to 1.")] = 0.3,
    picture: Annotated[
        Path | None,
        typer.Option("--figure", help="One scan. Also draw it into this .png, .svg, .pdf."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="One scan. Also a page to turn it around on.")
    ] = None,
    columns: Annotated[int, typer.Option(help="Columns of the scans, 4 or more.")] = 4,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Find objects in LiDAR scans, one scan after the other; report the latency.

    A detector that was trained on what a camera sees wants scans cropped to that: give --calib.
    With a segmenter's checkpoint points are labelled: --out is then a SemanticKITTI .label file.

    Example: neurospike detect 000001.bin --ckpt runs/kitti-0/best.safetensors --out boxes.json

    Example: neurospike detect velodyne/ --ckpt best.safetensors --out boxes/
    """
    paths = find_scans(scans)
    many = len(paths) > 1 or scans[0].is_dir()
    _check_both({"--figure": picture, "--html": html}, many=many, columns=columns)
    # The summary says how many points were rejected; the log would say it once more.
    logging.getLogger("neurospike").setLevel(logging.ERROR)
    _check_places(out, kitti_out, picture, html, many=many)
    if is_segmenter(checkpoint):
        for option, given in {"--calib": calib, "--kitti-out": kitti_out}.items():
            if given is not None:
                raise ArgumentError(f"{option}: is for boxes; a segmenter labels all around.")
        label_scans(
            paths,
            checkpoint,
            out,
            many=many,
            picture=picture,
            html=html,
            columns=columns,
            as_json=as_json,
        )
        return
    _check_boxes(many=many, out=out, calib=calib, kitti_out=kitti_out, score=score)
    calibration = read_calibration(calib)
    opened = open_detector(checkpoint, score=score, remember=max(len(paths), 1))
    rows: list[dict[str, Any]] = []
    for path in paths:
        row, found = _run(path, opened, calibration, columns=columns)
        place = out / f"{path.stem}.json" if many else out
        _write(place, row, found, opened, checkpoint)
        if kitti_out is not None and calibration is not None:
            _write_kitti(kitti_out / f"{path.stem}.txt" if many else kitti_out, found, calibration)
        if not many:
            _draw(path, found, picture=picture, html=html, columns=columns)
        rows.append(row)
    latency = opened.session.latency()
    if as_json:
        print_json({"scans": rows, "latency": vars(latency)})
        return
    for row in rows:
        say(_line(row))
    if many:
        say(f"latency, the first scan and its compiling included: {latency}")
    if opened.crops and calibration is None:
        say("trained on what a camera sees, run on whole scans: give --calib to crop them alike")
    say(f"boxes: {out}")


def _check_both(drawn: dict[str, Path | None], *, many: bool, columns: int) -> None:
    """What detectors and segmenters ask for alike."""
    if columns < 4:
        raise ArgumentError(f"--columns: a network needs the intensity, 4 or more; got {columns}.")
    for option, path in drawn.items():
        if path is not None and many:
            raise ArgumentError(f"{option}: draws one scan; give one, or use `neurospike view`.")
    drawing = drawn["--figure"]
    if drawing is not None and drawing.suffix.lower() not in PICTURES:
        raise ArgumentError(f"--figure: must end in {', '.join(PICTURES)}; got {drawing}.")
    if drawn["--figure"] is not None:
        need("train", "matplotlib")
    if drawn["--html"] is not None:
        need("train", "plotly")


def _check_boxes(
    *,
    many: bool,
    out: Path,
    calib: Path | None,
    kitti_out: Path | None,
    score: float,
) -> None:
    if not 0 <= score <= 1:
        raise ArgumentError(f"--score: must lie in 0..1; got {score}.")
    if kitti_out is not None and calib is None:
        raise ArgumentError("--kitti-out: boxes of KITTI's layout are the camera's; give --calib.")
    for option, path in {"--out": out, "--kitti-out": kitti_out}.items():
        suffix = ".txt" if option == "--kitti-out" else ".json"
        if path is None:
            continue
        if many and path.suffix == suffix:
            raise ArgumentError(f"{option}: of many scans must be a folder; got {path}.")
        if not many and path.suffix != suffix:
            raise ArgumentError(f"{option}: must end in {suffix}; got {path}.")


def _check_places(*places: Path | None, many: bool) -> None:
    """Refuse before the first file, not between two; of many scans the places are folders."""
    from neurospike.files import check_writable

    check_writable(*(place / "scan" if many and place else place for place in places))


def _run(
    path: Path, opened: OpenDetector, calibration: Calibration | None, *, columns: int
) -> tuple[dict[str, Any], Found]:
    """A row of the summary, and what was found."""
    scan, rows = read_finite(path, columns=columns)
    kept = scan[rows]
    seen = kept if calibration is None else kept[calibration.in_image(kept)]
    result = opened.session(seen)
    found = plain(result.output, opened.classes)
    row = {
        "scan": str(path),
        "points": len(scan),
        "rejected": len(scan) - len(kept),
        "outside_image": len(kept) - len(seen),
        "voxels": result.voxels,
        "found": {name: found.names.count(name) for name in opened.classes},
        "latency_ms": result.latency.total_ms,
    }
    return row, found


def _write(
    place: Path, row: dict[str, Any], found: Found, opened: OpenDetector, checkpoint: Path
) -> None:
    from neurospike.runtime import write_boxes

    facts = {key: row[key] for key in ("points", "rejected", "outside_image", "voxels")}
    write_boxes(
        place,
        found.boxes,
        found.names,
        found.scores,
        classes=opened.classes,
        scan=Path(row["scan"]).name,
        meta={"checkpoint": str(checkpoint), **facts},
    )


def _write_kitti(place: Path, found: Found, calibration: Calibration) -> None:
    """The benchmark scores what its image shows: boxes outside it are left out."""
    from neurospike.datasets.kitti_labels import write_objects

    objects = calibration.objects_of(found.boxes, found.names, found.scores)
    shown = np.asarray((objects.bbox[:, 2:] > objects.bbox[:, :2]).all(axis=1))
    write_objects(place, objects.chosen(shown))


def _draw(
    path: Path, found: Found, *, picture: Path | None, html: Path | None, columns: int
) -> None:
    if picture is None and html is None:
        return
    from neurospike import viz
    from neurospike.datasets import read_velodyne

    shown = viz.scan_scene(
        read_velodyne(path, columns=columns)[:, :4],
        detected=viz.scene_boxes(found.boxes, found.names, found.scores),
        title=path.name,
    )
    if picture is not None:
        viz.scene_picture(shown, picture)
    if html is not None:
        rows = [
            {"class": name, "score": float(score), "x (m)": box[0], "y (m)": box[1],
             "distance (m)": float(np.hypot(box[0], box[1]))}
            for box, name, score in zip(
                found.boxes.tolist(), found.names, found.scores, strict=True
            )
        ]  # fmt: skip
        viz.scene_page(f"Objects in {path.name}", [shown], html, tables={"Boxes": rows})


def _line(row: dict[str, Any]) -> str:
    found = ", ".join(f"{count} {name}" for name, count in row["found"].items() if count)
    dropped = "".join(
        f", {row[key]} {text}"
        for key, text in (("rejected", "not finite"), ("outside_image", "outside the image"))
        if row[key]
    )
    return (
        f"{row['scan']}: {found or 'nothing found'} ({row['points']} points{dropped}, "
        f"{row['voxels']} voxels, {row['latency_ms']:.0f} ms)"
    )
