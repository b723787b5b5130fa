"""Cars and vans, lofted from side profiles, with wheel arches, windows, lamps and plates.

All vehicles look along +x, stand on z = 0 and have the middle of their box over the origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neurospike.datasets.streets_world.materials import CLASS, MATERIAL
from neurospike.datasets.streets_world.mesh import (
    Floats,
    Mesh,
    box,
    join,
    mesh,
    quads,
    tubes,
)

Rng = np.random.Generator
Size = tuple[float, float, float]


@dataclass(frozen=True)
class Profile:
    """A side view: places as shares of the length from the front, heights of the height.

    Attributes
    ----------
    bonnet_end, roof_front, roof_back, tail
        Where the windscreen begins, the roof begins and ends, the rear window ends.
    bonnet, belt, deck
        Heights of the bonnet's end, of the lower edge of the windows, of the body behind them.
    glass
        Where side windows begin and end; pillars stand between.
    lean
        How far a side window leans inwards, per height.
    """

    bonnet_end: float
    roof_front: float
    roof_back: float
    tail: float
    bonnet: float = 0.62
    belt: float = 0.61
    deck: float = 0.60
    glass: tuple[float, float] = (0.30, 0.90)
    lean: float = 0.33


PROFILES = {
    "hatchback": Profile(0.25, 0.43, 0.84, 0.965),
    "sedan": Profile(0.29, 0.45, 0.73, 0.88, deck=0.64, glass=(0.33, 0.82)),
    "estate": Profile(0.27, 0.43, 0.90, 0.98, glass=(0.31, 0.94)),
    "suv": Profile(0.25, 0.38, 0.89, 0.98, bonnet=0.60, belt=0.60, glass=(0.29, 0.93), lean=0.27),
    "mpv": Profile(0.16, 0.37, 0.90, 0.985, bonnet=0.58, belt=0.57, glass=(0.24, 0.93), lean=0.25),
}
_SHARES = {"hatchback": 0.36, "sedan": 0.24, "estate": 0.16, "suv": 0.12, "mpv": 0.12}
# Lengths, widths and heights beside the mean of all cars, in metres: a sedan is longer and lower.
_BESIDE = {
    "hatchback": (-0.25, -0.03, -0.04),
    "sedan": (0.30, 0.03, -0.10),
    "estate": (0.28, 0.03, -0.04),
    "suv": (0.05, 0.06, 0.19),
    "mpv": (-0.02, 0.02, 0.15),
}
# Mean and deviation of length, width and height of KITTI's cars and vans; the means are those
# that F-PointNet measured (Qi et al., CVPR 2018, `g_type_mean_size` of its code).
CAR_SIZE = ((3.88, 0.43), (1.63, 0.10), (1.53, 0.14))
_LEAST, _MOST = np.array([2.9, 1.40, 1.30]), np.array([5.0, 1.95, 2.0])
_VAN_SIZE = ((5.08, 0.45), (1.90, 0.12), (2.21, 0.25))
_PAINTS = ("paint_dark", "paint_mid", "paint_light")


def car(rng: Rng) -> tuple[Mesh, Size]:
    """A car of one of five shapes, and its length, width and height without mirrors."""
    shape = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    mean = np.array([mean for mean, _ in CAR_SIZE]) + _BESIDE[shape]
    left = np.array([dev for _, dev in CAR_SIZE]) * (0.85, 0.85, 0.7)
    common = rng.normal()  # long cars are wide
    drawn = 0.6 * common + 0.8 * rng.normal(size=3)
    size = np.clip(mean + left * drawn, _LEAST, _MOST)
    paint = MATERIAL[str(rng.choice(_PAINTS, p=(0.34, 0.38, 0.28)))]
    return lofted(PROFILES[shape], _as_size(size), paint, CLASS["car"], rng)


def van(rng: Rng) -> tuple[Mesh, Size]:
    """A van, panelled or with windows all along."""
    size = np.array([rng.normal(*row) for row in _VAN_SIZE])
    size = np.clip(size, (4.2, 1.7, 1.85), (6.4, 2.2, 2.8))
    short = size[2] / size[0]
    end = 0.92 if rng.random() < 0.4 else 0.36
    profile = Profile(
        0.10, 0.12 + 0.25 * short, 0.965, 0.99, 0.50, 0.50, 0.48, (0.14 + 0.10 * short, end), 0.10
    )
    paint = MATERIAL[str(rng.choice(_PAINTS, p=(0.15, 0.25, 0.60)))]
    return lofted(profile, _as_size(size), paint, CLASS["car"], rng)


def _as_size(values: Floats) -> Size:
    length, width, height = (float(value) for value in values)
    return length, width, height


def lofted(profile: Profile, size: Size, paint: int, label: int, rng: Rng) -> tuple[Mesh, Size]:
    """The body of a profile, with wheels and what is fixed to it, in exactly ``size``."""
    length, width, height = size
    radius = float(np.clip(0.205 * height, 0.28, 0.38))
    axles = (rng.uniform(0.17, 0.20), rng.uniform(0.79, 0.83))
    stations = _stations(profile, axles, radius * 1.14 / length)
    sections = _sections(profile, stations, size, axles, radius)
    # The loft bulges a little beyond its frame: bring it to the size asked for.
    flat = sections.reshape(-1, 3)
    sections[..., 1] *= width / 2 / np.abs(flat[:, 1]).max()
    sections[..., 2] *= height / flat[:, 2].max()
    parts = [_skin(profile, stations, sections, paint, label)]
    parts += _ends(sections, paint, label)
    parts += _wheels(size, axles, radius, label)
    parts += _fittings(profile, size, paint, label)
    return join(parts), size


def _stations(profile: Profile, axles: tuple[float, float], reach: float) -> Floats:
    """Shares of the length where sections are taken: close together where the outline bends."""
    arch = np.array([-1.0, -0.97, -0.75, -0.4, 0.0, 0.4, 0.75, 0.97, 1.0]) * reach
    first, last = profile.glass
    middle = (first + last) / 2
    marks = [0.0, 0.012, 0.04, 0.10, 0.96, 0.99, 1.0, profile.bonnet_end, profile.roof_front]
    marks += [profile.roof_back, profile.tail, first, last, middle - 0.012, middle + 0.012]
    places = np.concatenate([np.linspace(0.0, 1.0, 12), marks, axles[0] + arch, axles[1] + arch])
    return np.unique(np.clip(places, 0.0, 1.0).round(4))


def _sections(
    profile: Profile, stations: Floats, size: Size, axles: tuple[float, float], radius: float
) -> Floats:
    """Points (stations, 15, 3) around the body, from the floor over one side to the other."""
    length, width, height = size
    f = stations
    top = height * np.interp(
        f,
        (0, 0.012, 0.04, profile.bonnet_end, profile.roof_front, 0.60,
         profile.roof_back, profile.tail, 0.995, 1.0),
        (0.40, 0.47, 0.52, profile.bonnet, 0.965, 0.985, 0.955, profile.deck, profile.deck - 0.04,
         0.50),
    )  # fmt: skip
    belt = np.minimum(height * profile.belt, top - 0.01)
    half = width / 2 * (1 - 0.11 * np.abs(2 * f - 1) ** 6 - 0.08 * (np.abs(2 * f - 1) > 0.98))
    floor = height * np.interp(f, (0, 0.05, 0.95, 1), (0.17, 0.12, 0.13, 0.20))
    arch = floor.copy()
    for axle in axles:
        away = (f - axle) * length
        inside = np.clip((1.14 * radius) ** 2 - away**2, 0, None)
        arch = np.maximum(arch, np.where(inside > 0, radius + np.sqrt(inside), 0))
    arch = np.minimum(arch, belt - 0.06)
    middle = np.minimum(np.maximum(0.40 * height, arch + 0.03), belt - 0.02)
    roof = np.maximum(0.965 * half - profile.lean * np.maximum(top - belt, 0), 0.4 * half)
    side = [
        (0 * half, floor),
        (0.70 * half, floor),
        (0.97 * half, arch),
        (half, middle),
        (0.965 * half, belt),
        (roof, top - 0.03 * height * (top > belt + 0.05)),
        (0.80 * roof, top),
        (0 * half, top + 0.012 * height),
    ]
    right = np.stack([np.stack(np.broadcast_arrays(y, z), axis=-1) for y, z in side], axis=1)
    left = right[:, -2::-1] * (-1, 1)
    yz = np.concatenate([right, left], axis=1)
    x = np.broadcast_to((0.5 - f)[:, None, None] * length, (*yz.shape[:2], 1))
    return np.concatenate([x, yz], axis=-1)


def _skin(profile: Profile, stations: Floats, sections: Floats, paint: int, label: int) -> Mesh:
    """Quads between sections: paint, but for the floor and the windows."""
    square = np.stack(
        [sections[:-1, :-1], sections[1:, :-1], sections[1:, 1:], sections[:-1, 1:]], axis=2
    )
    between = (stations[:-1] + stations[1:]) / 2
    columns = np.arange(sections.shape[1] - 1)
    columns = np.minimum(columns, len(columns) - 1 - columns)  # either side alike
    first, last = profile.glass
    pillar = np.abs(between - (first + last) / 2) < 0.012
    screen = (between > profile.bonnet_end + 0.01) & (between < profile.roof_front)
    screen |= (between > profile.roof_back) & (between < profile.tail) & (last > 0.5)
    side = (between > first) & (between < last) & ~pillar
    glass = (screen[:, None] & (columns >= 5)) | (side[:, None] & (columns == 4))
    material = np.where(glass, MATERIAL["car_glass"], paint)
    material = np.where(columns[None] <= 1, MATERIAL["plastic"], material)
    count = material.size * 2
    return Mesh(
        quads(square.reshape(-1, 4, 3)),
        np.repeat(material.ravel(), 2).astype(np.int16),
        np.full(count, label, np.int16),
    )


def _ends(sections: Floats, paint: int, label: int) -> list[Mesh]:
    parts = []
    for ring in (sections[0], sections[-1]):
        centre = np.array([ring[0, 0], 0.0, ring[:, 2].mean()])
        triangles = np.stack(
            [np.broadcast_to(centre, (len(ring) - 1, 3)), ring[:-1], ring[1:]], axis=1
        )
        parts.append(mesh(triangles, paint, label))
    return parts


def _wheels(size: Size, axles: tuple[float, float], radius: float, label: int) -> list[Mesh]:
    length, width, _ = size
    sides = np.array([-1.0, 1.0, -1.0, 1.0])
    x = (0.5 - np.repeat(axles, 2)) * length
    outer = np.stack([x, sides * (width / 2 - 0.03), np.full(4, radius)], axis=1)
    across = np.stack([0 * sides, sides, 0 * sides], axis=1)
    tyres = tubes(outer - 0.2 * across, outer, radius, 14)
    rims = tubes(outer, outer + 0.01 * across, radius * 0.62, 10)
    return [mesh(tyres, MATERIAL["rubber"], label), mesh(rims, MATERIAL["metal"], label)]


def _fittings(profile: Profile, size: Size, paint: int, label: int) -> list[Mesh]:
    """Lamps and plates at both ends, and mirrors, which KITTI's boxes leave out."""
    length, width, height = size
    plates, lamps = [], []
    for end in (-1, 1):
        x = end * (length / 2 - 0.008)
        plates.append(box((0.016, 0.50, 0.11), (x, 0, 0.27 * height)))
        for side in (-1, 1):
            at = (x - end * 0.01, side * 0.33 * width, 0.40 * height)
            lamps.append(box((0.016, 0.26, 0.10), at))
    x = (0.5 - profile.glass[0] - 0.02) * length
    places = [(x, side * (width / 2 + 0.03), profile.belt * height) for side in (-1, 1)]
    mirrors = [box((0.10, 0.14, 0.12), place) for place in places]
    return [
        mesh(np.concatenate(plates), MATERIAL["plate"], label),
        mesh(np.concatenate(lamps), MATERIAL["lamp"], label),
        mesh(np.concatenate(mirrors), paint, label),
    ]
