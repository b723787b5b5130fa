"""Pedestrians, riders, bicycles and motorcycles, looking along +x."""

from __future__ import annotations

import numpy as np

from neurospike.datasets.streets_world.cars import Rng, Size
from neurospike.datasets.streets_world.materials import CLASS, MATERIAL
from neurospike.datasets.streets_world.mesh import (
    Floats,
    Mesh,
    ball,
    box,
    join,
    mesh,
    tube,
    tubes,
    vec,
)

_HEIGHT = (1.74, 0.10)


def pedestrian(rng: Rng) -> tuple[Mesh, Size]:
    """A grown person or a child: walking, standing, or carrying something."""
    height = float(np.clip(rng.normal(*_HEIGHT), 1.5, 2.0))
    if rng.random() < 0.08:
        height = float(rng.uniform(1.05, 1.45))
    stride = float(rng.choice((0.0, 1.0), p=(0.35, 0.65))) * rng.uniform(-0.55, 0.55)
    swing = stride * 0.8 + (rng.uniform(-0.3, 0.9) if rng.random() < 0.15 else 0.0)
    body = _figure(height, stride, swing, rng, lean=0.05 * abs(stride))
    if rng.random() < 0.25:
        bag = box((0.16, 0.30, 0.42), (-0.20 * height / 1.74, 0, 0.78 * height - 0.25))
        body.append(mesh(bag, _cloth(rng), CLASS["person"]))
    if rng.random() < 0.15:
        bag = box((0.30, 0.12, 0.32), (0.02, 0.30 * height / 1.74, 0.25 * height))
        body.append(mesh(bag, _cloth(rng), CLASS["person"]))
    return centred(join(body))


def cyclist(rng: Rng) -> tuple[Mesh, Size]:
    """A person on a bicycle, labelled as one object."""
    label = CLASS["bicyclist"]
    return centred(join([_bicycle(rng, label), *_rider(rng, label, saddle=0.92, reach=0.52)]))


def motorcyclist(rng: Rng) -> tuple[Mesh, Size]:
    """A person on a motorcycle or a scooter."""
    label = CLASS["motorcyclist"]
    return centred(join([_motorcycle(rng, label), *_rider(rng, label, saddle=0.78, reach=0.55)]))


def bicycle(rng: Rng) -> tuple[Mesh, Size]:
    """A parked bicycle."""
    return centred(_bicycle(rng, CLASS["bicycle"]))


def motorcycle(rng: Rng) -> tuple[Mesh, Size]:
    """A parked motorcycle."""
    return centred(_motorcycle(rng, CLASS["motorcycle"]))


def centred(part: Mesh) -> tuple[Mesh, Size]:
    """With the middle of its box over the origin and its lowest point at 0, and its size."""
    low, high = part.extent()
    middle = (low + high) / 2
    length, width, height = (float(edge) for edge in high - low)
    return part.moved((-middle[0], -middle[1], -low[2])), (length, width, height)


def _cloth(rng: Rng) -> int:
    return MATERIAL[str(rng.choice(("cloth_dark", "cloth_light"), p=(0.6, 0.4)))]


def _figure(
    height: float, stride: float, swing: float, rng: Rng, *, lean: float, label: int | None = None
) -> list[Mesh]:
    """Legs, body, arms and head of someone upright."""
    label = CLASS["person"] if label is None else label
    k = height / 1.74
    hip, neck = 0.88 * k, 1.46 * k
    trousers, coat = _cloth(rng), _cloth(rng)
    wide = rng.uniform(0.9, 1.2)
    sides = np.array([-1.0, 1.0])
    y = sides * 0.10 * k * wide
    hips = np.stack([0 * y, y, 0 * y + hip], axis=1)
    feet = np.stack([sides * np.sin(stride) * 0.8 * k, y, 0 * y + 0.05 * k], axis=1)
    knees = (hips + feet) / 2 + vec(0.05 * k, 0, 0)
    shoulders = np.stack([0 * y + lean, sides * 0.21 * k * wide, 0 * y + neck - 0.08 * k], axis=1)
    reach = [-sides * np.sin(swing) * 0.55, sides * 0.06, 0 * y - 0.56 * np.cos(swing)]
    hands = shoulders + k * np.stack(reach, axis=1)
    starts, ends = np.concatenate([hips, knees, shoulders]), np.concatenate([knees, feet, hands])
    wide_at = k * np.repeat([(0.095, 0.07), (0.07, 0.05), (0.06, 0.04)], 2, axis=0)
    limbs = tubes(starts, ends, wide_at, 7, caps=False)
    legs = 2 * len(limbs) // 3
    soles = [box((0.26 * k, 0.10 * k, 0.09 * k), (x + 0.05, at, 0.0)) for x, at, _ in feet]
    parts = [(limbs[:legs], trousers), (limbs[legs:], coat)]
    parts.append((np.concatenate(soles), MATERIAL["rubber"]))
    torso = ball(
        (lean / 2, 0, (hip + neck) / 2), (0.15 * k * wide, 0.22 * k * wide, 0.36 * k), 10, 7
    )
    parts.append((torso, coat))
    if rng.random() < 0.25:  # a long coat or a skirt
        skirt = tube((0, 0, hip + 0.1 * k), (0, 0, 0.45 * k), (0.18 * k * wide, 0.25 * k), 10)
        parts.append((skirt, coat))
    parts.append((ball((lean, 0, 1.63 * k), (0.10 * k, 0.085 * k, 0.12 * k), 8, 6),
                  MATERIAL["skin"]))  # fmt: skip
    return [mesh(triangles, material, label) for triangles, material in parts]


