"""Occupied voxels as shaded cubes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurospike.errors import ArgumentError
from neurospike.viz._camera import Camera
from neurospike.viz._figure import FAINT, INK, SEQUENTIAL, figure

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FINEST = 220  # blocks along the longest edge: about three pixels each
_WIDTH, _COLOUR_BAR, _HEADING = 7.8, 0.95, 0.4  # inches
_SHADES = (0.70, 0.86, 1.0)  # faces across x, y and z; light comes from above


def voxel_view(
    coords: ArrayLike,
    values: ArrayLike | None,
    out: str | os.PathLike[str],
    *,
    voxel_size_m: Sequence[float] | None = None,
    origin_m: Sequence[float] = (0.0, 0.0, 0.0),
    label: str | None = None,
    title: str = "Point cloud",
    azimuth_deg: float = -55.0,
    elevation_deg: float = 28.0,
) -> Path:
    """Draw voxels as cubes seen from a corner, coloured by value.

    Parameters
    ----------
    coords
        (N, 3) integers (i, j, k), or (N, 4) with the sample first, of which sample 0 is drawn.
    values
        (N,), a number a voxel; None colours by height.
    voxel_size_m, origin_m
        Label the axes in metres; without a size they count voxels.
    label
        What the values are, with their unit.
    azimuth_deg, elevation_deg
        Where the eye is: around z from the x axis, and above the ground, 5 to 85.

    Grids finer than the picture are drawn in blocks of several voxels, of the largest value in
    each; the title says so.

    Raises
    ------
    ArgumentError
        Shapes that do not fit, no voxels, values that are not finite.
    """
    places, numbers = _checked(coords, values)
    if not 5 <= elevation_deg <= 85:
        raise ArgumentError(f"voxel_view.elevation_deg: must lie in 5..85; got {elevation_deg}.")
    metric = voxel_size_m is not None
    size = np.asarray((1.0, 1.0, 1.0) if voxel_size_m is None else voxel_size_m, np.float64)
    if size.shape != (3,) or not (size > 0).all():
        raise ArgumentError(f"voxel_view.voxel_size_m: must be three edges; got {voxel_size_m}.")
    origin = np.asarray(origin_m if metric else (0.0, 0.0, 0.0), np.float64)
    if numbers is None:
        numbers = origin[2] + (places[:, 2] + 0.5) * size[2]
        label = label or ("height (m)" if metric else "height (voxels)")
    count = len(places)
    blocks = _blocks(places, size)
    places, numbers = _coarsen(places, numbers, blocks)
    size = size * blocks
    low, high = origin + places.min(0) * size, origin + (places.max(0) + 1) * size
    camera = Camera.at(azimuth_deg, elevation_deg)
    heading = f"{title} · {count:,} voxels"
    if max(blocks) > 1:
        heading += f", drawn in blocks of {' × '.join(str(b) for b in blocks)}"  # noqa: RUF001
    left, bottom, right, top = _frame(camera, low, high, origin + places * size, size)
    height = float(np.clip(_WIDTH * (top - bottom) / (right - left), 2.2, 8.5)) + _HEADING
    with figure(out, _WIDTH + _COLOUR_BAR, height) as drawing:
        axes = drawing.subplots()
        axes.set_axis_off()
        axes.set_aspect("equal")
        _draw_box(axes, camera, low, high, unit="m" if metric else "voxels")
        faces = _draw_cubes(axes, camera, places, numbers, origin=origin, size=size)
        axes.set(xlim=(left, right), ylim=(bottom, top))
        drawing.suptitle(heading, x=0.01, ha="left", fontsize=11, fontweight="bold")
        bar = drawing.colorbar(
            faces, ax=axes, label=label or "value", shrink=0.7, aspect=24, pad=0.01
        )
        if (numbers == np.floor(numbers)).all():
            bar.ax.yaxis.get_major_locator().set_params(integer=True)
    return Path(out)


def _checked(coords: ArrayLike, values: ArrayLike | None) -> tuple[Ints, Floats | None]:
    places = np.asarray(coords)
    if places.ndim != 2 or places.shape[1] not in (3, 4) or places.dtype.kind not in "iu":
        raise ArgumentError(
            "voxel_view.coords: must be integers (N, 3), or (N, 4) with the sample first; "
            f"got {places.dtype} of shape {places.shape}."
        )
    numbers = None if values is None else np.asarray(values, np.float64)
    if numbers is not None and numbers.shape != (len(places),):
        raise ArgumentError(
            f"voxel_view.values: must be one number a voxel, ({len(places)},); got {numbers.shape}."
        )
    if places.shape[1] == 4:
        first = places[:, 0] == 0
        places, numbers = places[first, 1:], None if numbers is None else numbers[first]
    if len(places) == 0:
        raise ArgumentError("voxel_view.coords: must hold at least one voxel of sample 0; got 0.")
    if numbers is not None and not np.isfinite(numbers).all():
        raise ArgumentError("voxel_view.values: must be finite.")
    return places.astype(np.int64), numbers


def _blocks(places: Ints, size: Floats) -> Ints:
    """Voxels to a block along each axis, so that a block is near a cube and large enough."""
    extent = (np.ptp(places, axis=0) + 1) * size
    edge = max(float(extent.max()) / _FINEST, float(size.min()))
    blocks: Ints = np.maximum(np.round(edge / size), 1).astype(np.int64)
    return blocks


def _coarsen(places: Ints, numbers: Floats, blocks: Ints) -> tuple[Ints, Floats]:
    merged, inverse = np.unique(places // blocks, axis=0, return_inverse=True)
    largest = np.full(len(merged), -np.inf)
    np.maximum.at(largest, inverse.reshape(-1), numbers)
    return merged, largest


def _draw_cubes(
    axes: Any, camera: Camera, places: Ints, numbers: Floats, *, origin: Floats, size: Floats
) -> Any:
    """The faces towards the eye that no neighbour hides, from the back to the front."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import Normalize

    towards = np.where(camera.eye >= 0, 1, -1)
    occupied = {tuple(place) for place in places.tolist()}
    top = max(float(numbers.max()), float(numbers.min()) + 1e-9)
    scale = ScalarMappable(Normalize(float(numbers.min()), top), colormaps[SEQUENTIAL])
    colours = scale.to_rgba(numbers)
    polygons, shades, depths = [], [], []
    for axis in range(3):
        step = np.zeros(3, np.int64)
        step[axis] = towards[axis]
        seen = np.array([tuple(p) not in occupied for p in (places + step).tolist()])
        faces = _face(axis, towards[axis]) + places[seen][:, None, :]
        polygons.append(camera.project(origin + faces * size))
        shade = colours[seen].copy()
        shade[:, :3] *= _SHADES[axis]
        shades.append(shade)
        # On a grid, a cube can only hide cubes whose summed index towards the eye is smaller.
        depths.append(places[seen] @ towards)
    order = np.argsort(np.concatenate(depths), kind="stable")
    painted = np.concatenate(shades)[order]
    edges = painted * (0.8, 0.8, 0.8, 1.0) if len(order) < 20_000 else painted
    axes.add_collection(
        PolyCollection(
            list(np.concatenate(polygons)[order]),
            facecolors=painted,
            edgecolors=edges,
            linewidths=0.35,
            zorder=3,
        )
    )
    return scale


