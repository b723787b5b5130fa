"""Norms and means of several processes on a pretended card: nothing crosses, and no host waits."""

import pytest
import torch

from neurospike import nn
from neurospike.nn import shared_norm, sparse_norm, together
from tests.gpu.pretending import CARD, card

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="pretends a card of its own")


@pytest.fixture(autouse=True)
def _two_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another process had the same rows."""
    for module in (shared_norm, sparse_norm, together):
        monkeypatch.setattr(module, "processes", lambda: 2)
    for module in (shared_norm, together):
        monkeypatch.setattr(module, "summed", lambda x: 2 * x.detach())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_norm_stays_on_the_card_and_never_waits(dtype: torch.dtype) -> None:
    draw = torch.Generator().manual_seed(0)
    x = (torch.randn(4, 3, 5, generator=draw) * 2 + 1).to(dtype)
    alone, shared = torch.nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    wanted = alone(x.float())
    wanted.square().sum().backward()
    with card() as found:
        shared.to(CARD)
        nn.share_norms(shared)
        rows = x.to(CARD).requires_grad_()
        found.waits.clear()
        y = shared(rows)
        y.float().square().sum().backward()
        assert not found.waits
        assert (y.device, y.dtype) == (CARD, dtype)
        assert rows.grad is not None
        result, weight = y.detach().cpu().float(), shared.weight.grad
        assert weight is not None
        weight = weight.cpu()
    close = (
        {"rtol": 2e-2, "atol": 3e-2} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-5}
    )
    torch.testing.assert_close(result, wanted, **close)
    assert alone.weight.grad is not None
    torch.testing.assert_close(weight, alone.weight.grad, rtol=5e-2, atol=1e-3)


def test_a_mean_stays_on_the_card_and_never_waits() -> None:
    with card() as found, together.together():
        value = torch.tensor(2.0).to(CARD).requires_grad_()
        weight = torch.tensor(3).to(CARD)
        found.waits.clear()
        for mean in (together.weighted_mean(value, weight), together.weighted_mean(value, 3.0)):
            assert mean.device == CARD
            mean.backward()
        assert not found.waits
        assert value.grad is not None
        assert float(value.grad.cpu()) == 2.0
