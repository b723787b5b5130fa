"""Parallel projection of points in space onto a page."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """Parallel projection: screen axes and the direction from the scene to the eye."""

    right: Floats
    up: Floats
    eye: Floats

    @classmethod
    def at(cls, azimuth_deg: float, elevation_deg: float) -> Camera:
        a, e = math.radians(azimuth_deg), math.radians(elevation_deg)
        return cls(
            np.array([-math.sin(a), math.cos(a), 0.0]),
            np.array([-math.cos(a) * math.sin(e), -math.sin(a) * math.sin(e), math.cos(e)]),
            np.array([math.cos(a) * math.cos(e), math.sin(a) * math.cos(e), math.sin(e)]),
        )

    def project(self, xyz: Floats) -> Floats:
        """(..., 3) to (..., 2)."""
        return np.stack([xyz @ self.right, xyz @ self.up], axis=-1)
