"""Who parks, drives, rides and walks: things with a box of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neurospike.datasets.streets_world import cars, furniture, lorries, people
from neurospike.datasets.streets_world.cars import Size
from neurospike.datasets.streets_world.mesh import Floats, Mesh
from neurospike.datasets.streets_world.road import KERB_M, Course, Road
from neurospike.datasets.streets_world.scenery import Site

Rng = np.random.Generator
Maker = Callable[[Rng], tuple[Mesh, Size]]

# How KITTI's annotators name them; parked two-wheelers have no label there.
_MAKERS: dict[str, tuple[Maker, str | None]] = {
    "car": (cars.car, "Car"),
    "van": (cars.van, "Van"),
    "truck": (lorries.truck, "Truck"),
    "bus": (lorries.bus, "Misc"),
    "caravan": (lorries.caravan, "Misc"),
    "pedestrian": (people.pedestrian, "Pedestrian"),
    "cyclist": (people.cyclist, "Cyclist"),
    "motorcyclist": (people.motorcyclist, "Misc"),
    "bicycle": (people.bicycle, None),
    "motorcycle": (people.motorcycle, None),
}

KINDS = tuple(_MAKERS)
# How many of a kind differ within a street: making meshes takes longer than casting rays at them.
_VERSIONS = {"car": 24, "van": 5, "pedestrian": 12, "cyclist": 6}


@dataclass(frozen=True)
class Actor:
    """Something that moves as one, or might.

    Attributes
    ----------
    kind, version
        What it is, and which of its kind: in a street, equal versions have equal meshes.
    course, along, across, turn, speed
        Where it is at time 0, how it looks against the course, and its speed along it in m/s.
    lift
        Height of the pavement that it stands on above the low ground, in metres.
    """

    kind: str
    version: int
    course: Course
    along: float
    across: float
    turn: float
    speed: float
    lift: float

    @property
    def name(self) -> str | None:
        """Its class in KITTI's labels, None without one."""
        return _MAKERS[self.kind][1]


def model(kind: str, key: Sequence[int]) -> tuple[Mesh, Size]:
    """A mesh by numbers, looking along +x, the middle of its box over the origin; and its box."""
    return _MAKERS[kind][0](np.random.default_rng(key))


def actor(
    kind: str,
    rng: Rng,
    course: Course,
    along: float,
    across: float,
    *,
    turn: float = 0.0,
    speed: float = 0.0,
    lift: float = 0.0,
) -> Actor:
    """An actor whose mesh is made when it is first met."""
    version = int(rng.integers(_VERSIONS.get(kind, 3)))
    return Actor(
        kind, version, course, float(along), float(across), float(turn), float(speed), lift
    )


def places(actors: Sequence[Actor], time: float, road: Road) -> Floats:
    """(M, 4) x, y, z of their feet, and yaw, ``time`` seconds on."""
    rows = [(one.along, one.speed, one.across, one.turn, one.lift) for one in actors]
    along, speed, across, turn, lift = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    out = np.zeros((len(actors), 4))
    courses = [one.course for one in actors]
    for course in set(courses):
        chosen = np.array([one == course for one in courses])
        x, y, heading = course.at((along + speed * time)[chosen], across[chosen])
        out[chosen] = np.stack([x, y, 0 * x, heading], axis=1)
    out[:, 2] = road.height(out[:, 0], out[:, 1]) + lift
    out[:, 3] += turn
    return out


def traffic(
    road: Road, sites: tuple[Site, Site], start: float, speed: float, rng: Rng
) -> list[Actor]:
    """Everyone in a street, seen from a car that starts at ``start`` metres with ``speed``."""
    actors: list[Actor] = []
    busy = float(rng.uniform(0.45, 0.95))
    for site in sites:
        actors += _parked(site, busy, rng)
    actors += _driving(road, start, speed, rng)
    actors += _crossing(road, rng)
    for site in sites:
        actors += _walking(site, rng)
        actors += _two_wheelers(site, rng)
        actors += _plots(site, rng)
    actors += _riding(road, start, rng)
    return actors


