"""A captured step gives what the step gives, over any number of them, and refuses what it must."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from neurospike import nn as spiking
from neurospike.errors import ArgumentError, StateError
from neurospike.models import delay_net
from neurospike.runtime import GraphedStream, devices
from neurospike.runtime.graphed import CudaCapture


class Recording:
    """Stands in for a graph: keeps the function, and replays it by running it again."""

    def __init__(self) -> None:
        self.warmed, self.replays = 0, 0

    def __call__(self, run: Any) -> Any:
        for _ in range(2):
            run()
            self.warmed += 1

        def replay() -> None:
            self.replays += 1
            run()

        return replay


class Echo(spiking.Stateful):
    """Answers and states that are views of the state it was given."""

    def init_state(self, example: Any) -> tuple[Tensor, ...]:
        return torch.zeros(2), torch.zeros(3)

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        near, far = state
        return far[:1], (torch.cat([x, near[:1]]), torch.cat([far[1:], near[1:]]).roll(0))


class Swap(spiking.Stateful):
    """Two states that change places: writing one before the other is read would lose it."""

    def init_state(self, example: Any) -> tuple[Tensor, ...]:
        return torch.zeros(1), torch.ones(1)

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        return state[0], (state[1], state[0])


def network() -> nn.Module:
    torch.manual_seed(0)
    return delay_net("shd", hidden=16, in_features=8).eval()


def inputs(steps: int, *shape: int) -> Tensor:
    return (torch.rand(steps, *shape, generator=torch.Generator().manual_seed(1)) < 0.4).float()


@pytest.mark.parametrize("graphed", [False, True])
@pytest.mark.parametrize(
    ("make", "shape"), [(network, (2, 8)), (lambda: Echo().eval(), (1,)), (Swap, (1,))]
)
def test_a_stream_equals_plain_stepping(make: Any, shape: tuple[int, ...], graphed: bool) -> None:
    model = make().eval()
    capture = Recording() if graphed else None
    stream = GraphedStream(model, shape, capture=capture)
    assert stream.graphed is graphed
    state = model.init_state(torch.zeros(shape))
    for x in inputs(12, *shape):
        with torch.no_grad():
            y, state = model.step(x, state)
        assert torch.equal(stream(x), y)
        for ours, right in zip(stream.state, state, strict=True):
            assert torch.equal(ours, right)
    if capture is not None:
        assert (capture.warmed, capture.replays) == (2, 12)


def test_everything_stays_in_its_place_and_answers_are_the_callers() -> None:
    stream = GraphedStream(network(), (2, 8), capture=Recording())
    places = [part.data_ptr() for part in (stream._x, stream._y, *stream._state)]
    first, second = (stream(x) for x in inputs(2, 2, 8))
    assert [part.data_ptr() for part in (stream._x, stream._y, *stream._state)] == places
    assert first.data_ptr() != second.data_ptr()
    assert not {first.data_ptr(), second.data_ptr()} & set(places)
    assert not first.requires_grad


def test_warming_up_leaves_no_trace_and_a_state_can_be_taken_up_again() -> None:
    stream = GraphedStream(network(), torch.ones(2, 8), capture=Recording())
    assert not any(part.any() for part in stream.state)
    x = inputs(6, 2, 8)
    for one in x[:3]:
        stream(one)
    kept = stream.state
    ahead = [stream(one) for one in x[3:]]
    stream.restore(kept)
    assert all(torch.equal(stream(one), y) for one, y in zip(x[3:], ahead, strict=True))
    stream.reset()
    assert not any(part.any() for part in stream.state)


@pytest.mark.parametrize(
    "x",
    [torch.zeros(3, 5), torch.zeros(2, 8, dtype=torch.float64), torch.zeros(2, 8, device="meta")],
)
def test_another_input_than_the_example_is_refused(x: Tensor) -> None:
    stream = GraphedStream(network(), (2, 8), capture=Recording())
    with pytest.raises(ArgumentError, match=r"must be \(2, 8\) float32 on cpu, .* got"):
        stream(x)


def test_a_state_of_other_shapes_is_refused() -> None:
    stream = GraphedStream(spiking.LIF(2.0).eval(), (2, 5))
    with pytest.raises(StateError, match=r"shapes \[\(2, 5\)\]; got \[\(3, 5\)\]"):
        stream.restore((torch.zeros(3, 5),))
    with pytest.raises(StateError, match="got \\[\\]"):
        stream.restore(())


class Asks(spiking.LIF):
    def step(self, x: Any, state: Any) -> Any:
        return [x], state


def refuses(run: Any) -> Any:
    raise RuntimeError("operation not permitted when stream is capturing\nand more")


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: GraphedStream(spiking.LIF(2.0), (1,)), "evaluation mode"),
        (lambda: GraphedStream(nn.Linear(1, 1).eval(), (1, 1)), "needs step and init_state"),
        (
            lambda: GraphedStream(
                spiking.SpikingSequential(spiking.SubmanifoldConv3d(1, 1), spiking.LIF(2.0)).eval(),
                (1, 1),
            ),
            "must be dense, .* got SubmanifoldConv3d at 0",
        ),
        (lambda: GraphedStream(spiking.LIF(2.0).eval(), object()), "tensor or its shape"),  # type: ignore[arg-type]
        (lambda: GraphedStream(Asks(2.0).eval(), (1,)), "one tensor; got list"),
        (
            lambda: GraphedStream(spiking.LIF(2.0).eval(), (1,), capture=refuses),
            r"cannot be captured.*\(operation not permitted when stream is capturing\)",
        ),
    ],
)
def test_what_cannot_be_captured_is_named(make: Any, match: str) -> None:
    with pytest.raises(ArgumentError, match=match):
        make()


def test_a_capture_warms_up_aside_then_records_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Part:
        def __init__(self, name: str = "stream", *_: Any, **__: Any) -> None:
            self.name = name

        def wait_stream(self, other: Any) -> None:
            told.append("wait")

        def replay(self) -> None:
            told.append("replay")

        def __enter__(self) -> None:
            told.append(f"enter {self.name}")

        def __exit__(self, *_: object) -> None:
            told.append(f"leave {self.name}")

    for name in ("Stream", "CUDAGraph"):
        monkeypatch.setattr(torch.cuda, name, Part)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: Part())
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: told.append("synchronise"))
    for name in ("device", "stream", "graph"):
        monkeypatch.setattr(torch.cuda, name, lambda *_, name=name, **__: Part(name))
    replay = CudaCapture(torch.device("cuda"))(lambda: told.append("run"))
    replay()
    assert told == [
        "enter device", "wait", "enter stream", "run", "run", "run", "leave stream", "wait",
        "synchronise", "enter graph", "run", "leave graph", "leave device", "replay",
    ]  # fmt: skip


def test_clocks_wait_for_cuda_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    assert devices.now(torch.device("cpu")) <= devices.now(torch.device("cuda:1"))
    assert waited == [torch.device("cuda:1")]
    assert devices.device_of(nn.Linear(1, 1, device="meta")).type == "meta"
    assert devices.device_of(nn.BatchNorm1d(1, affine=False, device="meta")).type == "meta"
    assert devices.device_of(nn.Identity()).type == "cpu"
