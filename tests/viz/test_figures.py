"""Figures: whole files or none, no global state, clear refusals."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from neurospike import viz
from neurospike.errors import ArgumentError, DataError, MissingExtraError

RNG = np.random.default_rng(0)
HISTORY = [
    {"epoch": 0.0, "train_loss": 2.0, "val_loss": 2.1, "val_accuracy": 0.2, "seconds": 3.0},
    {"epoch": 1.0, "train_loss": 1.0, "val_loss": None, "val_accuracy": ""},
    {"epoch": 2.0, "train_loss": 0.5, "val_loss": 0.9, "val_accuracy": 0.8},
]
BALL = np.argwhere(np.linalg.norm(np.indices((9, 9, 9)) - 4, axis=0) < 4)
ENERGIES = [
    {"name": "stem", "snn_pj": 2e3, "snn_low_pj": 1e3, "snn_high_pj": 4e3, "ann_pj": 9e3},
    {"name": "head", "snn_pj": 5e2, "snn_low_pj": 1e2, "snn_high_pj": 6e2},
]
POINTS = [
    {"group": "a", "energy_pj": 1e6, "accuracy": 0.5, "front": True, "name": "T1 D1"},
    {"group": "a", "energy_pj": 2e6, "accuracy": 0.9, "front": True, "name": "T1 D2"},
    {"group": "a", "energy_pj": 3e6, "accuracy": 0.7, "front": False, "name": "T2 D1"},
    {
        "group": "b",
        "energy_pj": 4e7,
        "energy_low_pj": 1e7,
        "energy_high_pj": 9e7,
        "accuracy": 1.0,
        "accuracy_low": 0.9,
        "accuracy_high": 1.0,
        "front": True,
    },
]

FIGURES = {
    "curves": lambda out: viz.loss_curves(HISTORY, out),
    "raster": lambda out: viz.spike_raster(RNG.random((200, 40)) < 0.1, out, dt_ms=1.0),
    "integers": lambda out: viz.spike_raster(RNG.integers(0, 5, (8, 400)), out),
    "unary": lambda out: viz.spike_raster(RNG.random((8, 4)) < 0.5, out, virtual_steps=4),
    "silence": lambda out: viz.spike_raster(np.zeros((3, 2)), out),
    "voxels": lambda out: viz.voxel_view(BALL, None, out, voxel_size_m=(0.1, 0.1, 0.2)),
    "energy": lambda out: viz.energy_bars(ENERGIES, out),
    "pareto": lambda out: viz.pareto_plot(POINTS, out, note="1 of 5 points without a result"),
    "point": lambda out: viz.pareto_plot(POINTS[:1], out),
}


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_one_file_of_its_kind(tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / "deep" / f"{name}{suffix}"
    assert FIGURES[name](path) == path
    head = path.read_bytes()[:8]
    assert head.startswith({".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix])
    assert os.listdir(path.parent) == [path.name]


def test_figures_are_equal_files_for_equal_data(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "a.svg", "b.svg"):
        viz.voxel_view(BALL, None, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_settings_of_matplotlib_are_left_alone(tmp_path: Path) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    viz.loss_curves(HISTORY, tmp_path / "a.png")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 40), (3, 1, 1), (600, 500, 40)])
def test_voxels_of_any_extent_are_drawn(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    places = np.unique(RNG.integers(0, shape, (300, 3)), axis=0)
    samples = np.concatenate([np.zeros((len(places), 1), int), places], axis=1)
    samples = np.concatenate([samples, [[1, 9999, 0, 0]]])
    path = viz.voxel_view(samples, np.arange(len(samples)), tmp_path / "a.png", label="row")
    assert path.stat().st_size > 5_000


def test_columns_and_rows_of_a_history_draw_the_same(tmp_path: Path) -> None:
    columns = {
        "epoch": [0, 1, 2],
        "train_loss": [2.0, 1.0, 0.5],
        "val_loss": [2.1, np.nan, 0.9],
        "val_accuracy": np.array([0.2, np.nan, 0.8]),
    }
    viz.loss_curves(HISTORY, tmp_path / "rows.png")
    viz.loss_curves(columns, tmp_path / "columns.png")
    assert (tmp_path / "rows.png").read_bytes() == (tmp_path / "columns.png").read_bytes()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda out: viz.loss_curves([], out), "a column named for a loss"),
        (lambda out: viz.loss_curves({"epoch": [1]}, out), "a column named for a loss"),
        (lambda out: viz.loss_curves({"loss": [1], "epoch": [1, 2]}, out), "one length"),
        (lambda out: viz.spike_raster(np.zeros(3), out), r"\(T, neurons\)"),
        (lambda out: viz.spike_raster(np.zeros((0, 3)), out), r"\(T, neurons\)"),
        (lambda out: viz.spike_raster(np.full((1, 1), -1), out), "0 or more"),
        (lambda out: viz.spike_raster(np.full((1, 1), np.nan), out), "finite"),
        (lambda out: viz.spike_raster(np.ones((1, 1)), out, virtual_steps=0), "virtual_steps"),
        (lambda out: viz.voxel_view(np.zeros((2, 2), int), None, out), "must be integers"),
        (lambda out: viz.voxel_view(np.zeros((2, 3)), None, out), "must be integers"),
        (lambda out: viz.voxel_view(np.zeros((0, 3), int), None, out), "at least one voxel"),
        (lambda out: viz.voxel_view(BALL, np.zeros(3), out), "one number a voxel"),
        (lambda out: viz.voxel_view(BALL, BALL[:, 0] * np.nan, out), "must be finite"),
        (lambda out: viz.voxel_view(BALL, None, out, elevation_deg=90), "must lie in 5..85"),
        (lambda out: viz.voxel_view(BALL, None, out, voxel_size_m=(1, 1)), "three edges"),
        (lambda out: viz.energy_bars([], out), "1 to 40 rows"),
        (lambda out: viz.energy_bars([{"name": "a", "macs": 3}], out), "end in _pj"),
        (lambda out: viz.energy_bars([{"name": "a", "snn_pj": -1.0}], out), "0 or more"),
        (lambda out: viz.pareto_plot([], out), "one point or more"),
        (lambda out: viz.pareto_plot([{**POINTS[0], "energy_pj": 0}], out), "above 0; got 0.0 pJ"),
        (lambda out: viz.pareto_plot([{**POINTS[0], "accuracy": 50}], out), "shares from 0 to 1"),
        (lambda out: viz.loss_curves(HISTORY, out.with_suffix(".bmp")), "must end in one of"),
    ],
)
def test_bad_arguments_are_named_and_leave_nothing(tmp_path: Path, call, match: str) -> None:
    with pytest.raises(ArgumentError, match=match):
        call(tmp_path / "a.png")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", FIGURES)
def test_an_unwritable_place_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        FIGURES[name](tmp_path / "file" / "a.png")
    assert os.listdir(tmp_path) == ["file"]


def test_a_missing_matplotlib_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install neurospike\[train\]"):
        viz.loss_curves(HISTORY, tmp_path / "a.png")
