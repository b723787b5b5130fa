"""The benchmark of boxes compares equal work, and its rows say what they are."""

import numpy as np
import pytest

from neurospike.bench import boxes, run

pytest.importorskip("shapely")


def test_candidates_find_the_same() -> None:
    for case, candidates in boxes.cases(pairs=40, side=8, proposals=50).items():
        ours = candidates.pop(boxes.OURS)()
        assert len(ours)
        for name, candidate in candidates.items():
            np.testing.assert_allclose(candidate(), ours, atol=1e-9, err_msg=f"{case}: {name}")


def test_pairs_meet() -> None:
    a = boxes.detections(100)[0]
    assert a.shape == (100, 7)
    assert (a[:, 3:6] > 0).all()


def test_rows_hold_a_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    small = boxes.cases(pairs=5, side=3, proposals=5)
    monkeypatch.setattr(boxes, "cases", lambda: small)
    rows = boxes.run(repeats=1)
    assert len(rows) == 4
    assert all(row["ratio"] > 0 for row in rows)
    assert "boxes" in run.SUITES