def _rider(rng: Rng, label: int, *, saddle: float, reach: float) -> list[Mesh]:
    """Someone seated at the origin with hands ``reach`` ahead and feet on pedals."""
    k = float(np.clip(rng.normal(*_HEIGHT), 1.55, 1.95)) / 1.74
    trousers, coat = _cloth(rng), _cloth(rng)
    lean = rng.uniform(0.10, 0.38)
    phase = rng.uniform(0, 2 * np.pi)
    neck = np.array([np.sin(lean) * 0.58 * k - 0.1, 0, saddle + np.cos(lean) * 0.58 * k])
    hips = np.array([-0.1, 0, saddle])
    parts: list[tuple[Floats, int]] = [
        (tube(hips, neck, (0.16 * k, 0.19 * k), 10), coat),
        (
            ball(neck + vec(0.04, 0, 0.17 * k), (0.11 * k, 0.09 * k, 0.13 * k), 8, 6),
            MATERIAL["skin"],
        ),
    ]
    sides = np.array([-1.0, 1.0])
    turn = phase + np.array([0.0, np.pi])
    pedals = np.stack(
        [0.18 + 0.16 * np.cos(turn), 0.12 * sides, 0.30 + 0.16 * np.sin(turn)], axis=1
    )
    across = np.stack([0 * sides, sides, 0 * sides], axis=1)
    thighs = hips + 0.09 * across
    knees = (thighs + pedals) / 2 + vec(0.20 * k, 0, 0.12 * k)
    shoulders = neck + 0.19 * k * across - vec(0, 0, 0.05)
    hands = vec(reach - 0.1, 0, saddle + 0.12) + 0.24 * across
    starts = np.concatenate([thighs, knees, shoulders])
    ends = np.concatenate([knees, pedals, hands])
    wide_at = k * np.repeat([(0.09, 0.065), (0.065, 0.05), (0.055, 0.04)], 2, axis=0)
    limbs = tubes(starts, ends, wide_at, 7, caps=False)
    legs = 2 * len(limbs) // 3
    parts += [(limbs[:legs], trousers), (limbs[legs:], coat)]
    return [mesh(triangles, material, label) for triangles, material in parts]


def _bicycle(rng: Rng, label: int) -> Mesh:
    """Two wheels of spokes, a frame, a bar; saddle near the origin."""
    radius = rng.uniform(0.32, 0.36)
    base = rng.uniform(0.98, 1.10)
    back, front = np.array([-0.42, 0, radius]), np.array([base - 0.42, 0, radius])
    crank, seat = np.array([0.05, 0, 0.30]), np.array([-0.12, 0, 0.88])
    head = np.array([front[0] - 0.16, 0, 0.88])
    bars = [(back, crank), (crank, seat), (seat, head), (crank, head), (head, front)]
    bars += [(seat, back), (head, head + vec(0.02, 0, 0.16))]
    starts, ends = (np.stack(points) for points in zip(*bars, strict=True))
    frame = tubes(starts, ends, 0.022, 5)
    handle = tube(head + vec(0.02, -0.29, 0.15), head + vec(0.02, 0.29, 0.15), (0.018, 0.018), 5)
    saddle = box((0.26, 0.15, 0.07), (-0.13, 0, 0.90))
    angle = np.linspace(0, 2 * np.pi, 17)
    circle = radius * np.stack([np.cos(angle), 0 * angle, np.sin(angle)], axis=-1)
    rims = [hub + circle for hub in (back, front)]
    hubs = np.repeat(np.stack([back, front]), 8, axis=0)
    tyres = tubes(
        np.concatenate([rim[:-1] for rim in rims]),
        np.concatenate([rim[1:] for rim in rims]),
        0.024,
        4,
        caps=False,
    )
    spokes = tubes(hubs, np.concatenate([rim[:-1:2] for rim in rims]), 0.008, 3, caps=False)
    return join(
        [
            mesh(np.concatenate([frame, handle, spokes]), MATERIAL["metal"], label),
            mesh(np.concatenate([tyres, saddle]), MATERIAL["rubber"], label),
        ]
    )


def _motorcycle(rng: Rng, label: int) -> Mesh:
    """Two thick wheels, an engine, a tank, a seat and a bar."""
    radius = rng.uniform(0.26, 0.32)
    back, front = -0.62, rng.uniform(0.68, 0.80)
    paint = MATERIAL[str(rng.choice(("paint_dark", "paint_mid", "paint_light")))]
    parts = []
    for x in (back, front):
        tyre = tube((x, -0.08, radius), (x, 0.08, radius), (radius, radius), 14)
        parts.append(mesh(tyre, MATERIAL["rubber"], label))
    parts.append(mesh(box((0.62, 0.30, 0.40), (0.05, 0, 0.24)), MATERIAL["metal"], label))
    parts.append(mesh(ball((0.22, 0, 0.78), (0.28, 0.16, 0.16), 8, 6), paint, label))
    parts.append(mesh(box((0.70, 0.26, 0.14), (-0.30, 0, 0.68)), MATERIAL["plastic"], label))
    fork = tube((front, 0, radius), (front - 0.30, 0, 1.0), (0.06, 0.06), 6)
    bar = tube((front - 0.32, -0.37, 1.02), (front - 0.32, 0.37, 1.02), (0.025, 0.025), 5)
    parts += [mesh(part, MATERIAL["metal"], label) for part in (fork, bar)]
    if rng.random() < 0.5:
        shield = box((0.10, 0.42, 0.40), (front - 0.20, 0, 0.70))
        parts.append(mesh(shield, paint, label))
    return join(parts)
