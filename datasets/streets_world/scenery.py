"""Everything along a street that stands still and is no vehicle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neurospike.datasets.streets_world import buildings, furniture, plants
from neurospike.datasets.streets_world.mesh import Mesh
from neurospike.datasets.streets_world.road import KERB_M, Road

Rng = np.random.Generator
_BEFORE_M, _BEHIND_M = -35.0, 55.0


class Site:
    """One side of a street: puts meshes at places along and outwards from the road's edge."""

    def __init__(self, road: Road, sign: int) -> None:
        self.road = road
        self.sign = sign
        self.side = road.side(sign)
        self.span = (_BEFORE_M, road.length + _BEHIND_M)
        self.placed: list[Mesh] = []
        self._taken: list[tuple[float, float, float, float]] = []

    def put(self, part: Mesh, along: float, outwards: float, turn: float = 0.0) -> None:
        """With its +y away from the street, turned by ``turn``, its foot on the ground."""
        x, y, heading = self.road.course.at(along, self.sign * (self.road.half + outwards))
        yaw = float(heading) + turn + (0.0 if self.sign > 0 else np.pi)
        lift = KERB_M if self.side.kerb < outwards <= self.side.walk_to else 0.0
        self.placed.append(part.moved((x, y, self.road.height(x, y) + lift), yaw))

    def claim(self, along: float, outwards: float, length: float, depth: float) -> bool:
        """Take a rectangle around a place unless part of it is taken or lies in a crossing."""
        new = (along - length / 2, along + length / 2, outwards - depth / 2, outwards + depth / 2)
        if not self.road.free_of_crossings(np.array([along]), length / 2 + 0.5)[0]:
            return False
        for old in self._taken:
            if new[0] < old[1] and old[0] < new[1] and new[2] < old[3] and old[2] < new[3]:
                return False
        self._taken.append(new)
        return True

    def plot_at(self, along: float, reach: float) -> bool:
        """Whether open ground lies within ``reach`` along the street."""
        return any(
            sign == self.sign and start - reach < along < stop + reach
            for start, stop, sign, _ in self.road.plots
        )


def scenery(road: Road, rng: Rng) -> tuple[Site, Site]:
    """Both sides of a street with their houses, plants and furniture."""
    sites = Site(road, 1), Site(road, -1)
    nursery = plants.Nursery(rng)
    for site in sites:
        _houses(site, rng)
        _green(site, rng, nursery)
        _gardens(site, rng, nursery)
        _poles(site, rng)
        _verge(site, rng, nursery)
        _oddments(site, rng)
        _background(site, rng, nursery)
    return sites


def _houses(site: Site, rng: Rng) -> None:
    style = site.side.style
    if style == "green":
        return
    low, high = {"town": (9, 22), "houses": (8, 15), "works": (16, 34)}[style]
    floors = {"town": (3, 6), "houses": (2, 4), "works": (2, 4)}[style]
    gap = {"town": 1.5, "houses": 6.0, "works": 9.0}[style]
    at = site.span[0]
    front = site.side.walk_to + site.side.front
    while at < site.span[1]:
        width, depth = float(rng.uniform(low, high)), float(rng.uniform(8, 14))
        middle = at + width / 2
        back = front + float(rng.uniform(0, 1.5)) * (style != "town")
        clear = not site.plot_at(middle, width / 2)
        if clear and site.claim(middle, back + depth / 2, width, depth):
            part = buildings.building(rng, width, depth, int(rng.integers(*floors)))
            site.put(part, middle, back, turn=float(rng.normal(0, 0.02)))
        at += width + float(rng.exponential(gap)) * (rng.random() < 0.7)


def _gardens(site: Site, rng: Rng, nursery: plants.Nursery) -> None:
    """Fences, walls and hedges along the sidewalk; bushes and trees behind them."""
    side = site.side
    if side.style == "town":
        return
    at = site.span[0]
    while at < site.span[1]:
        length = float(rng.uniform(4, 14))
        middle, edge = at + length / 2, side.walk_to + 0.5
        kind = rng.random()
        open_ground = site.plot_at(middle, length / 2)
        if not open_ground and kind < 0.90 and site.claim(middle, edge, length, 0.7):
            height = float(rng.uniform(0.7, 2.0))
            if kind < 0.34:
                part = plants.hedge(rng, length, float(rng.uniform(0.5, 0.9)), height)
            elif kind < 0.72:
                part = buildings.fence(rng, length, height)
            else:
                part = buildings.wall(length, min(height, 1.4))
            site.put(part, middle, edge)
        at += length + float(rng.choice((0.0, 3.0)))
    for _ in range(int(0.45 * (site.span[1] - site.span[0]))):
        along, outwards = rng.uniform(*site.span), side.walk_to + rng.uniform(1.5, 9.0)
        if site.plot_at(along, 0.5):
            continue
        if rng.random() < 0.30:
            _plant_tree(site, rng, nursery, along, outwards)
        elif site.claim(along, outwards, 2.0, 2.0):
            site.put(nursery.bush(), along, outwards, turn=float(rng.uniform(0, 6.28)))


