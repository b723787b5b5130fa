"""The delays' benchmark compares equal work: same outputs, same losses."""

import pytest
import torch

from neurospike.bench import delays

# What the peers' own imports warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("DCLS.construct.modules", reason="DCLS is not installed")
    for name, value in {"STEPS": 20, "BATCH": 3, "WIDTH": 12}.items():
        monkeypatch.setattr(delays, name, value)


def both(candidates: dict) -> list:
    return [run() for run in candidates.values()]


def assert_close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()


def test_both_layers_compute_the_same() -> None:
    assert_close(*both(delays.layers()))
    assert_close(*both(delays.inference(2, 0.1)))


def test_both_networks_compute_the_same() -> None:
    pytest.importorskip("spikingjelly.activation_based.neuron", reason="no spikingjelly")
    torch.manual_seed(0)
    net = delays.delay_net("shd", dropout=0.0).train()
    peer = delays.published_network(net).train()
    x = delays._spikes(3, 140, 0.03)
    for ours, theirs in zip(net, peer, strict=True):
        y = ours(x.flatten(0, 1)).reshape(*x.shape) if "Norm" in repr(ours) else ours(x)
        expected = theirs(x)
        if ours.__class__.__name__ == "LIF":
            assert torch.equal(y, expected)
        else:
            assert_close(y, expected)
        x = y.detach()
    mine, other = (sum(p.numel() for p in m.parameters() if p.requires_grad) for m in (net, peer))
    assert mine == other == 214_016


def test_a_step_of_either_network_learns() -> None:
    pytest.importorskip("spikingjelly.activation_based.neuron", reason="no spikingjelly")
    for step in delays.networks().values():
        first = step()
        assert min(step() for _ in range(3)) < first


def test_rows_hold_medians_and_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delays, "peak_memory_row", lambda: None)
    monkeypatch.setattr(delays, "DENSITIES", (0.1,))
    rows = delays.run(repeats=1)
    assert len(rows) == 4
    assert all(row["ratio"] == pytest.approx(row["peer_ms"] / row["ours_ms"]) for row in rows)
