"""Figures of delays and of layers: files that hold pictures, and refusals."""

from pathlib import Path

import numpy as np
import pytest

from neurospike import viz
from neurospike.errors import ArgumentError


def delays(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"first": rng.uniform(0, 24, (8, 5, 1)), "second": rng.uniform(0, 24, 7)}


def is_png(path: Path) -> bool:
    return path.read_bytes()[1:4] == b"PNG"


@pytest.mark.parametrize("dt_ms", [None, 10.0])
def test_delay_histograms(tmp_path: Path, dt_ms: float | None) -> None:
    path = viz.delay_histograms(delays(0), delays(1), tmp_path / "d.png", dt_ms=dt_ms)
    assert is_png(path)


def test_delay_histograms_of_long_and_of_equal_delays(tmp_path: Path) -> None:
    long, none = {"a": np.arange(1000.0)}, {"a": np.zeros(3)}
    assert is_png(viz.delay_histograms(long, none, tmp_path / "d.png"))
    assert is_png(viz.delay_histograms(none, none, tmp_path / "d.png"))


def test_delay_histograms_refuse_other_layers_and_no_delays(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="must hold the layers of before"):
        viz.delay_histograms(delays(0), {"first": [1.0]}, tmp_path / "d.png")
    with pytest.raises(ArgumentError, match="the delays of 'a' must be finite, one or more"):
        viz.delay_histograms({"a": []}, {"a": []}, tmp_path / "d.png")
    with pytest.raises(ArgumentError, match="the delays of 'a' must be finite, one or more"):
        viz.delay_histograms({"a": [1.0]}, {"a": [np.nan]}, tmp_path / "d.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("sigma", [[12.0, 1.0, 0.5], [0.5], [1.0, 1.0]])
def test_sigma_curve(tmp_path: Path, sigma: list[float]) -> None:
    history = {"epoch": np.arange(len(sigma)), "sigma": sigma}
    assert is_png(viz.sigma_curve(history, tmp_path / "s.png"))


def test_sigma_curve_refuses_what_is_missing_or_not_positive(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="columns epoch and sigma; got \\['epoch'\\]"):
        viz.sigma_curve({"epoch": [0]}, tmp_path / "s.png")
    for epoch, sigma in (([0, 1], [1.0, 0.0]), ([0], [1.0, 2.0]), ([], [])):
        with pytest.raises(ArgumentError, match="must be above 0, one for each"):
            viz.sigma_curve({"epoch": epoch, "sigma": sigma}, tmp_path / "s.png")


def test_layer_rasters(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    spikes = {"input": rng.poisson(0.1, (20, 140)), "layer 1": rng.random((32, 8)) < 0.1}
    assert is_png(viz.layer_rasters(spikes, tmp_path / "r.png", dt_ms=10))
    assert is_png(viz.layer_rasters({"silent": np.zeros((5, 1))}, tmp_path / "r.png"))


def test_layer_rasters_refuse_other_shapes_and_values(tmp_path: Path) -> None:
    for given, message in (
        ({}, "one layer or more"),
        ({"a": np.zeros(3)}, r"'a' must be \(T, neurons\)"),
        ({"a": np.zeros((0, 3))}, r"'a' must be \(T, neurons\)"),
        ({"a": -np.ones((2, 2))}, "'a' must be finite and 0 or more"),
        ({"a": np.full((2, 2), np.inf)}, "'a' must be finite and 0 or more"),
    ):
        with pytest.raises(ArgumentError, match=message):
            viz.layer_rasters(given, tmp_path / "r.png")
