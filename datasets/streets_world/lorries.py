"""Lorries, buses and trailers: boxes on wheels, looking along +x over the origin."""

from __future__ import annotations

import numpy as np

from neurospike.datasets.streets_world.cars import Rng, Size
from neurospike.datasets.streets_world.materials import CLASS, MATERIAL
from neurospike.datasets.streets_world.mesh import Floats, Mesh, box, join, mesh, tube

# Mean and deviation of length, width and height of KITTI's trucks; source as in cars.py.
_TRUCK_SIZE = ((10.1, 2.2), (2.58, 0.12), (3.25, 0.35))


def truck(rng: Rng) -> tuple[Mesh, Size]:
    """A lorry: cab, gap, and a box or a flat bed with a load."""
    length = float(np.clip(rng.normal(*_TRUCK_SIZE[0]), 6.0, 15.0))
    width = float(np.clip(rng.normal(*_TRUCK_SIZE[1]), 2.3, 2.8))
    height = float(np.clip(rng.normal(*_TRUCK_SIZE[2]), 2.7, 4.0))
    label, paint = CLASS["truck"], MATERIAL["paint_light"]
    cab = float(rng.uniform(1.7, 2.2))
    tall = height if rng.random() < 0.4 else min(height, float(rng.uniform(2.6, 3.0)))
    parts = [_cab(length / 2, cab, width * 0.96, tall, label)]
    bed = length - cab - 0.35
    at = -length / 2 + bed / 2
    load = height if rng.random() < 0.75 else float(rng.uniform(1.7, 2.2))
    parts.append(mesh(box((bed, width, load - 1.05), (at, 0, 1.05)), paint, label))
    if load < height:  # a flat bed: the cab alone has the height
        parts[0] = _cab(length / 2, cab, width * 0.96, height, label)
    parts.append(mesh(box((length - 0.6, 0.8, 0.4), (0, 0, 0.6)), MATERIAL["plastic"], label))
    wheels = (length / 2 - 1.2, -length / 2 + 1.2, -length / 2 + 2.5)
    parts += [_wheel(x, side * width / 2, 0.5, -side, label) for x in wheels for side in (-1, 1)]
    return join(parts), (length, width, height)


def bus(rng: Rng) -> tuple[Mesh, Size]:
    """A bus: two rows of windows over a body."""
    length, width, height = float(rng.uniform(10.0, 12.5)), 2.55, float(rng.uniform(2.9, 3.3))
    label = CLASS["other-vehicle"]
    paint = MATERIAL[str(rng.choice(("paint_light", "paint_mid")))]
    parts = [
        mesh(box((length, width, 0.95), (0, 0, 0.35)), paint, label),
        mesh(box((length - 0.04, width - 0.06, 1.1), (0, 0, 1.3)), MATERIAL["car_glass"], label),
        mesh(box((length, width, height - 2.4), (0, 0, 2.4)), paint, label),
    ]
    for x in np.linspace(-length / 2 + 0.1, length / 2 - 0.1, 8):
        parts.append(mesh(box((0.16, width, 1.1), (x, 0, 1.3)), paint, label))
    for x in (length / 2 - 2.6, -length / 2 + 2.8):
        parts += [_wheel(x, side * width / 2, 0.48, -side, label) for side in (-1, 1)]
    return join(parts), (length, width, height)


def caravan(rng: Rng) -> tuple[Mesh, Size]:
    """A caravan or a box trailer on one axle."""
    length, width = float(rng.uniform(3.0, 5.5)), float(rng.uniform(1.7, 2.2))
    height = float(rng.uniform(1.7, 2.6))
    label = CLASS["other-vehicle"]
    paint = MATERIAL[str(rng.choice(("paint_light", "metal")))]
    shell = box((length - 1.0, width, height - 0.45), (-0.5, 0, 0.45))
    parts = [mesh(shell, paint, label)]
    pane = box((0.9, width + 0.02, 0.5), (-0.5, 0, height * 0.62))
    parts.append(mesh(pane, MATERIAL["car_glass"], label))
    drawbar = tube((length / 2 - 1.0, 0, 0.45), (length / 2, 0, 0.45), (0.05, 0.05), 6)
    parts.append(mesh(drawbar, MATERIAL["metal"], label))
    parts += [_wheel(-0.6, side * width / 2, 0.32, -side, label) for side in (-1, 1)]
    return join(parts), (length, width + 0.02, height)


def _cab(front: float, length: float, width: float, height: float, label: int) -> Mesh:
    body = box((length, width, height - 0.45), (front - length / 2, 0, 0.45))
    pane: Floats = box((length * 0.5, width + 0.01, 0.7), (front - length * 0.3, 0, height * 0.62))
    screen = box((0.02, width * 0.86, 0.8), (front - 0.005, 0, height * 0.58))
    return join(
        [
            mesh(body, MATERIAL["paint_mid"], label),
            mesh(pane, MATERIAL["car_glass"], label),
            mesh(screen, MATERIAL["car_glass"], label),
        ]
    )


def _wheel(x: float, y: float, radius: float, inwards: int, label: int) -> Mesh:
    tyre = tube((x, y, radius), (x, y + inwards * 0.3, radius), (radius, radius), 14)
    return mesh(tyre, MATERIAL["rubber"], label)
