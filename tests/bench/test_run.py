"""Suites by name: what is missing is said, and the rest still runs."""

import sys
from types import SimpleNamespace

import pytest

from neurospike.bench.run import run_suites
from neurospike.errors import ArgumentError, MissingExtraError

ROW = {"case": "c", "peer": "p", "ours": "1 ms", "theirs": "2 ms", "ratio": 2.0}


def missing(repeats: int) -> list[dict[str, object]]:
    raise MissingExtraError("spconv is not installed.")


def test_a_missing_peer_leaves_its_suite_out(monkeypatch: pytest.MonkeyPatch) -> None:
    there = SimpleNamespace(run=lambda repeats: [ROW])
    monkeypatch.setitem(sys.modules, "neurospike.bench.neurons", there)
    monkeypatch.setitem(sys.modules, "neurospike.bench.sparse", SimpleNamespace(run=missing))
    lines: list[str] = []
    rows = run_suites(["neurons", "sparse"], repeats=1, out=None, as_json=False, say=lines.append)
    assert rows == [ROW]
    text = "\n".join(lines)
    assert "sparse: left out: spconv is not installed." in text
    assert "| c | 1 ms | p | 2 ms | 2.00 |" in text


def test_an_unknown_suite_lists_the_known() -> None:
    with pytest.raises(ArgumentError, match="must be among neurons"):
        run_suites(["neuron"], repeats=1, out=None, as_json=False, say=print)
