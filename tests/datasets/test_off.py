"""OFF meshes: every header in the wild, and nothing but DataError from a broken file."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurospike.datasets import read_off, sample_surface
from neurospike.errors import DataError

TRIANGLE = "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
QUIET = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "mesh.off"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "header", ["OFF\n3 1 0\n", "OFF3 1 0\n", "OFF 3 1 0\n", "OFF\r\n3 1 0\r\n", "# a\nOFF\n\n3 1\n"]
)
def test_headers_of_all_kinds(tmp_path: Path, header: str) -> None:
    vertices, triangles = read_off(written(tmp_path, header + TRIANGLE))
    assert vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert triangles.tolist() == [[0, 1, 2]]
    assert triangles.dtype == np.int64


def test_polygons_become_fans_and_colours_are_skipped(tmp_path: Path) -> None:
    corners = "0 0 0\n1 0 0\n2 1 0\n1 2 0\n0 1 0\n"
    path = written(tmp_path, f"OFF\n5 2 0\n{corners}5 0 1 2 3 4 255 0 0\n3 0 1 2 0.5 0.5 0.5\n")
    assert read_off(path)[1].tolist() == [[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 1, 2]]


def test_quads_cover_the_same_surface_as_triangles(tmp_path: Path, fakes) -> None:
    quads = read_off(written(tmp_path, fakes.off_text()))
    triangles = read_off(written(tmp_path, fakes.off_text(triangles=True)))
    assert np.array_equal(quads[0], triangles[0])
    assert np.array_equal(np.sort(quads[1], axis=0), np.sort(triangles[1], axis=0))


def test_a_mesh_without_faces_is_read_but_not_sampled(tmp_path: Path) -> None:
    mesh = read_off(written(tmp_path, "OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 0\n"))
    assert mesh[1].shape == (0, 3)
    with pytest.raises(DataError, match="needs a surface"):
        sample_surface(*mesh, 5, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no OFF header"),
        ("PLY\n3 1 0\n" + TRIANGLE, "no OFF header"),
        ("COFF\n3 1 0\n" + TRIANGLE, "no OFF header"),
        ("OFF\n", "the header holds"),
        ("OFF\nthree one\n" + TRIANGLE, "the header holds"),
        ("OFF\n-3 1 0\n" + TRIANGLE, "not negative"),
        ("OFF\n30 1 0\n" + TRIANGLE, "announces 30 vertices"),
        ("OFF\n999999999999999999 1 0\n" + TRIANGLE, "announces"),
        ("OFF\n3 2 0\n" + TRIANGLE, "announces 3 vertices and 2 faces"),
        ("OFF\n3 1 0\n0 0 0\n1 0\n0 1 0\n3 0 1 2\n", "vertex 1 needs three numbers"),
        ("OFF\n3 1 0\n0 0 0\n1 x 0\n0 1 0\n3 0 1 2\n", "vertex 1 needs three numbers"),
        ("OFF\n3 1 0\n0 0 0\n1 nan 0\n0 1 0\n3 0 1 2\n", "must be finite"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1\n", "face 0 needs"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n2 0 1\n", "face 0 needs"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 3\n", "indices lie in 0..2; got 3"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 -1 2\n", "indices lie in 0..2; got -1"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 99999999999999999999\n", "indices lie in"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, text: str, match: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=match) as caught:
        read_off(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "unpack the archive again" in str(caught.value)


def test_a_missing_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*No such file"):
        read_off(tmp_path / "none.off")


@QUIET
@given(st.data())
def test_damage_raises_nothing_but_data_error(tmp_path: Path, fakes, data: st.DataObject) -> None:
    whole = bytearray(fakes.off_text("OFF").encode())
    for _ in range(data.draw(st.integers(0, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        vertices, triangles = read_off(written(tmp_path, cut))
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert np.isfinite(vertices).all()
        assert not triangles.size or triangles.max() < len(vertices)


def test_points_are_uniform_by_area_and_on_the_surface() -> None:
    # A unit square of two triangles and a sliver of a thousandth of its area.
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 5], [0.002, 0, 5.0]])
    vertices = np.vstack([vertices, [[0, 1, 5]]])
    triangles = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6]])
    points, normals = sample_surface(vertices, triangles, 40_000, rng=np.random.default_rng(0))
    below = points[points[:, 2] == 0]
    assert abs(len(below) / 40_000 - 1 / 1.001) < 1e-3
    assert abs(below[:, :2].mean(axis=0) - 0.5).max() < 0.01
    cells = np.histogram2d(below[:, 0], below[:, 1], bins=4)[0] / len(below)
    assert abs(cells - 1 / 16).max() < 0.005
    assert np.array_equal(normals, np.tile(np.float32([0, 0, 1]), (40_000, 1)))


def test_faces_without_area_are_never_chosen() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [9, 9, 9]])
    triangles = np.array([[3, 3, 3], [0, 1, 2], [3, 3, 3]])
    points, normals = sample_surface(vertices, triangles, 1000, rng=np.random.default_rng(0))
    assert points.max() <= 1
    assert np.isfinite(normals).all()
