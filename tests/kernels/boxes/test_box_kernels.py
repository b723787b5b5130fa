"""The numba kernels against the plain oracle, at awkward sizes and in awkward places."""

import numpy as np
import pytest

from neurospike.kernels.boxes import reference as slow
from neurospike.kernels.boxes import select as fast


def boxes(rows: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack(
        [rng.normal(0, 2, (rows, 3)), rng.uniform(0, 5, (rows, 3)), rng.uniform(-7, 7, rows)]
    )


@pytest.mark.parametrize("volume", [False, True])
@pytest.mark.parametrize(("m", "n"), [(0, 0), (0, 3), (1, 1), (3, 0), (17, 31)])
def test_overlaps_match_the_oracle(m: int, n: int, volume: bool) -> None:
    a, b = boxes(m, 1), boxes(n, 2)
    np.testing.assert_allclose(
        fast.iou(a, b, volume=volume), slow.iou_matrix(a, b, volume=volume), rtol=0, atol=1e-12
    )
    pairs = min(m, n)
    np.testing.assert_array_equal(
        fast.iou(a[:pairs], b[:pairs], volume=volume, paired=True),
        np.diagonal(fast.iou(a, b, volume=volume))[:pairs],
    )


@pytest.mark.parametrize("volume", [False, True])
@pytest.mark.parametrize("limit", [None, 0, 1, 5])
@pytest.mark.parametrize("rows", [0, 1, 2, 63])
def test_suppression_matches_the_oracle(rows: int, limit: int | None, volume: bool) -> None:
    many = boxes(rows, 3)
    scores = np.random.default_rng(4).integers(0, 6, rows) / 5  # many are equal
    order = np.argsort(-scores, kind="stable")
    kept = fast.nms(many, scores, 0.2, volume=volume, limit=limit)
    most = rows if limit is None else limit
    assert kept.dtype == np.int64
    assert kept.tolist() == slow.suppress(many, order, 0.2, volume=volume, limit=most)


@pytest.mark.parametrize("step", [0.0, 1e-16, 1e-12, 1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize("turn", [0.0, 1e-300, 1e-16, 1e-12, 1e-8, 1e-5, np.pi / 2, np.pi])
def test_nearly_parallel_edges_lose_nothing(turn: float, step: float) -> None:
    """Two nearly equal boxes, turned by any amount: they share nearly all."""
    for yaw in np.linspace(-3.2, 3.2, 41):
        a = np.array([[3.0, -2.0, 1.0, 2.0, 2.0, 1.0, yaw]])
        b = a + np.array([step, step, 0, 0, 0, 0, turn])
        expected = 1 - 2 * step - 2 * turn * (turn < 1)  # to first order, from below
        assert expected - 1e-12 <= fast.iou(a, b, volume=False)[0, 0] <= 1.0


def test_boxes_thinner_than_their_last_digit_do_not_overrun() -> None:
    rng = np.random.default_rng(5)
    a = boxes(2000, 6)
    a[:, 3:5] = 10.0 ** rng.uniform(-30, 2, (2000, 2))
    b = a.copy()
    b[:, :2] += rng.choice([0.0, 1e-16, 1e-12, -1e-16], (2000, 2)) * a[:, 3:5]
    b[:, 6] += rng.choice([0.0, 1e-16, 1e-15, np.pi / 2, np.pi], 2000)
    found = fast.iou(a, b, volume=False, paired=True)
    assert ((found >= 0) & (found <= 1)).all()
