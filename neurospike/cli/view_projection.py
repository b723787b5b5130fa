"""``neurospike view --projection``: what a conventional network sees of a file."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurospike.cli.common import need, overrides, print_json, say
from neurospike.cli.encode_audio import SOUNDS
from neurospike.cli.scans import PICTURES, read_finite
from neurospike.errors import ArgumentError

if TYPE_CHECKING:
    from neurospike.encoders.projections import Panel

_SIZES = {
    "birds-eye": (352, 400),
    "depth": (96, 96),
    "mosaic": (64, 96),
    "patches": (64, 32),
    "points": (1024, 1024),
    "range": (64, 1024),
    "sequence": (64, 128),
    "voxels": (48, 48),
}
_BANDS = 64
_FLOOR = 1e-6  # of mel energies: silence, which the picture shows as 0
_MESH_POINTS = 2048


@dataclass(frozen=True)
class _Read:
    """A sample, options that suit it, and how many of its points were not finite."""

    sample: dict[str, NDArray[Any]]
    options: dict[str, Any]
    rejected: int = 0


def view_projection(
    file: Path,
    name: str,
    *,
    size: str | None,
    settings: list[str],
    out: Path | None,
    columns: int,
    as_json: bool,
) -> None:
    """Draw a projection of a file and its inverse.

    Raises
    ------
    ArgumentError
        An unknown projection, one that cannot be made of the file, a size or an option that it
        cannot take.
    DataError
        A file that is missing, damaged or empty.
    """
    from neurospike.encoders.projections import create_projection, projection_names

    if name not in projection_names():
        raise ArgumentError(
            f"--projection: must be one of {', '.join(projection_names())}; got {name!r}."
        )
    place = Path(f"{file.stem}_{name}.png") if out is None else out
    if place.suffix not in PICTURES:
        raise ArgumentError(f"--out: must end in {', '.join(PICTURES)}; got {place}.")
    need("train", "matplotlib")
    logging.getLogger("neurospike").setLevel(logging.ERROR)  # the summary says what was rejected
    held = _read(file, name, columns=columns)
    options = {**held.options, **overrides({}, settings)}
    made = create_projection(name, size=_size(size, name), **options)
    image = made(held.sample)
    back = made.inverse(image)
    _draw(file, place, made.panels(image), held.sample, back)
    key = made.reads
    row = {
        "file": str(file),
        "projection": name,
        "image": list(image.shape),
        key: len(held.sample[key]),
        "rejected": held.rejected,
        "back": len(back[key]),
        "out": str(place),
    }
    if as_json:
        print_json(row)
        return
    shape = " x ".join(str(side) for side in image.shape)
    lost = f", {held.rejected} not finite" if held.rejected else ""
    say(f"{file}: {row[key]} {key}{lost} -> {name} {shape} -> {row['back']} {key} back")
    say(f"drawn into {place}")


def _size(text: str | None, name: str) -> tuple[int, int]:
    """ "64x1024" or "64"."""
    if text is None:
        return _SIZES[name]
    sides = text.split("x")
    if len(sides) not in (1, 2) or not all(side.isdecimal() for side in sides):
        raise ArgumentError(f"--size: must be rows x columns, such as 64x1024; got {text!r}.")
    return int(sides[0]), int(sides[-1])


def _read(file: Path, name: str, *, columns: int) -> _Read:
    """The file as the projection reads it."""
    if (file.suffix.lower() in SOUNDS) != (name == "sequence"):
        what = "sound" if file.suffix.lower() in SOUNDS else "a cloud"
        rule = "is of sound" if name == "sequence" else "is of clouds"
        raise ArgumentError(f"--projection: {name} {rule}; {file} is {what}.")
    if name == "sequence":
        return _sound(file)
    rejected = 0
    if file.suffix.lower() == ".off":
        points = _mesh(file)
    else:
        scan, finite = read_finite(file, columns=columns)
        points, rejected = scan[finite], len(scan) - int(finite.sum())
    options: dict[str, Any] = {}
    if name in ("depth", "mosaic", "voxels"):
        low, high = points[:, :3].min(0).astype(float), points[:, :3].max(0).astype(float)
        # The upper faces of a box are out of it.
        options["point_range"] = [*low, *(high + 1e-3 * (high - low).max() + 1e-6)]
    if name in ("birds-eye", "range"):
        options["intensity"] = points.shape[1] > 3
    return _Read({"points": points}, options, rejected)


def _mesh(file: Path) -> NDArray[np.float32]:
    from neurospike.datasets import read_off, sample_surface
    from neurospike.datasets.transforms import normalise

    points, _ = sample_surface(*read_off(file), _MESH_POINTS, rng=np.random.default_rng(0))
    return normalise(points)


def _sound(file: Path) -> _Read:
    from neurospike.datasets import read_wave
    from neurospike.encoders import Mel

    wave, rate = read_wave(file)
    frames = Mel(_BANDS, sample_rate=rate, floor=_FLOOR)(wave)
    options = {"frames": list(frames.shape), "zero": float(np.log(_FLOOR)), "unit": 5.0}
    return _Read({"frames": frames}, options)


def _draw(
    file: Path,
    place: Path,
    panels: list[Panel],
    sample: dict[str, NDArray[Any]],
    back: dict[str, NDArray[Any]],
) -> None:
    from neurospike import viz
    from neurospike.encoders.projections import Panel

    if "frames" in sample:
        both = {"log-mel energies": sample, "back from the image": back}
        first, last = (
            Panel(title, held["frames"].T, "step", "channel, 0 on top")
            for title, held in both.items()
        )
        panels = [first, *panels, last]
        clouds = []
    else:
        clouds = [
            (title, held["points"][:, :3])
            for title, held in (("the sample", sample), ("back from the image", back))
        ]
    viz.panel_picture(panels, place, title=file.name, clouds=clouds)
