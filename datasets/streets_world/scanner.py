"""A spinning LiDAR of 64 beams: where its rays go, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets.streets_world import materials
from neurospike.datasets.streets_world.mesh import Floats
from neurospike.errors import MissingExtraError

Rng = np.random.Generator
Singles = NDArray[np.float32]

BEAMS_DEG = np.concatenate([2.0 - np.arange(32) / 3, -8.83 - np.arange(32) / 2])
"""Elevations of the beams, highest first: +2 to -8.33 degrees by a third, -8.83 to -24.33 by a
half; the HDL-64E's two blocks, as ``scanRegistration.cpp`` of A-LOAM (Qin and Cao) has them."""
TURN_COLUMNS = 2150
"""Firings a turn, 0.167 degrees apart: rings without losses have as many points in KITTI."""
TURN_S = 0.1
MOUNT_M = 1.73
RANGE_M = (0.9, 80.0)
NOISE_M = 0.02


@dataclass(frozen=True)
class Rays:
    """Directions and firing times of part of a turn.

    Attributes
    ----------
    columns
        (A,) places in the turn, -180 degrees first; ordered from straight ahead to the left.
    azimuth, around
        (A,) radians, counter-clockwise from straight ahead: -pi to pi, and 0 to 2 pi, rising.
    time
        (A,) seconds before and after the beam looks straight ahead.
    directions
        float32 (64, A, 3) in the scanner's frame.
    """

    columns: NDArray[np.int64]
    azimuth: Floats
    around: Floats
    time: Floats
    directions: Singles


@lru_cache(maxsize=4)
def rays(field_deg: float = 360.0) -> Rays:
    """Rays within a field of view around straight ahead."""
    columns = np.arange(TURN_COLUMNS)
    turn = (columns + 0.5) / TURN_COLUMNS - 0.5
    columns = columns[np.abs(turn) * 360 <= field_deg / 2]
    columns = columns[np.argsort(np.mod(turn[columns], 1.0), kind="stable")]
    azimuth = 2 * np.pi * turn[columns]
    elevation = np.radians(BEAMS_DEG)[:, None]
    directions = np.stack(
        np.broadcast_arrays(
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ),
        axis=-1,
    )
    around = np.mod(azimuth, 2 * np.pi)
    return Rays(columns, azimuth, around, TURN_S * turn[columns], directions.astype(np.float32))


def raycasting() -> Any:
    """open3d's ray casting scene and tensor, imported on first use."""
    try:
        import open3d.core
        from open3d.t.geometry import RaycastingScene
    except (ImportError, OSError) as error:
        raise MissingExtraError(
            f"Streets: needs open3d ({error}); pip install 'neurospike[pointcloud]', and on "
            "Debian apt-get install libusb-1.0-0 libgomp1 libgl1 libx11-6"
        ) from error
    return RaycastingScene, open3d.core.Tensor


class Caster:
    """Triangles (F, 3, 3) that rays are cast at."""

    def __init__(self, corners: Floats) -> None:
        scene, self._tensor = raycasting()
        self._scene = scene(nthreads=1)
        flat = np.ascontiguousarray(corners.reshape(-1, 3), dtype=np.float32)
        self._scene.add_triangles(flat, np.arange(len(flat), dtype=np.uint32).reshape(-1, 3))

    def cast(
        self, origins: Singles, directions: Singles
    ) -> tuple[Singles, NDArray[np.uint32], Singles]:
        """Distances (N,), infinite without a hit, triangles (N,), and their normals (N, 3)."""
        both = np.concatenate([origins, directions], axis=1)
        answer = self._scene.cast_rays(self._tensor.from_numpy(both), nthreads=1)
        columns = ("t_hit", "primitive_ids", "primitive_normals")
        distance, triangle, normals = (answer[column].numpy() for column in columns)
        return distance, triangle, normals


