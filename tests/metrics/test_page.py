"""The examples of docs/metrics.md hold."""

import doctest
from pathlib import Path

from neurospike.metrics import kitti_ap
from tests.metrics.scenes import row, scored

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def test_examples_of_the_page() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert result.failed == 0
    assert result.attempted >= 8


def test_twenty_objects_end_where_the_page_says() -> None:
    result = kitti_ap([row(20)], [scored(row(20))], classes=["Car"])
    assert result["Car", "3d", "easy", 40] == 47.5
