"""The streaming suite, on a small network and few scans."""

from typing import Any

import numpy as np
import pytest
import torch

from neurospike.bench import streaming
from neurospike.encoders import Voxelizer


class Still(torch.nn.Module):
    def forward(self, voxels: Any) -> torch.Tensor:
        return voxels.features.sum(0)


def test_rows_say_latency_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Still().eval(), Voxelizer(1.0, (0, -20, -3, 40, 20, 1))
    monkeypatch.setattr(streaming, "_published", lambda: pair)
    monkeypatch.setattr(streaming, "_small", lambda: pair)
    monkeypatch.setattr(streaming, "LONG_RUN", 12)
    monkeypatch.setattr(streaming, "SETTLED", 5)
    rows = streaming.run(repeats=1)
    assert [row["peer"] for row in rows[:2]] == [streaming.SENSOR] * 2
    assert "4 scans in a row" in rows[0]["case"]
    assert "12 scans in a row" in rows[1]["case"]
    for row in rows[:2]:
        assert 0 < row["ours_ms"] <= row["p99_ms"]
        assert row["ratio"] == pytest.approx(100 / row["p99_ms"])
    if len(rows) == 3:
        assert rows[2]["ratio"] == pytest.approx(1.0, abs=0.2)


def test_frames_are_what_the_camera_sees() -> None:
    for frame in streaming._frames():
        assert len(frame) > 5_000
        assert frame[:, 0].min() > 0
        assert frame.dtype == np.float32


def test_the_detectors_are_the_published_and_the_recipes() -> None:
    model, voxelizer = streaming._small()
    assert voxelizer.voxel_size == model.voxel_size
    assert model.classes == ("Car", "Pedestrian", "Cyclist")