def _face(axis: int, side: int) -> Floats:
    """Four corners, in turn, of the unit cube's face at the given side of an axis."""
    across = [other for other in range(3) if other != axis]
    corners = np.zeros((4, 3))
    corners[:, axis] = max(side, 0)
    corners[:, across] = [(0, 0), (1, 0), (1, 1), (0, 1)]
    return corners


def _frame(
    camera: Camera, low: Floats, high: Floats, places: Floats, size: Floats
) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of what is drawn, with room for the numbers outside it."""
    ground = _corners(low, np.array([high[0], high[1], low[2]]))
    drawn = np.concatenate([ground, _upright(camera, low, high), places, places + size])
    drawn[len(ground) + 1, 2] = high[2]
    screen = camera.project(drawn)
    least, most = screen.min(0), screen.max(0)
    pad = 0.09 * float(np.ptp(camera.project(_corners(low, high)), axis=0).max())
    return least[0] - pad, least[1] - 0.5 * pad, most[0] + 0.5 * pad, most[1] + 0.2 * pad


def _corners(low: Floats, high: Floats) -> Floats:
    picks = np.array(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij")).reshape(3, -1).T
    return np.where(picks == 1, high, low)


def _draw_box(axes: Any, camera: Camera, low: Floats, high: Floats, *, unit: str) -> None:
    """A grid on the ground, with numbers along its two front edges and one upright."""
    from matplotlib.ticker import MaxNLocator

    front = np.where(camera.eye >= 0, high, low)
    span = float(np.ptp(camera.project(_corners(low, high)), axis=0).max())
    middle = camera.project((low + high) / 2)
    for axis, name in enumerate("xyz"):
        other = 1 - axis if axis < 2 else 0
        ends = np.stack([front, front])
        ends[:, 2] = low[2]
        if axis == 2:
            ends = _upright(camera, low, high)
        ends[:, axis] = low[axis], high[axis]
        first, last = camera.project(ends)
        length = float(np.linalg.norm(last - first))
        outward = _outward(first, last, middle)
        axes.plot(*np.stack([first, last], axis=1), color="#808080", linewidth=0.9, zorder=2)
        count = max(1, min(8, int(9 * length / span)))
        ticks = MaxNLocator(count, steps=[1, 2, 5, 10], integer=unit == "voxels").tick_values(
            low[axis], high[axis]
        )
        for tick in ticks[(ticks >= low[axis]) & (ticks <= high[axis])]:
            share = (tick - low[axis]) / (high[axis] - low[axis])
            at = first + share * (last - first)
            if axis < 2:
                line = np.stack([ends[0], ends[0]])
                line[:, axis] = tick
                line[:, other] = low[other], high[other]
                axes.plot(*camera.project(line).T, color=FAINT, linewidth=0.7, zorder=1)
            axes.text(*(at + 0.025 * span * outward), f"{tick:g}", **_text(8))
        place = (first + last) / 2 + 0.07 * span * outward
        axes.text(*place, f"{name} ({unit})", **_text(9.5))


def _upright(camera: Camera, low: Floats, high: Floats) -> Floats:
    """Both ends of the upright edge that stands leftmost on the screen."""
    feet = np.array([(x, y, low[2]) for x in (low[0], high[0]) for y in (low[1], high[1])])
    foot = feet[np.argmin(camera.project(feet)[:, 0])]
    return np.stack([foot, foot])


def _outward(first: Floats, last: Floats, middle: Floats) -> Floats:
    """Unit vector across a line on the screen, away from the middle of the scene."""
    along = (last - first) / max(float(np.linalg.norm(last - first)), 1e-12)
    across = np.array([-along[1], along[0]])
    sign = -1.0 if float(across @ (middle - first)) > 0 else 1.0
    return sign * across


def _text(size: float) -> dict[str, Any]:
    return {"ha": "center", "va": "center", "fontsize": size, "color": INK, "zorder": 4}
