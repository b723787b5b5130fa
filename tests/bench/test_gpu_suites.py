"""The GPU suites from end to end, small and on the CPU, as they will run where there is a card."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from neurospike import nn
from neurospike.bench import (
    clouds,
    delays,
    gpu_delays,
    gpu_networks,
    gpu_neurons,
    gpu_sparse,
    gpu_streaming,
    harness,
    spconv_peer,
)
from neurospike.bench.gpu_rig import OURS, Rig
from neurospike.bench.run import table
from neurospike.models import delay_net

# What the peers' own imports warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

CPU = torch.device("cpu")
PATHS = {"reference": "as a path"}


def peak(run: Callable[[], object]) -> float:
    run()
    return 2.0


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    # spconv's sums on several threads are racy: on the CPU nothing may be compared with it.
    monkeypatch.setattr(spconv_peer, "runs_on", lambda device: False)
    return Rig(CPU, repeats=1, turn=harness._turn, whole=harness._turn, peak=peak)


def sound(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, none of which failed or was wrong."""
    for row in rows:
        assert row["ratio"] > 0, row
        assert row["ratio"] == pytest.approx(
            row["peer_ms"] / row["ours_ms"] if "ours_ms" in row else row["peer_mb"] / row["ours_mb"]
        )
    assert table(rows).count("\n") == len(rows) + 4
    return rows


def test_neurons(rig: Rig) -> None:
    pytest.importorskip("spikingjelly.activation_based.neuron", reason="no spikingjelly")
    rows = sound(gpu_neurons.measure(rig, steps=(2, 5), neurons=(30,)))
    peers = [row["peer"] for row in rows if row["case"] == "LIF forward, T = 5, N = 30"]
    assert len(peers) == 2
    assert peers[0].startswith("spikingjelly 2")
    assert peers[1] == gpu_neurons.COPY
    assert sum("peak memory" in row["case"] for row in rows) == 2


def test_neurons_without_the_peer(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise gpu_neurons.MissingExtraError("not installed")

    monkeypatch.setattr(gpu_neurons, "spikingjelly_lif", missing)
    rows = gpu_neurons.measure(rig, steps=(2,), neurons=(30,))
    assert [row["peer"] for row in sound(rows)] == [gpu_neurons.COPY]


def test_sparse(rig: Rig) -> None:
    tiny = {"two surfaces": clouds.surfaces(2, 60, 8)}
    rows = sound(gpu_sparse.measure(rig, tiny, channels=(1, 5), densities=(0.3,), paths=PATHS))
    cases = {row["case"] for row in rows}
    assert "SubM forward + backward, bf16, C = 5, two surfaces, peak memory" in cases
    assert any(case.startswith("kernel map 3x3x3, two surfaces") for case in cases)
    assert torch.get_float32_matmul_precision() == "highest"


def test_plain_torch_is_the_reference(rig: Rig) -> None:
    active = clouds.surfaces(1, 60, 8)
    layer = gpu_sparse.SubmanifoldConv3d(3, 4)
    x = torch.randn(len(active), 3, generator=torch.Generator().manual_seed(0))
    y = gpu_sparse.gather_gemm_scatter(x, layer.weight, gpu_sparse._pairs(active))
    torch.testing.assert_close(y, gpu_sparse._reference_of(layer, active)(x))


def test_the_published_network(rig: Rig) -> None:
    task = gpu_networks.Task.drawn(clouds.surfaces(2, 30, 16))
    assert len(sound(gpu_networks._beside(rig, "step", task, gpu_networks._training))) == 1


def test_networks(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    small = nn.SpikingSequential(
        nn.SubmanifoldConv3d(6, 4), nn.ILIF(), nn.SparseGlobalPool("mean"), torch.nn.Linear(4, 40)
    )
    monkeypatch.setattr(gpu_networks, "e3dsnn", lambda size, num_classes: small)
    threads = torch.get_num_threads()
    rows = sound(gpu_networks.measure(rig, clouds.surfaces(2, 60, 16)))
    assert [row["case"].partition(", 2 surfaces")[0] for row in rows] == [
        "E-3DSNN-T training step",
        "E-3DSNN-T training step, bf16-mixed",
        "E-3DSNN-T training step, bf16-mixed",  # its peak memory
        "E-3DSNN-T evaluation",
    ]
    assert torch.get_num_threads() == threads


def test_delays(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("DCLS.construct.modules", reason="DCLS is not installed")
    pytest.importorskip("spikingjelly.activation_based.neuron", reason="no spikingjelly")
    for name, value in {"STEPS": 20, "BATCH": 3, "WIDTH": 12}.items():
        monkeypatch.setattr(delays, name, value)
    rows = sound(gpu_delays.measure(rig))
    assert len(rows) == 4
    assert rows[2]["peer"].startswith("published network on DCLS 0.1.1 and spikingjelly 2")


def test_streaming(rig: Rig) -> None:
    torch.manual_seed(0)
    small = {"a network": (delay_net("shd", hidden=16, in_features=8), (1, 8))}
    rows = sound(gpu_streaming.measure(rig, small, steps=6))
    assert [row["case"] for row in rows] == [
        "one step of a network, B = 1, p50",
        "one step of a network, B = 1, p99",
    ]


def test_what_cannot_be_streamed_says_so_in_its_row(rig: Rig) -> None:
    (row,) = gpu_streaming.measure(rig, {"a network": (torch.nn.Linear(2, 2), (1, 2))}, steps=2)
    assert row["ours"].startswith("failed: ArgumentError: GraphedStream.model: needs step")
    assert "| failed: " in table([row])


def refuse() -> Tensor:
    raise RuntimeError("out of | memory\nand more")


def test_wrong_and_failing_candidates_are_not_timed(rig: Rig) -> None:
    right = torch.tensor([1.0, -2.0])
    rows = rig.race(
        "case",
        {
            OURS: lambda: right + 1e-6,
            "off": lambda: right + 0.1,
            "refuses": refuse,
            "short": lambda: right[:1],
            "nan": lambda: right * torch.nan,
            "good": lambda: right,
        },
        right=lambda: right,
        memory=True,
    )
    said = {row["peer"]: row for row in rows[:5]}
    assert said["off"]["theirs"] == "wrong: off by 5.0e-02 of the largest value"
    assert said["refuses"]["theirs"] == "failed: RuntimeError: out of / memory"
    assert said["short"]["theirs"] == said["nan"]["theirs"] == said["short"]["theirs"]
    assert said["good"]["ratio"] > 0
    assert said["off"]["ratio"] == 0
    assert rows[-1]["theirs"] == "2 MB"
    assert "ms" in said["off"]["ours"]


def test_a_share_of_spikes_may_differ(rig: Rig) -> None:
    right = torch.zeros(100)
    right[0] = 1.0
    found = right.clone()
    found[3] = 1.0
    for share, ratio in ((0.01, True), (0.009, False)):
        (row,) = rig.race(
            "c", {OURS: lambda: found, "p": lambda: right}, right=lambda: right, share=share
        )
        assert (row["ratio"] > 0) is ratio


def test_numbers_are_the_same_from_a_million_on(rig: Rig) -> None:
    many = rig.normal(3, 1 << 19)
    assert torch.equal(many[0], many[2])
    assert torch.equal(rig.normal(5), rig.normal(5))
    assert not torch.equal(rig.normal(5), rig.normal(5, seed=1))
