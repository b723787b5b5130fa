"""The ANN twin of networks with delays."""

import torch
from torch import nn

from neurospike import hw
from neurospike.hw.twin import RecurrentReLU
from neurospike.nn import LIF, DelayLinear, RecurrentDelay, SpikingSequential


def network(per: str = "axon") -> SpikingSequential:
    torch.manual_seed(0)
    norm, neurons = nn.BatchNorm1d(4), RecurrentDelay(LIF(2.0), 4, 5, per=per)  # type: ignore[arg-type]
    nn.init.constant_(norm.bias, 0.6)  # untrained, it would not fire
    return SpikingSequential(
        DelayLinear(3, 4, 6, taps=2), norm, neurons, DelayLinear(4, 2, 6)
    ).eval()


def test_products_of_delays_and_recurrence_are_dense() -> None:
    net = network()
    x = (torch.rand(10, 3, 3) < 0.3).float()
    both = hw.compare(net, x, batch_dim=1, inputs_are_spikes=True)
    # Events reach the first layer in both; then 10 steps of 4 x 4 recurrence, and of 4 x 2.
    assert both.twin.macs == 10 * 16 + 10 * 8
    assert both.twin.synops == both.spiking.layers[0].synops
    row = next(line for line in both.table().splitlines() if " RecurrentDelay " in line)
    assert " 160 " in row  # 10 steps of 4 x 4
    real = hw.compare(net, x, batch_dim=1)
    assert real.twin.macs == 10 * 3 * 4 * 2 + 10 * 16 + 10 * 8


def test_rectified_units_hear_each_other_after_the_delays() -> None:
    for per in ("axon", "synapse"):
        layer = network(per)[2]
        assert isinstance(layer, RecurrentDelay)
        twin = RecurrentReLU(layer)
        x = torch.randn(12, 2, 4)
        y = twin(x)
        delay = layer.delay.detach().round().long().expand(4, 4)
        for t in range(12):
            heard = torch.zeros(2, 4)
            for o in range(4):
                for i in range(4):
                    sent = t - int(delay[o, i])
                    if sent >= 0:
                        heard[:, o] += layer.weight.detach()[o, i] * y[sent, :, i]
            torch.testing.assert_close(y[t], (x[t] + heard).relu())


def test_the_twin_of_one_layer() -> None:
    layer = network()[2]
    assert isinstance(hw.ann_twin(layer), RecurrentReLU)
