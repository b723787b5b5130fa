"""One generated street, and scans of it from a car that drives through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets.streets_world.encounters import (
    Model,
    boxes_in,
    cast_at,
    in_reach,
    is_hidden,
    windows,
)
from neurospike.datasets.streets_world.materials import IGNORED
from neurospike.datasets.streets_world.mesh import Floats, Mesh, join
from neurospike.datasets.streets_world.road import GROUND, draw_road
from neurospike.datasets.streets_world.scanner import (
    MOUNT_M,
    Caster,
    Hits,
    Rays,
    Singles,
    hidden,
    incidence,
    rays,
    returned,
)
from neurospike.datasets.streets_world.scenery import scenery
from neurospike.datasets.streets_world.traffic import KINDS, model, places, traffic

_START_M = 50.0
_AHEAD_M = 70.0
_STREAM_LAYOUT, _STREAM_SCAN, _STREAM_MODEL = 0, 1, 2


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
        Actors that rays met, or would have but for another actor.
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
        sites = scenery(self.road, rng)
        self.actors = traffic(self.road, sites, _START_M, self.speed, rng)
        self.static = join([self.road.mesh(), *(part for site in sites for part in site.placed)])
        self._caster = Caster(self.static.corners)
        self._models: dict[tuple[str, int], Model] = {}

    def scan(self, number: int, field_deg: float = 360.0) -> Scan:
        """The scan of a number, over all of the turn or the part straight ahead."""
        rng = np.random.default_rng([*self.key, _STREAM_SCAN, number])
        time = number * self.interval_s
        pose = self._placed(time, rng)
        part = rays(field_deg)
        origins, directions = _in_world(part, pose, self.speed)
        hits = _static_hits(self._caster, self.static, origins, directions)
        self._ask_ground(hits, origins, directions)
        met = self._meet_actors(time, pose, part, origins, directions, hits)
        distance, intensity, kept = returned(hits, rng)
        kept &= ~hidden(part)
        reached = np.bincount(hits.instance.ravel(), minlength=len(self.actors) + 1)
        return Scan(
            _points(part, distance, intensity, kept, self.speed),
            hits.label[kept].astype(np.int64),
            hits.instance[kept].astype(np.int64),
            pose,
            tuple(
                Seen(self.actors[index].name, index + 1, box, alone, int(reached[index + 1]))
                for index, box, alone in met
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

    def _meet_actors(
        self,
        time: float,
        pose: Floats,
        part: Rays,
        origins: Singles,
        directions: Singles,
        hits: Hits,
    ) -> list[tuple[int, Floats, int]]:
        """Put actors into the hits; those that rays could meet, their boxes, and how many rays."""
        where = places(self.actors, time, self.road)
        near = np.flatnonzero(in_reach(where, pose, part)).tolist()
        models = [self._model(index) for index in near]
        boxes = boxes_in(pose, where[near], np.array([found.size for found in models]))
        met = []
        for index, found, box, rows_columns in zip(
            near, models, boxes, windows(boxes, part), strict=True
        ):
            if rows_columns is not None and not is_hidden(box, rows_columns, hits):
                alone = cast_at(
                    found, where[index], rows_columns, origins, directions, hits, index + 1
                )
                met.append((index, box, alone))
        return met

    def _model(self, index: int) -> Model:
        actor = self.actors[index]
        which = (actor.kind, actor.version)
        if which not in self._models:
            number = (KINDS.index(actor.kind), actor.version)
            mesh, size = model(actor.kind, (*self.key, _STREAM_MODEL, *number))
            self._models[which] = Model(mesh, size, Caster(mesh.corners))
        return self._models[which]


def _points(
    part: Rays, distance: Singles, intensity: Singles, kept: NDArray[np.bool_], speed: float
) -> Singles:
    """What is kept, in millimetres and hundredths, as files of KITTI have it."""
    _, columns = np.nonzero(kept)
    xyz = part.directions[kept] * distance[kept][:, None]
    xyz[:, 0] += (speed * part.time[columns]).astype(np.float32)
    return np.concatenate([xyz.round(3), intensity[kept][:, None].round(2)], axis=1)


def _in_world(part: Rays, pose: Floats, speed: float) -> tuple[Singles, Singles]:
    """Origins (A, 3) and directions (64, A, 3) of a turn, the scanner moving as it fires."""
    origins = pose[:3, 3] + (speed * part.time)[:, None] * pose[:3, 0]
    turn = pose[:3, :3].astype(np.float32)
    # Written out: a matrix product may round otherwise with another number of BLAS threads.
    x, y, z = (part.directions[..., axis] for axis in range(3))
    directions = np.empty_like(part.directions)
    for axis, (a, b, c) in enumerate(turn):
        directions[..., axis] = x * a + y * b + z * c
    return origins.astype(np.float32), directions


def _static_hits(caster: Caster, static: Mesh, origins: Singles, directions: Singles) -> Hits:
    shape = directions.shape[:2]
    start = np.broadcast_to(origins, directions.shape).reshape(-1, 3)
    look = directions.reshape(-1, 3)
    distance, triangle, normals = caster.cast(start, look)
    met = np.isfinite(distance)
    triangle = np.where(met, triangle, 0)
    label = np.where(met, static.label[triangle], IGNORED).astype(np.int16)
    return Hits(
        distance.reshape(shape).copy(),
        incidence(normals, look).reshape(shape),
        static.material[triangle].reshape(shape),
        label.reshape(shape),
        np.zeros(shape, dtype=np.int32),
    )
