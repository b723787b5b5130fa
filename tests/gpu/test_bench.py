"""The GPU suites on a pretended card, where nothing is left on the CPU, and in Triton."""

from collections.abc import Callable, Iterator

import pytest
import torch

from neurospike.bench import (
    clouds,
    delays,
    gpu_delays,
    gpu_neurons,
    gpu_rig,
    gpu_sparse,
    gpu_streaming,
    harness,
    spconv_peer,
)
from neurospike.bench.gpu_rig import Rig, Row
from neurospike.bench.harness import interleave
from neurospike.kernels import devices
from neurospike.kernels.sparse import select
from neurospike.models import delay_net
from neurospike.runtime import graphed
from tests.gpu.pretending import CARD, Card, card

# What the peers' own imports warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    """A card without Triton, which no pretence can satisfy, and without the peers' own kernels."""
    monkeypatch.setattr(devices, "find_spec", lambda _: None)
    monkeypatch.setattr(spconv_peer, "runs_on", lambda device: False)
    monkeypatch.setattr(gpu_neurons, "peer_name", lambda device: "spikingjelly")
    with card() as found:
        yield found


def peak(run: Callable[[], object]) -> float:
    run()
    return 1.0


PATHS = {"reference": "as a path"}
RIG = Rig(CARD, repeats=1, turn=harness._turn, whole=harness._turn, peak=peak)


def check(rows: list[Row]) -> None:
    assert rows
    for row in rows:
        assert row["ratio"] > 0, row


def test_neurons(pretended: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise gpu_neurons.MissingExtraError("its kernels are not torch's")

    monkeypatch.setattr(gpu_neurons, "spikingjelly_lif", missing)
    check(gpu_neurons.measure(RIG, steps=(3,), neurons=(20,)))


def test_sparse(pretended: Card) -> None:
    # Without training: what torch makes in index_select's backward is not on the pretended card.
    tiny = {"a surface": clouds.surfaces(1, 12, 6)}
    check(
        gpu_sparse.measure(RIG, tiny, channels=(4,), precisions=(), densities=(0.3,), paths=PATHS)
    )


def test_delays(pretended: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("DCLS.construct.modules", reason="DCLS is not installed")
    for name, value in {"STEPS": 20, "BATCH": 3, "WIDTH": 12}.items():
        monkeypatch.setattr(delays, name, value)
    check(gpu_delays._layer(RIG, "a layer"))


def test_streaming_waits_for_nothing_within_a_step(
    pretended: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    net = delay_net("shd", hidden=16, in_features=8)
    waits: list[int] = []

    class Capture:
        """A capture would fail where the host waits for the device."""

        def __init__(self, device: torch.device) -> None: ...

        def __call__(self, run: Callable[[], None]) -> Callable[[], None]:
            run()
            before = len(pretended.waits)
            run()
            waits.append(len(pretended.waits) - before)
            return run

    monkeypatch.setattr(graphed, "CudaCapture", Capture)
    monkeypatch.setattr(gpu_streaming, "_once", lambda rig, run: harness._turn(run, 1))
    check(gpu_streaming.measure(RIG, {"a network": (net, (1, 8))}, steps=3))
    assert waits == [0]


def test_sparse_in_triton(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spconv_peer, "runs_on", lambda device: False)
    # One call each: interpreted, a second tells nothing.
    monkeypatch.setattr(
        gpu_rig,
        "interleave",
        lambda *given, turn: interleave(*given, warmup=0, turn_s=0, turn=turn),
    )
    rig = Rig(device, repeats=1, turn=harness._turn, whole=harness._turn, peak=lambda run: 1.0)
    surface = clouds.surfaces(1, 8, 4).to(device)
    with select.backend("triton"):
        check(gpu_sparse._training(rig, "training", surface, 4, "bf16"))