def _parked(site: Site, busy: float, rng: Rng) -> Iterator[Actor]:
    """Parking bays, along or across the street, with more than cars in them."""
    road, side, sign = site.road, site.side, site.sign
    width = side.parking
    if width == 0:
        return
    across_street = width > 4
    at = site.span[0]
    kinds = ("car", "van", "truck", "caravan", "motorcycle", "bicycle", "lookalike")
    shares = (0.77, 0.07, 0.03, 0.02, 0.03, 0.03, 0.05)
    if across_street:
        shares = (0.86, 0.05, 0.0, 0.0, 0.03, 0.02, 0.04)
    slant = float(rng.choice((0.0, 0.5))) * sign
    while at < site.span[1]:
        pitch = float(rng.uniform(2.5, 2.8)) * (1.25 if slant else 1) if across_street else 5.2
        kind = str(rng.choice(kinds, p=shares))
        if kind == "truck":
            pitch = 15.0
        if kind in ("caravan", "van") and not across_street:
            pitch = 6.6
        middle = at + pitch / 2 + float(rng.normal(0, 0.1))
        at += pitch + 0.6 * (not across_street)
        if rng.random() > busy or not site.claim(middle, width / 2, pitch - 0.1, width - 0.2):
            continue
        outwards = width / 2 + float(rng.normal(0, 0.10))
        if kind == "lookalike":
            make = furniture.LOOKALIKES[int(rng.integers(len(furniture.LOOKALIKES)))]
            site.put(make(rng), middle, outwards, turn=np.pi / 2 if across_street else 0.0)
            continue
        backwards = np.pi if (rng.random() < 0.15) != (sign > 0) else 0.0
        turn = backwards + float(rng.normal(0, 0.03))
        if across_street:
            turn += sign * np.pi / 2 - slant
        yield actor(kind, rng, road.course, middle, sign * (road.half + outwards), turn=turn)


def _driving(road: Road, start: float, speed: float, rng: Rng) -> Iterator[Actor]:
    """Cars ahead and behind in the own lane, as fast as the scanner, and those oncoming."""
    kinds, shares = ("car", "van", "truck", "bus", "motorcyclist"), (0.70, 0.08, 0.09, 0.04, 0.09)
    lane = road.half / 2
    oncoming = -float(rng.uniform(4, 13))
    for sign, velocity in ((-1, speed), (1, oncoming)):
        gap = float(rng.uniform(18, 60))
        at = start + 9 + float(rng.exponential(gap)) if sign < 0 else -40.0
        while at < road.length + 120:
            kind = str(rng.choice(kinds, p=shares))
            at += 6.0 * (kind in ("truck", "bus"))
            yield actor(
                kind,
                rng,
                road.course,
                at,
                sign * lane + rng.normal(0, 0.15),
                turn=np.pi * (sign > 0) + rng.normal(0, 0.02),
                speed=velocity,
            )
            at += 9.0 + float(rng.exponential(gap)) + 6.0 * (kind in ("truck", "bus"))
    for _ in range(int(rng.integers(0, 2))):
        at = start - 12 - float(rng.exponential(12))
        yield actor("car", rng, road.course, at, -lane, speed=speed)


def _crossing(road: Road, rng: Rng) -> Iterator[Actor]:
    """Cars that wait in the cross streets, and those parked there."""
    for _, course, half in road.crossings:
        for end in (-1, 1):
            first = road.half + road.side(end).walk_to + 3.5
            at = first
            while rng.random() < 0.55 and at < first + 25:
                yield actor(
                    str(rng.choice(("car", "van"), p=(0.9, 0.1))),
                    rng,
                    course,
                    end * at,
                    end * half / 2,
                    turn=(np.pi if end > 0 else 0.0) + rng.normal(0, 0.05),
                )
                at += 7.0 + float(rng.exponential(4.0))


