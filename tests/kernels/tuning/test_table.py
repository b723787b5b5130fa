"""The table: what comes back, what does not, and what a file may do to it."""

import torch

from neurospike.kernels.tuning import forced, lookup, record

CPU = torch.device("cpu")


def test_nothing_measured_is_none() -> None:
    assert lookup("neurons.lif", CPU, (1024, "float32")) is None


def test_a_choice_comes_back() -> None:
    path = record("neurons.lif", CPU, (1024, "float32"), {"config": 3})
    assert path is not None and path.is_file()
    assert lookup("neurons.lif", CPU, (1024, "float32")) == {"config": 3}
    assert lookup("neurons.ilif", CPU, (1024, "float32")) is None


def test_a_forced_choice_stands_before_the_table() -> None:
    record("neurons.lif", CPU, (1024,), {"config": 3})
    with forced("neurons.lif", {"config": 1}):
        with forced("neurons.lif", {"config": 2}):
            assert lookup("neurons.lif", CPU, (1024,)) == {"config": 2}
        assert lookup("neurons.lif", torch.device("meta"), ()) == {"config": 1}
        assert lookup("neurons.ilif", CPU, (1024,)) is None
    assert lookup("neurons.lif", CPU, (1024,)) == {"config": 3}
