"""Tiny trees in the three published layouts of ModelNet."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from neurospike.datasets.modelnet_forms import CLASSES

CUBE = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
SQUARES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def off_text(header: str = "OFF\n", *, triangles: bool = False) -> str:
    faces = [(a, b, c) for a, b, c, d in SQUARES for b, c in ((b, c), (c, d))]
    polygons = faces if triangles else SQUARES
    lines = [" ".join(map(str, corner)) for corner in CUBE]
    lines += [f"{len(face)} " + " ".join(map(str, face)) for face in polygons]
    return f"{header}{len(CUBE)} {len(polygons)} 0\n" + "\n".join(lines) + "\n"


def off_tree(root: Path, variant: str = "modelnet10", train: int = 3, test: int = 2) -> Path:
    folder = root / variant.replace("modelnet", "ModelNet")
    for name in CLASSES[variant]:
        for split, count, first in (("train", train, 1), ("test", test, train + 1)):
            (folder / name / split).mkdir(parents=True)
            for number in range(first, first + count):
                header = "OFF" if number % 2 else "OFF\n"
                path = folder / name / split / f"{name}_{number:04d}.off"
                path.write_text(off_text(header, triangles=number % 3 == 0))
    return folder


def cloud(seed: int, points: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((points, 6)).astype(np.float32)
    rows[:, 3:] /= np.linalg.norm(rows[:, 3:], axis=1, keepdims=True)
    return rows


def text_tree(root: Path, variant: str = "modelnet10", train: int = 3, test: int = 2) -> Path:
    folder = root / "modelnet40_normal_resampled"
    folder.mkdir(parents=True)
    listed: dict[str, list[str]] = {"train": [], "test": []}
    for label, name in enumerate(CLASSES[variant]):
        (folder / name).mkdir()
        for number in range(1, train + test + 1):
            shape = f"{name}_{number:04d}"
            listed["train" if number <= train else "test"].append(shape)
            np.savetxt(
                folder / name / f"{shape}.txt",
                cloud(100 * label + number, 50),
                fmt="%.6f",
                delimiter=",",
            )
    for split, names in listed.items():
        (folder / f"{variant}_{split}.txt").write_text("\n".join(names) + "\n")
    (folder / f"{variant}_shape_names.txt").write_text("\n".join(CLASSES[variant]) + "\n")
    return folder


def hdf5_tree(root: Path, train: int = 80, test: int = 40) -> Path:
    import h5py

    folder = root / "modelnet40_ply_hdf5_2048"
    folder.mkdir(parents=True)
    for split, total in (("train", train), ("test", test)):
        for part, rows in enumerate(np.array_split(np.arange(total), 2)):
            clouds = np.stack([cloud(int(row), 32) for row in rows])
            with h5py.File(folder / f"ply_data_{split}{part}.h5", "w") as file:
                file["data"], file["normal"] = clouds[..., :3], clouds[..., 3:]
                file["label"] = (rows % 40).astype(np.uint8)[:, None]
    (folder / "shape_names.txt").write_text("\n".join(CLASSES["modelnet40"]) + "\n")
    return folder


@pytest.fixture(scope="session")
def fakes() -> SimpleNamespace:
    return SimpleNamespace(off_text=off_text, off=off_tree, text=text_tree, hdf5=hdf5_tree)
