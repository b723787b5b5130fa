"""SpokenTones is what it was made for: within reach of delays, out of reach of leaky membranes."""

import numpy as np
import pytest
import torch
from torch import Tensor

from neurospike import models
from neurospike.datasets import SpokenTones
from neurospike.encoders import bin_events
from neurospike.models.delay_net import delay_net_scores
from neurospike.nn import DelayLinear, SpikingSequential
from neurospike.train.delays import SigmaSchedule

EPOCHS, BATCH = 6, 64
DELAYS = {"hidden": 64, "max_delay": 25, "sigma": 3.0, "tau": 1.005, "readout_tau": 2.0}
# Twice the units, so that parameters are no fewer without delays.
NO_DELAYS = {"hidden": 128, "delays": "none", "learnable_tau": True}

Data = tuple[Tensor, Tensor]


def binned(split: str, seed: int) -> Data:
    """Counts (T, samples, channels) and labels."""
    tones = SpokenTones(split, seed=seed)
    frames = [
        bin_events(
            sample["times_s"],
            sample["units"],
            units_total=tones.units_total,
            dt_ms=tones.dt_ms,
            steps=tones.steps,
        )
        for sample in tones
    ]
    return torch.as_tensor(np.stack(frames, axis=1)), torch.as_tensor(tones.labels)


@pytest.fixture(scope="module")
def data() -> dict[str, Data]:
    return {split: binned(split, seed=0) for split in ("train", "test")}


def network(**arguments: object) -> SpikingSequential:
    torch.manual_seed(0)
    return models.delay_net(
        "shd", layers=1, num_classes=8, in_features=20, dropout=0.0, **arguments
    )


def train(net: SpikingSequential, data: Data) -> None:
    x, labels = data
    steps = EPOCHS * (len(labels) // BATCH)
    layers = [module for module in net.modules() if isinstance(module, DelayLinear)]
    delays = [layer.delay for layer in layers]
    weights = [p for p in net.parameters() if all(p is not delay for delay in delays)]
    groups = [{"params": weights, "max_lr": 5e-3}, {"params": delays, "max_lr": 0.2}]
    optimizer = torch.optim.Adam(groups[: 2 if delays else 1], lr=5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [g["max_lr"] for g in groups[: 2 if delays else 1]], total_steps=steps
    )
    sigma = SigmaSchedule(3.0, 0.15, share=0.5)
    order = torch.Generator().manual_seed(0)
    for epoch in range(EPOCHS):
        sigma.apply(net, epoch, EPOCHS)
        for batch in torch.randperm(len(labels), generator=order).split(BATCH):
            if len(batch) < BATCH:
                continue
            loss = models.delay_net_loss(net(x[:, batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            for layer in layers:
                layer.clamp_delays_()


def accuracy(net: SpikingSequential, data: Data) -> float:
    x, labels = data
    for layer in net.modules():
        if isinstance(layer, DelayLinear):
            layer.round_delays_()
    net.eval()
    with torch.no_grad():
        right = delay_net_scores(net(x)).argmax(-1) == labels
    return float(right.double().mean())


def test_learnt_delays_pass_95_percent(data: dict[str, Data]) -> None:
    net = network(**DELAYS)
    train(net, data["train"])
    assert accuracy(net, data["test"]) > 0.95


def test_without_delays_no_time_constant_passes_60_percent(data: dict[str, Data]) -> None:
    with_delays = sum(p.numel() for p in network(**DELAYS).parameters())
    reached = []
    for tau in (2.0, 6.0, 20.0):
        net = network(**NO_DELAYS, tau=tau)
        assert sum(p.numel() for p in net.parameters()) >= with_delays
        train(net, data["train"])
        # On the samples it has learnt from, too: it is not for want of data.
        reached.append(max(accuracy(net, data[split]) for split in ("test", "train")))
    assert max(reached) < 0.6, reached
