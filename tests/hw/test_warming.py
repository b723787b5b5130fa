"""What a fresh installation compiles covers what an emulation calls."""

import pytest

from neurospike.hw.emulation import kernels, neuron_kernels
from neurospike.hw.warming import warmup


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    warmup()


@pytest.mark.parametrize("name", ["accumulate", "accumulate_delayed", "gather", "settle"])
def test_projections(name) -> None:
    assert getattr(kernels, name).signatures


@pytest.mark.parametrize(
    "name", ["adlif", "cuba", "ilif", "lif", "membrane", "readout", "whole_cuba"]
)
def test_neurons(name) -> None:
    assert getattr(neuron_kernels, name).signatures
