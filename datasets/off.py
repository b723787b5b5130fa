"""Object File Format: the meshes of Princeton's ModelNet."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neurospike.datasets._common import read_bytes
from neurospike.errors import DataError

_REMEDY = "unpack the archive again"


def read_off(path: str | Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Vertices and triangles of an OFF file.

    Headers that share their line with the counts (``OFF490 518 0``), comments and colours behind
    the indices are read; polygons become fans of triangles, which is exact where they are convex.

    Shape
    -----
    out: vertices (V, 3), triangles (F, 3)

    Raises
    ------
    DataError
        No OFF header, counts that do not match the contents, text where numbers should stand,
        vertices that are not finite, or an index beyond the vertices.

    Cost
    ----
    Linear in the file; some 3 µs a triangle.
    """
    path = Path(path)
    text = read_bytes("read_off", path, _REMEDY)
    if b"#" in text:
        text = b"\n".join(line.split(b"#", 1)[0] for line in text.splitlines())
    stripped = text.lstrip()
    if not stripped.startswith(b"OFF"):
        raise _broken(path, "no OFF header", f"starts with {stripped[:12]!r}")
    counts_line, _, body = stripped[3:].lstrip().partition(b"\n")
    n_vertices, n_faces = _counts(path, counts_line)
    vertices, triangles = _regular(body, n_vertices, n_faces) or _irregular(
        path, body, n_vertices, n_faces
    )
    if not np.isfinite(vertices).all():
        raise _broken(path, "vertices must be finite", "got NaN or infinity")
    if triangles.size and not 0 <= triangles.min() <= triangles.max() < n_vertices:
        worst = int(triangles.max() if triangles.max() >= n_vertices else triangles.min())
        raise _broken(path, f"indices lie in 0..{n_vertices - 1}", f"got {worst}")
    return vertices, triangles


def _broken(path: Path, rule: str, got: str) -> DataError:
    return DataError(f"read_off: {path}: {rule}; {got}; {_REMEDY}")


def _counts(path: Path, line: bytes) -> tuple[int, int]:
    words = line.split()
    try:
        vertices, faces = int(words[0]), int(words[1])
    except (IndexError, ValueError):
        raise _broken(
            path, "the header holds vertices, faces, edges", f"got {line[:40]!r}"
        ) from None
    if vertices < 0 or faces < 0:
        raise _broken(path, "counts are not negative", f"got {vertices} and {faces}")
    return vertices, faces


def _regular(
    body: bytes, n_vertices: int, n_faces: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    """The usual file, nothing but three coordinates a vertex and triangles; None for others."""
    words = body.split()
    if len(words) != 3 * n_vertices + 4 * n_faces:
        return None
    try:
        vertices = np.array(words[: 3 * n_vertices], dtype=np.bytes_).astype(np.float64)
        faces = np.array(words[3 * n_vertices :], dtype=np.bytes_).astype(np.int64)
    except (ValueError, OverflowError):
        return None
    faces = faces.reshape(-1, 4)
    if (faces[:, 0] != 3).any():
        return None
    return vertices.reshape(-1, 3), faces[:, 1:].copy()


def _irregular(
    path: Path, body: bytes, n_vertices: int, n_faces: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Line by line: polygons, colours, and the reason why a broken file is broken."""
    lines = [words for words in map(bytes.split, body.splitlines()) if words]
    if len(lines) < n_vertices + n_faces:
        raise _broken(
            path,
            f"the header announces {n_vertices} vertices and {n_faces} faces",
            f"the file ends after {len(lines)} of {n_vertices + n_faces} lines",
        )
    vertices = np.empty((n_vertices, 3))
    for row, words in enumerate(lines[:n_vertices]):
        try:
            vertices[row] = [float(words[axis]) for axis in range(3)]
        except (IndexError, ValueError):
            got = b" ".join(words)[:40]
            raise _broken(path, f"vertex {row} needs three numbers", f"got {got!r}") from None
    triangles: list[tuple[int, int, int]] = []
    for row, words in enumerate(lines[n_vertices : n_vertices + n_faces]):
        corners = _corners(path, row, words)
        triangles += [(corners[0], b, c) for b, c in pairwise(corners[1:])]
    try:
        return vertices, np.array(triangles, dtype=np.int64).reshape(-1, 3)
    except OverflowError:
        raise _broken(path, f"indices lie in 0..{n_vertices - 1}", "got a larger one") from None


def _corners(path: Path, row: int, words: list[bytes]) -> list[int]:
    try:
        count = int(words[0])
        corners = [int(word) for word in words[1 : count + 1]]
    except ValueError:
        count, corners = 0, []
    if count < 3 or len(corners) != count:
        got = b" ".join(words)[:40]
        raise _broken(
            path, f"face {row} needs a count of 3 or more and as many indices", f"got {got!r}"
        )
    return corners
