"""Neurons as operations of torch: registered properly, and the same numbers in compiled graphs."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from neurospike.functional.neurons import LIFRule
from neurospike.functional.surrogate import FastSigmoid, Surrogate
from neurospike.kernels.neurons import ops, select
from neurospike.nn import ILIF, LIF, LeakyReadout

RULE = (3.0, 1.0, -0.1, True, True, False, 4, 5.0)
"""tau, threshold, v_reset, soft, decay_input, detach_reset, code and alpha of the surrogate."""


def made(*shape: int, seed: int, learnt: bool = True) -> Tensor:
    draws = torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) + 0.5
    return draws.requires_grad_(learnt)


CHECKS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "lif": (ops._lif, (made(4, 5, seed=0), None, None, *RULE)),
    "lif with all": (
        ops._lif,
        (made(4, 5, seed=0), made(5, seed=1), torch.tensor([0.3], requires_grad=True), *RULE),
    ),
    "ilif": (ops._ilif, (made(4, 5, seed=0), None, 4, 0.25)),
    "ilif with v": (ops._ilif, (made(4, 2, 3, seed=0), made(2, 3, seed=1), 4, 0.25)),
    "readout": (ops._readout, (made(4, 5, seed=0), None, None, 3.0, False)),
    "readout with all": (
        ops._readout,
        (made(4, 5, seed=0), made(5, seed=1), torch.tensor(0.3, requires_grad=True), 3.0, True),
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_operations_are_registered_as_torch_asks(name: str) -> None:
    op, inputs = CHECKS[name]
    torch.library.opcheck(op, inputs)


def test_the_way_back_is_registered_as_torch_asks() -> None:
    x, v = made(4, 5, seed=0, learnt=False), made(5, seed=1, learnt=False)
    rate = torch.tensor(0.3)
    tests = ("test_schema", "test_faketensor", "test_aot_dispatch_dynamic")
    for inputs in ((x, v, x, v, rate, *RULE), (x, None, x, None, None, *RULE)):
        torch.library.opcheck(ops._lif_backward, inputs, test_utils=tests)
    for inputs in ((x, v, x, v, 4, 0.25), (None, v, x, v, 4, 0.25)):
        torch.library.opcheck(ops._ilif_backward, inputs, test_utils=tests)
    torch.library.opcheck(ops._readout_backward, (x, x, x, v, rate, 3.0, True), test_utils=tests)


class Own(Surrogate):
    """What the kernels do not know."""

    def derivative(self, x: Tensor) -> Tensor:
        return torch.ones_like(x)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 9), nn.Linear(9, 8)
        self.lif = LIF(2.0, learnable_tau=True, surrogate=FastSigmoid(5.0))
        self.ilif = ILIF(4)
        self.readout = LeakyReadout(4.0, learnable_tau=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.readout(self.ilif(self.second(self.lif(self.first(x)))))
        return out


def test_a_compiled_network_runs_the_fused_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    torch._dynamo.reset()
    net = Net()
    x = torch.randn(5, 3, 6) + 0.5
    right = net(x)
    right.square().sum().backward()
    wanted = [p.grad for p in net.parameters()]
    net.zero_grad()

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("the reference ran")

    for name in ("lif", "ilif", "readout"):
        monkeypatch.setattr(select.reference, name, never)
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    found = compiled(x)
    found.square().sum().backward()
    torch.testing.assert_close(found, right, rtol=1e-6, atol=1e-6)
    for one, other in zip(net.parameters(), wanted, strict=True):
        torch.testing.assert_close(one.grad, other, rtol=1e-5, atol=1e-6)


# Torch itself makes such an object while it traces an autograd function.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_a_compiled_surrogate_of_ones_own_takes_the_reference() -> None:
    torch._dynamo.reset()
    layer = LIF(2.0, surrogate=Own(1.0))
    x = made(3, 4, seed=2)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(x), layer(x))


def test_an_export_has_torchs_operations_alone() -> None:
    program = torch.export.export(LIF(2.0), (made(3, 4, seed=3, learnt=False),))
    assert "neurospike" not in str(program.graph)


def test_fake_tensors_of_a_gpu_need_none() -> None:
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode():
        x, v = torch.zeros(3, 2, 4, device="cuda"), torch.zeros(2, 4, device="cuda")
        rate = torch.zeros(1, device="cuda")
        for rule in (LIFRule(), LIFRule(surrogate=Own(1.0))):
            s, last = select.lif(x, v, rule, rate=rate)
            assert last is not None
            assert (s.shape, last.shape, s.device, last.device) == (
                x.shape,
                v.shape,
                *[x.device] * 2,
            )
        assert select.ilif(x, None, max_spikes=4, beta=0.25)[1] is None
        assert select.readout(s, None, tau=2.0, decay_input=False).device == x.device
        shares = ops._lif_backward(x, None, x, None, rate, *RULE)
        assert [one.shape for one in shares] == [x.shape, (0,), (1,)]