def incidence(normals: Singles, directions: Singles) -> Singles:
    """Cosines (N,) between rays and the normals of what they meet, (N, 3) each."""
    # Column by column: sums along rows of three are slow.
    cosine = normals[:, 0] * directions[:, 0]
    cosine += normals[:, 1] * directions[:, 1]
    cosine += normals[:, 2] * directions[:, 2]
    np.abs(cosine, out=cosine)
    return cosine


@dataclass
class Hits:
    """The nearest surface on every ray, (64, A) each; where none is, the distance is infinite.

    Attributes
    ----------
    distance, cosine
        float32, along the ray in metres, and of the incidence.
    material, label
        Of the triangle.
    instance
        0 is the static world; otherwise the actor's place in the list, plus 1.
    """

    distance: Singles
    cosine: Singles
    material: NDArray[np.int16]
    label: NDArray[np.int16]
    instance: NDArray[np.int32]


# The car that carries the scanner hides the lowest beams: (first beam, degrees from, to), as both
# real frames have it: tail, bonnet, and the roof rack's corners and mast.
_OWN_CAR = (
    (52, 155, 202), (60, 150, 212), (57, -9, 10), (60, -14, 15), (62, -22, 20),
    (57, 124, 133), (60, 128, 138), (62, 125, 150), (57, -130, -120), (60, -135, -124),
    (46, -80, -65), (59, -85, -78), (61, -42, -30),
)  # fmt: skip


def hidden(part: Rays) -> NDArray[np.bool_]:
    """Mask (64, A) of rays that end on the scanner's own car."""
    turn = np.degrees(part.azimuth)
    mask = np.zeros((len(BEAMS_DEG), len(turn)), dtype=bool)
    for beam, low, high in _OWN_CAR:
        mask[beam:, (np.mod(turn - low, 360) < high - low)] = True
    return mask


def returned(hits: Hits, rng: Rng) -> tuple[Singles, Singles, NDArray[np.bool_]]:
    """Measured distances and intensities, (64, A), and which rays come back at all.

    Echoes are as strong as reflectance times cosine over the squared distance, and are lost one
    by one as they get faint; panes let most rays through. Intensities fade beyond some 25 m, and
    one in thirty is not measured, as in KITTI's files.
    """
    shape = hits.distance.shape
    found = np.isfinite(hits.distance)
    distance = np.where(found, hits.distance, np.float32(1))
    gauss = rng.standard_normal((2, *shape), dtype=np.float32)
    luck = rng.random((3, *shape), dtype=np.float32)
    diffuse = materials.REFLECTANCE[hits.material]
    albedo = np.maximum(diffuse + materials.VARIATION[hits.material] * gauss[0], np.float32(0.01))
    away = distance * np.float32(1 / 30)
    weak = _FAINT * (away * away) / (albedo * np.maximum(hits.cosine, np.float32(0.01)))
    chance = materials.RETURNED[hits.material] * _BEST / (1 + weak * np.sqrt(weak))
    measured = distance + np.float32(NOISE_M) * gauss[1]
    measured += materials.DEPTH[hits.material] * -np.log1p(-luck[0])
    far = distance * np.float32(1 / 40)
    far *= far
    shine = albedo * (_FLAT + (1 - _FLAT) * np.sqrt(hits.cosine)) / (1 + far * far) - _FLOOR
    intensity = np.clip(shine, 0, np.float32(0.99)) * (luck[2] > _UNMEASURED)
    kept = found & (luck[1] < chance) & (measured > RANGE_M[0]) & (measured < RANGE_M[1])
    return measured, intensity, kept


_FAINT = np.float32(0.004)  # echo, relative to a white wall at 30 m, of which half are lost
_BEST = np.float32(0.995)  # share that comes back where the echo is strong
_FLAT = np.float32(0.65)  # share of an intensity that does not depend on the angle
_FLOOR = np.float32(0.02)
_UNMEASURED = np.float32(0.035)
