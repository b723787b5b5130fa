from typing import Any

import numpy as np
import pytest

from neurospike.train.augment_scan import Move, augment_scan, drop_points, random_move
from neurospike.train.scan_sections import AugmentScanPart


def corners(boxes: Any) -> Any:
    """(M, 8, 3), slowly."""
    out = np.empty((len(boxes), 8, 3))
    for row, (x, y, z, length, width, height, yaw) in enumerate(boxes):
        for index in range(8):
            along, across, up = (((index >> bit) & 1) - 0.5 for bit in range(3))
            a, b = along * length, across * width
            out[row, index] = (
                x + a * np.cos(yaw) - b * np.sin(yaw),
                y + a * np.sin(yaw) + b * np.cos(yaw),
                z + up * height,
            )
    return out


def boxes(count: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [
            rng.normal(0, 9, (count, 3)),
            rng.uniform(0.5, 5, (count, 3)),
            rng.uniform(-3, 3, (count, 1)),
        ],
        axis=1,
    )


@pytest.mark.parametrize("flip_x", [False, True])
@pytest.mark.parametrize("flip_y", [False, True])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_boxes_go_with_their_points(flip_x: bool, flip_y: bool, count: int) -> None:
    move = Move(0.7, scale=1.3, shift=(1.0, -2.0, 0.5), flip_x=flip_x, flip_y=flip_y)
    given = boxes(count)
    before = given.copy()
    found = corners(move.boxes(given))
    wanted = move.points(corners(given).reshape(-1, 3)).reshape(-1, 8, 3)
    for a, b in zip(found, wanted, strict=True):
        # The same eight corners, in another order where the box was mirrored.
        distance = np.linalg.norm(a[:, None] - b[None], axis=2)
        assert distance.min(1).max() < 1e-4
        assert distance.min(0).max() < 1e-4
    np.testing.assert_array_equal(given, before)


def test_a_box_keeps_looking_at_where_its_front_goes() -> None:
    car = np.array([[5.0, 1.0, 0.0, 4.0, 2.0, 1.5, 0.4]])
    for flip_x, flip_y in ((True, False), (False, True), (True, True)):
        move = Move(0.3, flip_x=flip_x, flip_y=flip_y)
        ahead = car[:, :3] + 2 * np.array([[np.cos(0.4), np.sin(0.4), 0.0]])
        found = move.boxes(car)[0]
        step = move.points(ahead)[0] - found[:3]
        assert np.cos(found[6]) * step[0] + np.sin(found[6]) * step[1] == pytest.approx(2, abs=1e-5)


def test_further_columns_and_the_given_array_stay() -> None:
    points = np.arange(12, dtype=np.float32).reshape(3, 4)
    before = points.copy()
    found = Move(1.0, scale=2.0).points(points)
    np.testing.assert_array_equal(found[:, 3], before[:, 3])
    np.testing.assert_array_equal(points, before)
    assert found.dtype == np.float32


def test_a_move_stays_within_the_limits_of_its_recipe() -> None:
    part = AugmentScanPart(flip="xy", rotate_deg=45, scale=(0.9, 1.1), shift_m=0.2)
    moves = [random_move(part, np.random.default_rng(seed)) for seed in range(200)]
    assert 0.5 < max(abs(m.angle) for m in moves) <= np.pi / 4
    assert all(0.9 <= m.scale <= 1.1 for m in moves)
    assert {(m.flip_x, m.flip_y) for m in moves} == {(a, b) for a in (0, 1) for b in (0, 1)}
    still = random_move(AugmentScanPart(), np.random.default_rng(0))
    assert (still.angle, still.scale, still.shift) == (0.0, 1.0, (0.0, 0.0, 0.0))
    assert not still.flip_x and not still.flip_y


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_dropped_points_take_their_labels_along(count: int) -> None:
    points = np.repeat(np.arange(count, dtype=np.float32)[:, None], 4, axis=1)
    sample = {"points": points, "label": np.arange(count), "name": "a", "boxes": boxes(2)}
    found = drop_points(sample, 0.5, np.random.default_rng(3))
    assert count / 2 - 1 <= len(found["points"]) <= count
    np.testing.assert_array_equal(found["points"][:, 0], found["label"])
    np.testing.assert_array_equal(found["boxes"], sample["boxes"])


def test_the_same_generator_gives_the_same_scan() -> None:
    part = AugmentScanPart(flip="y", rotate_deg=45, scale=(0.9, 1.1), shift_m=0.2, drop_points=0.3)
    sample = {"points": np.random.default_rng(0).random((50, 4), np.float32), "boxes": boxes(2)}
    a, b = (augment_scan(sample, part, np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(a["points"], b["points"])
    np.testing.assert_array_equal(a["boxes"], b["boxes"])
