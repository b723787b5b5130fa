import numpy as np
import pytest

from neurospike.train.boxed_points import points_in_boxes


@pytest.mark.parametrize(("points", "boxes"), [(0, 3), (5, 0), (1, 1), (700, 9)])
@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_the_search_finds_what_every_pair_says(points: int, boxes: int, margin: float) -> None:
    rng = np.random.default_rng(points)
    cloud = rng.uniform(-6, 6, (points, 4)).astype(np.float32)
    cuboids = np.concatenate(
        [
            rng.uniform(-5, 5, (boxes, 3)),
            rng.uniform(0.5, 6, (boxes, 3)),
            rng.uniform(-7, 7, (boxes, 1)),
        ],
        axis=1,
    )
    found = points_in_boxes(cloud, cuboids, margin_m=margin)
    assert len(found) == boxes
    for rows, (x, y, z, length, width, height, yaw) in zip(found, cuboids, strict=True):
        wanted = []
        for row, point in enumerate(cloud.astype(np.float64)):
            dx, dy = point[0] - x, point[1] - y
            along = np.cos(yaw) * dx + np.sin(yaw) * dy
            across = np.cos(yaw) * dy - np.sin(yaw) * dx
            half = np.array([length, width, height]) / 2 + margin
            if (np.abs([along, across, point[2] - z]) <= half).all():
                wanted.append(row)
        assert rows.tolist() == wanted


def test_points_that_are_not_finite_lie_in_no_box() -> None:
    cloud = np.array([[np.nan, 0, 0, 0], [0, 0, 0, 0], [np.inf, 0, 0, 0]], np.float32)
    box = np.array([[0.0, 0, 0, 1, 1, 1, 0]])
    assert points_in_boxes(cloud, box)[0].tolist() == [1]
