"""Scan after scan on a pretended card: the host waits for the number of voxels alone."""

from typing import Any

import pytest
import torch

from neurospike import nn as spiking
from neurospike.encoders import Voxelizer
from neurospike.kernels import devices
from neurospike.runtime import ScanSession
from tests.gpu.pretending import CARD, card


class Membranes(spiking.LIF):
    """Neurons on the intensity alone, one a voxel."""

    def step(self, x: Any, state: Any) -> Any:
        return super().step(x.replace(x.features[:, 3:]), state)

    def init_state(self, example: Any) -> Any:
        return super().init_state(example.replace(example.features[:, 3:]))


def test_a_state_is_carried_on_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "find_spec", lambda _: None)  # no pretence can satisfy Triton
    clocks: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "synchronize", clocks.append)
    draw = torch.Generator().manual_seed(0)
    scans = [
        torch.cat([8 * torch.rand(50, 3, generator=draw), torch.ones(50, 1)], 1) for _ in range(3)
    ]

    def streamed(device: torch.device) -> list[torch.Tensor]:
        grid = Voxelizer(1.0, (0, 0, 0, 8, 8, 8))
        session = ScanSession(Membranes(1.5).eval(), grid, state_per_voxel=True)
        return [session(scan.to(device)).output.features for scan in scans]

    with card() as pretended:
        ours = streamed(CARD)
        assert len(pretended.waits) == len(scans)
        assert {where.partition(":")[0] for _, where in pretended.waits} == {
            "kernels/voxels/device.py"
        }
        assert clocks == [CARD] * 4 * len(scans)
        found = [y.cpu() for y in ours]
    for y, right in zip(found, streamed(torch.device("cpu")), strict=True):
        assert torch.equal(y, right)