def _walking(site: Site, rng: Rng) -> Iterator[Actor]:
    """People on the sidewalk, alone and in groups, and some who cross the street."""
    road, side, sign = site.road, site.side, site.sign
    many = {"town": 0.08, "houses": 0.045, "green": 0.04, "works": 0.03}[side.style]
    for _ in range(int(rng.poisson(many * (site.span[1] - site.span[0])))):
        along = float(rng.uniform(*site.span))
        ahead = rng.random() < 0.5
        speed = float(rng.uniform(0.7, 1.7)) * (rng.random() < 0.7) * (1 if ahead else -1)
        out = side.walk_from + float(rng.uniform(0.9, max(1.0, side.walk - 0.9)))
        for place in range(int(rng.choice((1, 2, 3), p=(0.72, 0.20, 0.08)))):
            turn = (0.0 if ahead else np.pi) if speed else float(rng.uniform(-np.pi, np.pi))
            yield actor(
                "pedestrian",
                rng,
                road.course,
                along + 0.75 * place + rng.uniform(-0.1, 0.1),
                sign * (road.half + out + 0.35 * (place % 2)),
                turn=turn + rng.normal(0, 0.15),
                speed=speed,
                lift=KERB_M,
            )
    for at, _, half in road.crossings:
        if rng.random() < 0.5:
            spot = at + float(rng.choice((-1, 1))) * (half + 3)
            turn = np.pi / 2 * float(rng.choice((-1, 1)))
            across = sign * float(rng.uniform(0.8, 1.0)) * road.half
            yield actor("pedestrian", rng, road.course, spot, across, turn=turn)


def _two_wheelers(site: Site, rng: Rng) -> Iterator[Actor]:
    """Bicycles and motorcycles parked on the sidewalk, several at a rack."""
    road, side, sign = site.road, site.side, site.sign
    for kind, each in (("bicycle", 0.020), ("motorcycle", 0.012)):
        for _ in range(int(rng.poisson(each * (site.span[1] - site.span[0])))):
            along, out = float(rng.uniform(*site.span)), side.walk_to - 0.45
            count = int(rng.integers(1, 5 if kind == "bicycle" else 3))
            if not site.claim(along, out, 1.1 * count, 0.8):
                continue
            turn = float(rng.choice((0.6, np.pi / 2))) + rng.normal(0, 0.1)
            for index in range(count):
                yield actor(
                    kind,
                    rng,
                    road.course,
                    along + 1.1 * (index - (count - 1) / 2),
                    sign * (road.half + out),
                    turn=turn + rng.normal(0, 0.06),
                    lift=KERB_M,
                )


def _plots(site: Site, rng: Rng) -> Iterator[Actor]:
    """Cars on open ground and in drives, at any angle."""
    road, side, sign = site.road, site.side, site.sign
    for start, stop, at_side, _ in road.plots:
        if at_side != sign:
            continue
        rows = np.arange(start + 2, stop - 2, float(rng.uniform(2.9, 4.0)))
        tilt = float(rng.choice((np.pi / 2, np.pi / 2, 0.9, 2.2)))
        for along in rows[rng.random(len(rows)) < 0.45]:
            out = side.walk_to + 3.8
            if site.claim(float(along), out, 2.7, 5.5):
                yield actor(
                    str(rng.choice(("car", "van", "caravan"), p=(0.84, 0.08, 0.08))),
                    rng,
                    road.course,
                    along,
                    sign * (road.half + out + rng.normal(0, 0.3)),
                    turn=tilt + np.pi * (rng.random() < 0.5) + rng.normal(0, 0.05),
                )


def _riding(road: Road, start: float, rng: Rng) -> Iterator[Actor]:
    """Cyclists near the edges of the lanes, some in company."""
    for sign in (-1, 1):
        at = start - 30 + float(rng.exponential(20))
        while at < road.length + 60:
            kind = "cyclist" if rng.random() < 0.75 else "motorcyclist"
            speed = -sign * float(rng.uniform(2.5, 6.0))
            for behind in range(int(rng.choice((1, 2), p=(0.8, 0.2)))):
                yield actor(
                    kind,
                    rng,
                    road.course,
                    at + 2.3 * behind,
                    sign * (road.half - 0.30 + rng.normal(0, 0.05)),
                    turn=np.pi * (sign > 0) + rng.normal(0, 0.06),
                    speed=speed,
                )
            at += 8 + float(rng.exponential(30))
