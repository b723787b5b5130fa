"""The table: what comes back, what does not, and what a file may do to it."""

import torch

from neurospike.kernels.tuning import lookup, record

CPU = torch.device("cpu")


def test_nothing_measured_is_none() -> None:
    assert lookup("neurons.lif", CPU, (1024, "float32")) is None


def test_a_choice_comes_back() -> None:
    path = record("neurons.lif", CPU, (1024, "float32"), {"config": 3})
    assert path is not None and path.is_file()
    assert lookup("neurons.lif", CPU, (1024, "float32")) == {"config": 3}
    assert lookup("neurons.ilif", CPU, (1024, "float32")) is None