# First place, then the least and greatest distance between two.
_POLES: tuple[tuple[float, float, float, Callable[[Rng], Mesh]], ...] = (
    (30.0, 18, 40, furniture.lamp_post),
    (9.0, 8, 26, furniture.sign),
    (4.0, 30, 90, furniture.bollard),
)


def _poles(site: Site, rng: Rng) -> None:
    """Lamps, signs and bollards near the kerb; lights and signs at crossings."""
    edge = site.side.kerb + 0.45
    for step, low, high, make in _POLES:
        at = site.span[0] + float(rng.uniform(0, step))
        while at < site.span[1]:
            if site.claim(at, edge, 0.5, 0.5):
                # Signs face those who come along on their side of the street.
                turn = np.pi + float(rng.normal(0, 0.1)) if make is furniture.sign else 0.0
                site.put(make(rng), at, edge, turn)
            at += float(rng.uniform(low, high))
    for at, _, half in site.road.crossings:
        for end in (-1, 1):
            make = furniture.traffic_light if rng.random() < 0.5 else furniture.sign
            site.put(make(rng), at + end * (half + 2.4), edge, turn=np.pi * (1 + (end > 0)))


def _verge(site: Site, rng: Rng, nursery: plants.Nursery) -> None:
    """Bushes, and often a row of trees, on the grass between kerb and sidewalk."""
    side = site.side
    if side.verge == 0:
        return
    middle = side.kerb + side.verge / 2
    at = site.span[0]
    while at < site.span[1]:
        if site.claim(at, middle, 1.4, 0.6):
            site.put(nursery.bush().scaled(0.7), at, middle, float(rng.uniform(0, 2 * np.pi)))
        at += 1.0 + float(rng.exponential(6.0))
    if rng.random() < 0.8:
        at = site.span[0]
        while at < site.span[1]:
            _plant_tree(site, rng, nursery, at, middle)
            at += float(rng.uniform(7, 14))


def _oddments(site: Site, rng: Rng) -> None:
    """What may be taken for a car, behind the sidewalk and on open ground."""
    for _ in range(int(0.05 * (site.span[1] - site.span[0]))):
        along = float(rng.uniform(*site.span))
        reach = 8.0 if site.plot_at(along, -3.0) else 1.6
        outwards = site.side.walk_to + float(rng.uniform(1.4, 1.5 + reach))
        make = furniture.LOOKALIKES[int(rng.integers(len(furniture.LOOKALIKES)))]
        if site.claim(along, outwards, 5.5, 2.8):
            site.put(make(rng), along, outwards, turn=float(rng.normal(0, 0.15)))


def _green(site: Site, rng: Rng, nursery: plants.Nursery) -> None:
    """A thicket along the sidewalk with trees and bushes behind it; gardens have bits of one."""
    edge = site.side.walk_to + 1.6
    share = {"green": 0.85, "houses": 0.25, "works": 0.25}.get(site.side.style, 0.0)
    at, grows = site.span[0], False
    while at < site.span[1]:
        if rng.random() < 0.12:
            grows = bool(rng.random() < share)
        outwards = edge + float(rng.normal(0, 0.35))
        if grows and not site.plot_at(at, 0.5) and site.claim(at, outwards, 0.9, 0.9):
            size = float(rng.uniform(0.9, 1.5))
            turn = float(rng.uniform(0, 2 * np.pi))
            site.put(nursery.bush().scaled(size), at, outwards, turn)
        at += float(rng.uniform(1.0, 1.8))
    if site.side.style != "green":
        return
    for _ in range(int(0.80 * (site.span[1] - site.span[0]))):
        along = float(rng.uniform(*site.span))
        outwards = edge + 1.0 + float(rng.exponential(5.0))
        if rng.random() < 0.35:
            _plant_tree(site, rng, nursery, along, outwards)
        elif site.claim(along, outwards, 1.6, 1.6):
            site.put(nursery.bush(), along, outwards, turn=float(rng.uniform(0, 6.28)))


def _background(site: Site, rng: Rng, nursery: plants.Nursery) -> None:
    """What is seen through the gaps."""
    for _ in range(int(0.24 * (site.span[1] - site.span[0]))):
        along, outwards = float(rng.uniform(*site.span)), float(rng.uniform(16, 50))
        if rng.random() < 0.5:
            _plant_tree(site, rng, nursery, along, outwards)
        elif outwards > 22 and site.claim(along, outwards + 5, 16, 10):
            part = buildings.building(rng, 16.0, 10.0, int(rng.integers(2, 6)))
            site.put(part, along, outwards, turn=float(rng.normal(0, 0.1)))


def _plant_tree(
    site: Site, rng: Rng, nursery: plants.Nursery, along: float, outwards: float
) -> None:
    if site.claim(along, outwards, 1.2, 0.8):
        site.put(nursery.tree(), along, outwards, float(rng.uniform(0, 2 * np.pi)))
