"""What surfaces send back, and the classes of SemanticKITTI that they belong to."""

from __future__ import annotations

import numpy as np

from neurospike.datasets.semantic_kitti_labels import CLASSES, IGNORED

__all__ = ["CLASS", "DEPTH", "IGNORED", "MATERIAL", "REFLECTANCE", "RETURNED", "VARIATION"]

CLASS = {name: index for index, name in enumerate(CLASSES)}

# name: (diffuse reflectance at 905 nm, its variation, share of rays that come back). Our own
# choices, set so that intensities have the quantiles of two real frames: docs/streets.md.
_TABLE = {
    "asphalt": (0.35, 0.05, 1.0),
    "paint_line": (0.62, 0.10, 1.0),
    "paving": (0.42, 0.05, 1.0),
    "gravel": (0.38, 0.08, 1.0),
    "grass": (0.43, 0.06, 0.98),
    "leaf": (0.42, 0.09, 0.97),
    "bark": (0.30, 0.06, 1.0),
    "plaster": (0.44, 0.05, 1.0),
    "brick": (0.37, 0.06, 1.0),
    "roof": (0.26, 0.05, 1.0),
    "glass": (0.10, 0.06, 0.25),
    "car_glass": (0.08, 0.05, 0.18),
    "metal": (0.38, 0.10, 1.0),
    "wood": (0.35, 0.07, 1.0),
    "sign": (0.95, 0.06, 1.0),
    "plate": (0.90, 0.10, 1.0),
    "lamp": (0.55, 0.20, 0.9),
    "rubber": (0.07, 0.03, 0.95),
    "paint_dark": (0.06, 0.04, 0.80),
    "paint_mid": (0.26, 0.06, 0.98),
    "paint_light": (0.50, 0.08, 1.0),
    "cloth_dark": (0.16, 0.05, 0.99),
    "cloth_light": (0.48, 0.09, 1.0),
    "skin": (0.42, 0.05, 1.0),
    "plastic": (0.22, 0.05, 1.0),
}
MATERIAL = {name: index for index, name in enumerate(_TABLE)}
REFLECTANCE = np.array([row[0] for row in _TABLE.values()], dtype=np.float32)
VARIATION = np.array([row[1] for row in _TABLE.values()], dtype=np.float32)
RETURNED = np.array([row[2] for row in _TABLE.values()], dtype=np.float32)

_DEPTHS = {"grass": 0.04, "leaf": 0.03, "gravel": 0.01}
DEPTH = np.array([_DEPTHS.get(name, 0.0) for name in _TABLE], dtype=np.float32)
"""Mean depth in metres that a ray reaches into a soft surface."""
