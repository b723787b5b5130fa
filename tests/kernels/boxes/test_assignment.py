"""Who found whom: the numba kernels against the plain oracle, over frames of awkward sizes."""

import numpy as np
import pytest

from neurospike.kernels.boxes import assignment_numba as fast
from neurospike.kernels.boxes import assignment_reference as slow

ROLES = np.array([slow.COUNTS, slow.COUNTS, slow.IGNORED, slow.OTHER], np.int8)


def candidates(starts: list[np.ndarray], enough: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of labels and of detections that overlap enough, over frames end to end."""
    found: list[tuple[int, int]] = []
    for frame in range(len(starts[0]) - 1):
        (a, b), (c, d), (e, f) = (start[frame : frame + 2] for start in starts)
        here = np.argwhere(enough[e:f].reshape(b - a, d - c))
        found += [(a + label, c + row) for label, row in here.tolist()]
    pairs = np.array(found, np.int64)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


@pytest.mark.parametrize("least", [0.0, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_frames_match_the_oracle(seed: int, least: float) -> None:
    rng = np.random.default_rng(seed)
    labels, widths = rng.integers(0, 6, 40), rng.integers(0, 9, 40)
    labels[:4], widths[:4] = (0, 0, 1, 3), (0, 2, 0, 1)
    starts = [np.cumsum([0, *counts]) for counts in (labels, widths, labels * widths)]
    overlap = rng.integers(0, 11, starts[2][-1]) / 10  # many are equal
    label_roles, roles = rng.choice(ROLES, starts[0][-1]), rng.choice(ROLES, starts[1][-1])
    scores = rng.integers(0, 6, len(roles)) / 5
    in_region = np.maximum(rng.random(len(roles)) - 0.3, 0.0)
    label_angles, angles = rng.normal(0, 3, len(label_roles)), rng.normal(0, 3, len(roles))
    thresholds = np.array([0.9, 0.4, 0.0])

    expected_scores: list[float] = []
    expected = np.zeros((3, 4))
    for frame in range(40):
        (a, b), (c, d), (e, f) = (start[frame : frame + 2] for start in starts)
        setting = (
            overlap[e:f].reshape(b - a, d - c),
            label_roles[a:b].tolist(),
            roles[c:d].tolist(),
            scores[c:d].tolist(),
            least,
        )
        expected_scores += slow.found_scores(*setting)
        turn = label_angles[a:b, None] - angles[None, c:d]
        for step, threshold in enumerate(thresholds):
            expected[step] += slow.tally(
                *setting, threshold=threshold, in_region=in_region[c:d].tolist(), turn=turn
            )

    label, row = candidates(starts, overlap > least)
    pairs = (np.searchsorted(label, np.arange(len(label_roles) + 1)), row, label_roles, roles)
    assert fast.found_scores(*pairs, scores).tolist() == expected_scores
    ours = fast.tally(
        *pairs,
        scores,
        overlap[overlap > least],
        thresholds,
        in_region > least,
        label_angles,
        angles,
    )
    np.testing.assert_array_equal(ours[:, :3], expected[:, :3])
    np.testing.assert_allclose(ours[:, 3], expected[:, 3], rtol=1e-12)
    assert expected[:, :3].min() > 0  # every case occurs


def test_no_threshold_gives_no_rows() -> None:
    none, roles = np.empty(0), np.empty(0, np.int8)
    nobody = (np.zeros(1, np.int64), np.empty(0, np.int64), roles, roles, none)
    assert fast.found_scores(*nobody).shape == (0,)
    assert fast.tally(*nobody, none, none, none > 0, none, none).shape == (0, 4)
