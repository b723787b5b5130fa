"""One generated street, and scans of it from a car that drives through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets.streets_world.materials import IGNORED
from neurospike.datasets.streets_world.mesh import Floats, Mesh, join, turned
from neurospike.datasets.streets_world.road import GROUND, draw_road
from neurospike.datasets.streets_world.scanner import (
    BEAMS_DEG,
    MOUNT_M,
    RANGE_M,
    Caster,
    Hits,
    Rays,
    Singles,
    rays,
    returned,
)
from neurospike.datasets.streets_world.scenery import scenery
from neurospike.datasets.streets_world.traffic import Actor, traffic

_START_M = 50.0
_AHEAD_M = 70.0
_STREAM_LAYOUT, _STREAM_SCAN = 0, 1
_MIRRORS_M = 0.12


@dataclass(frozen=True)
class Seen:
    """An actor within reach of the scanner.

    Attributes
    ----------
    name, instance
        KITTI's class or None, and the number that its points carry.
    box
        (7,) centre, length, width, height, yaw in the scanner's frame.
    alone, reached
        Rays that would meet it with nothing else there, and those that do.
    """

    name: str | None
    instance: int
    box: Floats
    alone: int
    reached: int


@dataclass(frozen=True)
class Scan:
    """What a turn of the scanner saw, in its frame as it looked straight ahead.

    Attributes
    ----------
    points
        float32 (N, 4) x, y, z in metres and intensity 0..1, ring by ring, the highest first.
    label, instance
        int64 (N,), SemanticKITTI's train ids and actors' numbers from 1.
    pose
        (4, 4), this frame to the world's.
    seen
        Actors that the rays could reach.
    actors
        The highest instance that a point may have.
    """

    points: Singles
    label: NDArray[np.int64]
    instance: NDArray[np.int64]
    pose: Floats
    seen: tuple[Seen, ...]
    actors: int


class World:
    """A street by ``key``, driven through in ``scans`` scans, ``interval_s`` apart.

    Parameters
    ----------
    key
        Integers; equal keys give equal worlds.

    Cost
    ----
    Some 100,000 triangles: 0.2 s to build, then 20 to 80 ms a scan, on one core.
    """

    def __init__(self, key: Sequence[int], scans: int, interval_s: float = 1.0) -> None:
        self.key = tuple(key)
        rng = np.random.default_rng([*key, _STREAM_LAYOUT])
        self.interval_s = interval_s
        self.speed = float(rng.uniform(3, 13)) if rng.random() < 0.85 else 0.5
        length = _START_M + self.speed * interval_s * (scans - 1) + _AHEAD_M
        self.road = draw_road(rng, length)
        self.static, sites = scenery(self.road, rng)
        placed = [len(site.placed) for site in sites]
        self.actors = traffic(self.road, sites, _START_M, self.speed, rng)
        extra = [
            part for site, old in zip(sites, placed, strict=True) for part in site.placed[old:]
        ]
        if extra:
            self.static = join([self.static, *extra])
        self._caster = Caster(self.static.corners)
        self._own: dict[int, Caster] = {}

    def scan(self, number: int, field_deg: float = 360.0) -> Scan:
        """The scan of a number, over all of the turn or the part straight ahead."""
        rng = np.random.default_rng([*self.key, _STREAM_SCAN, number])
        time = number * self.interval_s
        pose = self._placed(time, rng)
        part = rays(field_deg)
        origins, directions = _in_world(part, pose, self.speed)
        hits = _static_hits(self._caster, self.static, origins, directions)
        self._ask_ground(hits, origins, directions)
        seen = [
            record
            for index in range(len(self.actors))
            if (record := self._meet(index, time, pose, part, origins, directions, hits))
        ]
        distance, intensity, kept = returned(hits, rng)
        local = part.directions * distance[..., None].astype(np.float64)
        local[..., 0] += self.speed * part.time
        points = np.concatenate([local, intensity[..., None]], axis=-1)[kept]
        # Files of KITTI hold millimetres and hundredths.
        points = points.round(3).astype(np.float32)
        points[:, 3] = points[:, 3].round(2)
        counts = np.bincount(hits.instance.ravel(), minlength=len(self.actors) + 1)
        return Scan(
            points,
            hits.label[kept].astype(np.int64),
            hits.instance[kept].astype(np.int64),
            pose,
            tuple(
                Seen(name, instance, box, alone, int(counts[instance]))
                for name, instance, box, alone in seen
            ),
            len(self.actors),
        )

    def pose(self, number: int) -> Floats:
        """Of a scan: (4, 4), its frame to the world's."""
        rng = np.random.default_rng([*self.key, _STREAM_SCAN, number])
        return self._placed(number * self.interval_s, rng)

    def _placed(self, time: float, rng: np.random.Generator) -> Floats:
        """Where the scanner is: in the right lane, with a little sway, pitch and roll."""
        along = _START_M + self.speed * time
        across = -self.road.half / 2 + rng.normal(0, 0.12)
        x, y, heading = self.road.course.at(along, across)
        yaw, pitch, roll = heading + rng.normal(0, 0.02), rng.normal(0, 0.005), rng.normal(0, 0.005)
        cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
        pose = np.eye(4)
        pose[:3, :3] = [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
        pose[:3, 3] = x, y, self.road.height(x, y) + MOUNT_M
        return pose

    def _ask_ground(self, hits: Hits, origins: Singles, directions: Singles) -> None:
        low = hits.label == GROUND
        _, columns = np.nonzero(low)
        at = origins[columns].astype(np.float64) + directions[low] * hits.distance[low][:, None]
        hits.label[low], hits.material[low] = self.road.ground(at[:, 0], at[:, 1])

    def _meet(
        self,
        index: int,
        time: float,
        pose: Floats,
        part: Rays,
        origins: Singles,
        directions: Singles,
        hits: Hits,
    ) -> tuple[str | None, int, Floats, int] | None:
        """Cast the rays of an actor's window at it alone, and take those that it stops first."""
        actor = self.actors[index]
        x, y, z, yaw = actor.at(time, self.road)
        away = np.hypot(x - pose[0, 3], y - pose[1, 3])
        if away > RANGE_M[1] + actor.size[0] / 2:
            return None
        box = _box_in(pose, actor, (x, y, z, yaw))
        window = _window(box, part)
        if window is None:
            return None
        rows, columns = window
        if index not in self._own:
            self._own[index] = Caster(actor.mesh.corners)
        shift = origins[columns].astype(np.float64) - (x, y, z)
        near = turned(shift, -yaw)
        look = turned(directions[rows][:, columns].astype(np.float64), -yaw)
        start = np.broadcast_to(near, look.shape).reshape(-1, 3).astype(np.float32)
        distance, triangle, cosine = self._own[index].cast(
            start, look.reshape(-1, 3).astype(np.float32)
        )
        met = np.isfinite(distance)
        block = np.ix_(rows, columns)
        shape = (len(rows), len(columns))
        nearer = met.reshape(shape) & (distance.reshape(shape) < hits.distance[block])
        flat = np.flatnonzero(nearer)
        r, c = rows[flat // shape[1]], columns[flat % shape[1]]
        hits.distance[r, c] = distance[flat]
        hits.cosine[r, c] = cosine[flat]
        hits.material[r, c] = actor.mesh.material[triangle[flat]]
        hits.label[r, c] = actor.mesh.label[triangle[flat]]
        hits.instance[r, c] = index + 1
        return actor.name, index + 1, box, int(met.sum())


def _in_world(part: Rays, pose: Floats, speed: float) -> tuple[Singles, Singles]:
    """Origins (A, 3) and directions (64, A, 3) of a turn, the scanner moving as it fires."""
    origins = pose[:3, 3] + (speed * part.time)[:, None] * pose[:3, 0]
    # Written out: a matrix product may round otherwise with another number of BLAS threads.
    x, y, z = (part.directions[..., axis : axis + 1] for axis in range(3))
    directions = x * pose[:3, 0] + y * pose[:3, 1] + z * pose[:3, 2]
    return origins.astype(np.float32), directions.astype(np.float32)


def _static_hits(caster: Caster, static: Mesh, origins: Singles, directions: Singles) -> Hits:
    shape = directions.shape[:2]
    start = np.broadcast_to(origins, directions.shape).reshape(-1, 3)
    distance, triangle, cosine = caster.cast(start, directions.reshape(-1, 3))
    triangle[~np.isfinite(distance)] = 0
    label = np.where(np.isfinite(distance), static.label[triangle], IGNORED).astype(np.int16)
    return Hits(
        distance.reshape(shape).copy(),
        cosine.reshape(shape).copy(),
        static.material[triangle].reshape(shape),
        label.reshape(shape),
        np.zeros(shape, dtype=np.int32),
    )


def _box_in(pose: Floats, actor: Actor, place: tuple[float, float, float, float]) -> Floats:
    """The actor's box as the scanner sees it."""
    x, y, z, yaw = place
    rotation = pose[:3, :3]
    middle = np.array([x, y, z + actor.size[2] / 2]) - pose[:3, 3]
    ahead = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    centre = (rotation * middle[:, None]).sum(axis=0)
    look = (rotation * ahead[:, None]).sum(axis=0)
    return np.array([*centre, *actor.size, np.arctan2(look[1], look[0])])


def _window(box: Floats, part: Rays) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Beams and columns that may meet a box."""
    half = box[3:6] / 2 + (0.1, _MIRRORS_M, 0.1)
    corners = turned(half * _SIGNS, float(box[6])) + box[:3]
    middle = np.arctan2(box[1], box[0])
    level = np.hypot(corners[:, 0], corners[:, 1])
    if level.min() < half[:2].max():
        spread = np.pi
    else:
        turn = np.arctan2(corners[:, 1], corners[:, 0]) - middle
        spread = np.abs(np.mod(turn + np.pi, 2 * np.pi) - np.pi).max() + 0.02
    away = np.abs(np.mod(part.azimuth - middle + np.pi, 2 * np.pi) - np.pi)
    columns = np.flatnonzero(away <= spread)
    # The tilted scanner sees an upright box a little higher or lower.
    nearest = max(float(level.min()) - 0.3, 0.5)
    low = np.degrees(np.arctan2(corners[:, 2].min(), nearest if corners[:, 2].min() < 0 else 90))
    high = np.degrees(
        np.arctan2(corners[:, 2].max(), nearest if corners[:, 2].max() > 0 else level.max())
    )
    rows = np.flatnonzero((low - 0.6 <= BEAMS_DEG) & (high + 0.6 >= BEAMS_DEG))
    return (rows, columns) if len(rows) and len(columns) else None


_SIGNS = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], dtype=np.float64)
