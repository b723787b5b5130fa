"""Streets: equal bits by seed, worlds apart, boxes around their points, layouts read back."""

import numpy as np
import pytest

from neurospike.datasets import Streets
from neurospike.errors import ArgumentError


@pytest.fixture(scope="module")
def detect() -> Streets:
    return Streets("train", 16, seed=3)


def inside(points: np.ndarray, box: np.ndarray, margin: float) -> np.ndarray:
    offset = points[:, :3].astype(np.float64) - box[:3]
    c, s = np.cos(box[6]), np.sin(box[6])
    own = np.stack(
        [c * offset[:, 0] + s * offset[:, 1], c * offset[:, 1] - s * offset[:, 0], offset[:, 2]], 1
    )
    return (np.abs(own) <= box[3:6] / 2 + margin).all(axis=1)


def test_samples_have_points_boxes_and_labels(detect: Streets) -> None:
    for sample in detect:
        points, label = sample["points"], sample["label"]
        assert points.dtype == np.float32
        assert points.shape[1] == 4
        assert 0 <= points[:, 3].min() <= points[:, 3].max() <= 1
        assert sample["calibration"].in_image(points).all()
        solid = [name for name in label.names if name != "DontCare"]
        assert tuple(solid) == sample["names"]
        assert sample["boxes"].shape == (len(solid), 7)
        for box in sample["boxes"]:
            assert inside(points, box, 0.15).sum() >= 5


def test_equal_bits_in_any_order() -> None:
    forward, backward = Streets("val", 3, seed=5), Streets("val", 9, seed=5, keep=False)
    first = [forward[index]["points"] for index in range(3)]
    for index in (2, 0, 1):
        assert np.array_equal(first[index], backward[index]["points"])


def test_arguments_are_checked() -> None:
    with pytest.raises(ArgumentError, match=r"Streets\.task: one of"):
        Streets(task="classify")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"Streets\.scans: at least 0"):
        Streets(scans=-1)
    with pytest.raises(ArgumentError, match=r"Streets\.interval_s"):
        Streets(interval_s=0)
