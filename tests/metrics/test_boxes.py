"""Rotated overlap and suppression: known figures, a peer, and bad input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurospike.errors import ArgumentError
from neurospike.metrics import rotated_iou, rotated_nms

CAR = [0.0, 0.0, 0.0, 4.0, 2.0, 1.5, 0.3]


def box(**changes: float) -> list[float]:
    names = ("x", "y", "z", "dx", "dy", "dz", "yaw")
    return [changes.get(name, value) for name, value in zip(names, CAR, strict=True)]


@pytest.mark.parametrize("mode", ["3d", "bev"])
def test_known_overlaps(mode: str) -> None:
    square = box(dx=2, dy=2, dz=2, yaw=0)
    diamond = [*square[:6], np.pi / 4]
    octagon = 8 * (np.sqrt(2) - 1)  # of a square of edge 2 and its turn by 45 degrees
    cases = [
        (CAR, CAR, 1.0),
        (CAR, box(yaw=0.3 + np.pi), 1.0),
        (CAR, box(x=4 * np.cos(0.3), y=4 * np.sin(0.3)), 0.0),  # ends touch
        (box(yaw=0), box(yaw=0, y=2), 0.0),  # sides touch
        (box(yaw=0), box(yaw=0, y=1), 1 / 3),
        (box(yaw=0), box(yaw=0, x=1, y=1), 3 / 13),
        (box(yaw=0), box(yaw=np.pi / 2), 4 / 12),
        (square, diamond, octagon / (8 - octagon)),
        (square, box(dx=1, dy=1, dz=2, yaw=1.1), 1 / 4),  # one within the other
        (square, box(x=50), 0.0),
    ]
    for a, b, expected in cases:
        assert rotated_iou([a], [b], mode)[0, 0] == pytest.approx(expected, abs=1e-14)
        assert rotated_iou([b], [a], mode)[0, 0] == pytest.approx(expected, abs=1e-14)


def test_height_counts_in_3d_only() -> None:
    raised = box(z=0.5)
    assert rotated_iou([CAR], [raised], "bev")[0, 0] == 1.0
    assert rotated_iou([CAR], [raised])[0, 0] == pytest.approx(1.0 / 2.0)
    assert rotated_iou([CAR], [box(z=1.5)])[0, 0] == 0.0  # one stands on the other
    assert rotated_iou([CAR], [box(dz=0.5)])[0, 0] == pytest.approx(1 / 3)


def test_a_box_without_volume_overlaps_nothing() -> None:
    flat = [box(dx=0), box(dy=0), box(dz=0), box(dx=0, dy=0, dz=0)]
    assert not rotated_iou(flat, [CAR, *flat]).any()
    seen = rotated_iou(flat, [CAR, *flat], "bev")
    assert seen[2, 0] == 1.0
    assert seen.sum() == 2.0  # the flat one and the car, the flat one and itself


@pytest.mark.parametrize("away", [1e3, 1e9, 1e15, 1e200, 1e308])
def test_places_far_away_lose_no_digits(away: float) -> None:
    ulp = np.spacing(away)
    a, b = box(x=away, y=-away, dx=4 * ulp, dy=2 * ulp), box(x=away, y=-away, dx=4 * ulp)
    for one in (a, b):
        one[3:6] = [min(edge, 1e90) for edge in one[3:6]]
    assert rotated_iou([a, CAR], [a], "bev").tolist() == [[1.0], [0.0]]
    assert rotated_iou([a], [b], "bev")[0, 0] <= 1.0
    assert rotated_iou([[away, 0, 0, 4, 2, 1, 1]], [[-away, 0, 0, 4, 2, 1, 1]])[0, 0] == 0.0


def test_100000_pairs_agree_with_shapely() -> None:
    shapely = pytest.importorskip("shapely")
    rng = np.random.default_rng(7)
    count = 100_000
    a, b = (
        np.column_stack(
            [
                rng.uniform(-70, 70, (count, 3)),
                rng.uniform(0.05, 6, (count, 3)),
                rng.uniform(-8, 8, count),
            ]
        )
        for _ in range(2)
    )
    b[:, :3] = a[:, :3] + rng.normal(0, 1.2, (count, 3))  # half of them meet
    b[: count // 4, 6] = a[: count // 4, 6] + rng.normal(0, 1e-6, count // 4)

    def faces(boxes: np.ndarray) -> np.ndarray:
        along, across = np.array([1, -1, -1, 1]) / 2, np.array([1, 1, -1, -1]) / 2
        u, v = boxes[:, 3:4] * along, boxes[:, 4:5] * across
        c, s = np.cos(boxes[:, 6:]), np.sin(boxes[:, 6:])
        x, y = boxes[:, :1] + c * u - s * v, boxes[:, 1:2] + s * u + c * v
        return shapely.polygons(np.stack([x, y], axis=-1))

    shared = shapely.area(shapely.intersection(faces(a), faces(b)))
    whole = a[:, 3] * a[:, 4] + b[:, 3] * b[:, 4]
    bev = rotated_iou(a, b, "bev", paired=True)
    assert 0.4 < (bev > 0).mean() < 0.9
    assert np.abs(bev - shared / (whole - shared)).max() < 1e-9

    top = np.minimum(a[:, 2] + a[:, 5] / 2, b[:, 2] + b[:, 5] / 2)
    bottom = np.maximum(a[:, 2] - a[:, 5] / 2, b[:, 2] - b[:, 5] / 2)
    shared *= np.maximum(top - bottom, 0)
    whole = a[:, 3:6].prod(1) + b[:, 3:6].prod(1)
    assert np.abs(rotated_iou(a, b, paired=True) - shared / (whole - shared)).max() < 1e-9


def test_suppression_keeps_the_best_and_is_stable() -> None:
    cars = [CAR, CAR, box(x=20), box(x=20.1), box(x=60)]
    assert rotated_nms(cars, [0.5, 0.5, 0.1, 0.9, 0.2], 0.5).tolist() == [3, 0, 4]
    assert rotated_nms(cars, [0.5] * 5, 1.0).tolist() == [0, 1, 2, 3, 4]  # above it, not at it
    assert rotated_nms(cars, [0.5] * 5, 0.0).tolist() == [0, 2, 4]
    assert rotated_nms(cars, [1, 2, 3, 4, 5], 0.5, limit=2).tolist() == [4, 3]
    assert rotated_nms(np.empty((0, 7)), [], 0.5).tolist() == []
    storeys = [CAR, box(z=10)]
    assert rotated_nms(storeys, [1, 2], 0.5).tolist() == [1]
    assert rotated_nms(storeys, [1, 2], 0.5, mode="3d").tolist() == [1, 0]


def test_tensors_come_back_as_tensors() -> None:
    cars = torch.tensor([CAR, box(x=1.0)])
    overlap = rotated_iou(cars, cars)
    assert isinstance(overlap, torch.Tensor) and overlap.dtype == torch.float64
    kept = rotated_nms(cars.requires_grad_(), torch.tensor([0.1, 0.2]), 0.1)
    assert isinstance(kept, torch.Tensor) and kept.tolist() == [1]
    assert rotated_iou(torch.empty(0, 7), cars).shape == (0, 2)
    assert rotated_iou([], [CAR]).shape == (0, 1)


@pytest.mark.parametrize(
    ("a", "message"),
    [
        ([box(dx=-1)], "edges must lie within .* at row 0"),
        ([CAR, box(dz=1e101)], "edges must lie within .* at row 1"),
        ([box(yaw=np.nan)], "must be finite; got 1 NaN"),
        ([box(x=np.inf)], "must be finite"),
        ([CAR[:6]], r"must have shape \(M, 7\)"),
        (CAR, r"must have shape \(M, 7\)"),
        ([["car"] * 7], "must be real numbers"),
    ],
)
def test_bad_boxes_are_named(a: list[object], message: str) -> None:
    with pytest.raises(ArgumentError, match=rf"^rotated_iou\.a: {message}"):
        rotated_iou(a, [CAR])
    with pytest.raises(ArgumentError, match=rf"^rotated_nms\.boxes: {message}"):
        rotated_nms(a, [1.0], 0.5)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ArgumentError, match="mode: must be among 3d, bev; got '2d'"):
        rotated_iou([CAR], [CAR], "2d")
    with pytest.raises(ArgumentError, match="as many rows as a where paired; got 2 for 1"):
        rotated_iou([CAR], [CAR, CAR], paired=True)
    with pytest.raises(ArgumentError, match=r"scores: must be one number a box"):
        rotated_nms([CAR], [1.0, 2.0], 0.5)
    with pytest.raises(ArgumentError, match=r"scores: must be finite"):
        rotated_nms([CAR], [np.nan], 0.5)
    with pytest.raises(ArgumentError, match=r"threshold: must lie within 0\.\.1; got 2"):
        rotated_nms([CAR], [1.0], 2)
    with pytest.raises(ArgumentError, match="limit: must be 0 or more; got -1"):
        rotated_nms([CAR], [1.0], 0.5, limit=-1)


numbers = st.floats(-50, 50)
edges = st.floats(0.01, 10)
many_boxes = st.lists(
    st.tuples(numbers, numbers, numbers, edges, edges, edges, st.floats(-10, 10)),
    min_size=1,
    max_size=5,
).map(np.array)


@given(many_boxes, many_boxes, st.floats(-4, 4), numbers, numbers)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_overlap_does_not_depend_on_the_point_of_view(
    a: np.ndarray, b: np.ndarray, turn: float, east: float, north: float
) -> None:
    """Order, a half turn, naming the other edge the length, and moving both change nothing."""

    def seen(boxes: np.ndarray) -> np.ndarray:
        c, s = np.cos(turn), np.sin(turn)
        out = boxes.copy()
        out[:, 0] = c * boxes[:, 0] - s * boxes[:, 1] + east
        out[:, 1] = s * boxes[:, 0] + c * boxes[:, 1] + north
        out[:, 6] += turn
        return out

    def renamed(boxes: np.ndarray) -> np.ndarray:
        out = boxes[:, [0, 1, 2, 4, 3, 5, 6]]
        out[:, 6] += np.pi / 2
        return out

    for mode in ("bev", "3d"):
        overlap = rotated_iou(a, b, mode)
        assert ((overlap >= 0) & (overlap <= 1)).all()
        others = [
            rotated_iou(b, a, mode).T,
            rotated_iou(seen(a), seen(b), mode),
            rotated_iou(renamed(a), b, mode),
            rotated_iou(a, b + np.array([0, 0, 0, 0, 0, 0, np.pi]), mode),
        ]
        for other in others:
            np.testing.assert_allclose(other, overlap, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(rotated_iou(a, a, mode, paired=True), 1.0)


@given(many_boxes, st.floats(0, 1), st.data())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_suppression_keeps_the_best_of_every_heap(
    boxes: np.ndarray, threshold: float, data: st.DataObject
) -> None:
    scores = np.array(
        data.draw(st.lists(st.integers(0, 3), min_size=len(boxes), max_size=len(boxes)))
    )
    kept = rotated_nms(boxes, scores, threshold)
    overlap = rotated_iou(boxes, boxes, "bev")
    assert (np.diff(scores[kept]) <= 0).all()
    for place, row in enumerate(kept):
        assert (overlap[kept[:place], row] <= threshold).all()
    for row in set(range(len(boxes))) - set(kept.tolist()):
        better = kept[(scores[kept] > scores[row]) | ((scores[kept] == scores[row]) & (kept < row))]
        assert (overlap[better, row] > threshold).any()
