"""Numbers that others published or measured, from the same counts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from neurospike import hw
from neurospike.hw.tally import replay

from .traces import placed, trace


def test_sanafe_spike_between_two_tiles() -> None:
    """One dense synapse, core 0 (tile 0) to core 4 (tile 1, the next along y)."""
    network = replace(trace().network, shortcuts=())
    sent = {"in": np.array([[1]]), "b": np.array([[0]])}
    report = hw.price(replay(network, sent, placed(**{"in": [0], "b": [4]})), "loihi1_sanafe")
    parts = report.by_group()
    assert parts["synapse"].nominal == pytest.approx(35.5, rel=1e-12)
    assert parts["network"].nominal == pytest.approx(115.2, rel=1e-12)


def test_truenorth_figure_17() -> None:
    """2^20 neurons, 128 synapses each, 20.07 Hz: 71 mW were measured."""
    rates = round(2**20 * 128 * 20.07)
    one_second = trace(projection={"synops": rates, "hops_x": 10**9, "packets": 10**7}, rows=1000)
    report = hw.price(one_second, "truenorth_akopyan", convention="affine")
    assert report.latency_s.nominal == pytest.approx(1.0)
    assert report.power_w.nominal == pytest.approx(0.0706, abs=5e-5)
    assert report.power_w.nominal == pytest.approx(0.071, rel=0.01)
    assert report.energy_pj.nominal == pytest.approx(1e12 * report.power_w.nominal)
    assert {row.cause for row in report.rows} == {"idle_power", "synops"}  # hops are in the fit
    assert report.unpriced == {}


def test_truenorth_figure_that_everyone_quotes_does_not_extrapolate() -> None:
    """26 pJ holds the idle power at 20 Hz; at 200 Hz and more synapses it is far too high."""
    busy = trace(projection={"synops": 2**20 * 256 * 200}, rows=1000)
    quoted = hw.price(busy, "truenorth_akopyan").energy_pj.nominal
    fitted = hw.price(busy, "truenorth_akopyan", convention="affine").energy_pj.nominal
    assert quoted / fitted > 2


def test_odin_at_full_load() -> None:
    """75 MHz, 37.5 million operations a second, 0.55 V: 477 uW were measured."""
    one_second = trace(projection={"synops": 37_500_000})
    report = hw.price(one_second, "odin", convention="affine")
    assert report.latency_s.nominal == pytest.approx(1.0, rel=1e-4)
    assert report.power_w.nominal == pytest.approx(476.9e-6, abs=1e-7)
    assert report.power_w.nominal == pytest.approx(477e-6, rel=0.001)
    # The figure of the title holds leakage and clock of the same second.
    whole = hw.price(one_second, "odin").energy_pj.nominal
    assert whole == pytest.approx(report.energy_pj.nominal, rel=0.002)


def test_loihi_nearest_neighbours_spread() -> None:
    """Frady et al. 2020: 1.33 mJ measured; two sources of prices, both too high."""
    spread = {}
    for chip in ("loihi1_davies2018", "loihi1_sanafe"):
        for spikes in (667, 750):
            done = trace(
                projection={"synops": spikes * 76800},
                population={"accesses": 76800 * 60, "idle": 76800 * 60},
            )
            spread[chip, spikes] = hw.price(done, chip).energy_pj * 1e-9
    davies = [spread["loihi1_davies2018", n] for n in (667, 750)]
    assert [part.nominal for part in davies] == pytest.approx([1.449, 1.599], abs=1e-3)
    sanafe = [spread["loihi1_sanafe", n] for n in (667, 750)]
    assert [part.nominal for part in sanafe] == pytest.approx([2.06, 2.28], abs=0.01)
    # The ranges say so: each file's reaches the number of the other.
    for one, other in zip(davies, sanafe, strict=True):
        assert other.low == pytest.approx(one.nominal, rel=0.01)
        assert one.high == pytest.approx(other.nominal, rel=0.01)


def test_keras_spiking_dense_layer_on_a_processor() -> None:
    """784 -> 128 on "cpu": 100352 connections, 8.64e-4 J with the updates of the 128 units."""
    macs = hw.count(nn.Linear(784, 128, bias=False), torch.rand(1, 784)).macs
    done = trace(projection={"macs": int(macs)}, population={"updates": 128})
    report = hw.price(done, Path(__file__).parent / "cpu_per_mac.toml")
    assert done.total("macs") == 100352
    assert report.energy_pj.nominal * 1e-12 == pytest.approx(8.64e-4, rel=1e-3)


def test_spikingjelly_linear_layer() -> None:
    """12 accumulations are 10.8 pJ, 24 multiply-accumulates 110.4 pJ; nnz * 50 operations."""
    assert hw.price(trace(projection={"synops": 12}), "horowitz45").energy_pj.nominal == (
        pytest.approx(10.8)
    )
    assert hw.price(trace(projection={"macs": 24}), "horowitz45").energy_pj.nominal == (
        pytest.approx(110.4)
    )
    x = (torch.rand(4, 100, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    counted = hw.count(nn.Linear(100, 50, bias=False), x, inputs_are_spikes=True)
    assert counted.synops * 4 == int(x.sum()) * 50


def test_horowitz_agrees_with_the_conventions_of_modules() -> None:
    net = nn.Sequential(nn.Linear(20, 25), nn.Sigmoid(), nn.Linear(25, 25))
    x = torch.tensor([[5.0] * 10 + [1.0] * 10])
    counted = hw.count(net, x, convention="neurobench")
    assert counted.macs == 1125
    priced = hw.price(trace(projection={"macs": int(counted.macs)}), "horowitz45")
    assert priced.energy_pj.nominal == pytest.approx(counted.energy_pj)


def test_barrier_and_cores_of_one_spike() -> None:
    """The spike of the first test, timed: sent, received, accumulated, then the barrier."""
    core = placed(**{"in": [0], "b": [4]})
    network = replace(trace().network, shortcuts=())
    sent = {"in": np.array([[1]]), "b": np.array([[0]])}
    report = hw.price(replay(network, sent, core), "loihi1_sanafe")
    sending = 6.0 + 3.7 + 30.0 + 5.1
    arriving = 16.0 + 3.8 + 6.0 + 3.7
    assert report.latency_s.nominal == pytest.approx((sending + arriving + 1000) * 1e-9)
