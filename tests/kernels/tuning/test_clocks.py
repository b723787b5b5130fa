"""Clocks; the GPU's is driven through a pretended device, and used on a real one where there is."""

from typing import Any

import pytest
import torch

from neurospike.kernels.tuning import clocks

CPU = torch.device("cpu")


class Device:
    """Does one thing after another, in the time that each takes."""

    def __init__(self) -> None:
        self.ms = 0.0
        self.log: list[str] = []

    def event(self, **options: Any) -> Any:
        assert options == {"enable_timing": True}
        return Event(self)

    def work(self, name: str, ms: float) -> None:
        self.log.append(name)
        self.ms += ms


class Event:
    def __init__(self, device: Device) -> None:
        self.device = device
        self.at: float | None = None

    def record(self) -> None:
        self.at = self.device.ms

    def synchronize(self) -> None:
        self.device.log.append("wait")

    def elapsed_time(self, end: "Event") -> float:
        assert self.at is not None and end.at is not None
        return end.at - self.at


def test_a_gpu_is_kept_busy_while_a_call_is_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device()

    class Memory:
        def zero_(self) -> None:
            device.work("write", 0.3)

    monkeypatch.setattr(torch.cuda, "Event", device.event)
    monkeypatch.setattr(torch, "empty", lambda *shape, **options: Memory())
    clock = clocks.CudaClock(CPU)
    device.log.clear()
    assert clock.time(lambda: device.work("call", 2.5)) == pytest.approx(2.5e-3)
    assert device.log == ["write"] * 4 + ["call", "wait"]  # 4 times 0.3 ms lead by a millisecond


def test_a_cpu_has_the_wall_clock() -> None:
    clock = clocks.clock_of(CPU)
    assert type(clock) is clocks.WallClock
    ran: list[int] = []
    began = clock.now()
    taken = clock.time(lambda: ran.append(1))
    assert ran == [1]
    assert 0 <= taken <= clock.now() - began


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_larger_product_takes_longer() -> None:
    device = torch.device("cuda", 0)
    clock = clocks.clock_of(device)
    small, large = (torch.randn(n, n, device=device) for n in (256, 4096))
    assert 0 < clock.time(lambda: small @ small) < clock.time(lambda: large @ large)
