"""What counts as passed, and how it is said."""

import json

import pytest

from neurospike.hw.verification import Row, Verification


def found(floats, integers, **more):
    return Verification(2, tuple(floats), tuple(integers), 8, 24, **more)


GOOD = Row("a", 2_000_000, 0), Row("b", 1_000_000, 3, 9e-6)
SAME = (Row("a", 50, 0), Row("b", 20, 0))


def test_three_of_three_million_pass_and_four_do_not():
    assert found(GOOD, SAME).passed
    assert not found([GOOD[0], Row("b", 1_000_000, 4, 1e-7)], SAME).floats_passed


def test_a_single_far_difference_fails():
    assert not found([GOOD[0], Row("b", 1_000_000, 1, 1.1e-5)], SAME).passed


def test_one_integer_that_differs_fails():
    checked = found(GOOD, [Row("a", 10**9, 1)])
    assert checked.floats_passed
    assert not checked.passed


def test_nothing_compared_is_nothing_passed():
    assert not found((), SAME).passed
    assert not found(GOOD, ()).passed


def test_the_table_says_both_facts():
    text = found(GOOD, SAME, saturations=7).table()
    lines = text.splitlines()
    assert "own spikes (2 samples)" in lines[0]
    assert lines[4].split() == ["all", "3,000,000", "3", "1", "9e-06"]
    assert lines[5].startswith("Passed: at most 1 of a million differs")
    assert lines[-1] == "Passed: spike for spike. Saturated: 7."
    assert len({len(line) for line in lines[1:5]}) == 1
    assert "FAILED" in found(GOOD, [Row("a", 5, 2)]).table()
    assert "No integers: because" in found(GOOD, (), refused="because").table()


@pytest.mark.parametrize("integers", [SAME, ()])
def test_everything_goes_into_json(integers):
    told = json.loads(json.dumps(found(GOOD, integers).to_dict()))
    assert told["passed"] == bool(integers)
    assert told["float"]["total"]["per_million"] == pytest.approx(1.0)
    assert [row["population"] for row in told["float"]["populations"]] == ["a", "b"]
    assert told["quantised"]["total"]["compared"] == (70 if integers else 0)
