"""DelayLinear beside the DCLS package: the same outputs and the same gradients."""

import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from neurospike.errors import ArgumentError
from neurospike.interop import from_dcls

WINDOW = 9


@pytest.fixture(scope="module")
def dcls1d() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modules = pytest.importorskip("DCLS.construct.modules", reason="DCLS is not installed")
    return modules.Dcls1d


def peer(dcls1d: Any, **changes: Any) -> Any:
    torch.manual_seed(0)
    settings = {"kernel_count": 1, "dilated_kernel_size": WINDOW, "bias": False} | changes
    inputs = settings.pop("in_channels", 3), settings.pop("out_channels", 4)
    sigma = settings.pop("sigma", None)
    module = dcls1d(*inputs, **settings)
    with torch.no_grad():
        half = (module.dilated_kernel_size[0] - 1) / 2
        module.P.uniform_(-half, half)
        if sigma is not None:
            module.SIG.fill_(sigma)
    return module


def theirs(module: Any, x: Tensor, tail: int) -> Tensor:
    padded = F.pad(x.permute(1, 2, 0), (module.dilated_kernel_size[0] - 1, tail))
    y: Tensor = module(padded).permute(2, 0, 1)
    return y


def assert_close(ours: Tensor, peers: Tensor) -> None:
    assert ours.shape == peers.shape
    assert (ours - peers).abs().max() <= 1e-5 * peers.abs().max()


@pytest.mark.parametrize("taps", [1, 2])
@pytest.mark.parametrize(
    ("version", "sigma"),
    [("gauss", 0.23), ("gauss", 4.0), ("gauss", -12.0), ("max", 0.0), ("max", 3.3), ("v1", None)],
)
@pytest.mark.parametrize(
    ("T", "B", "ins", "outs", "window", "tail"),
    [(20, 2, 3, 4, 9, 0), (60, 5, 17, 12, 25, 12), (3, 1, 1, 1, 7, 3), (1, 2, 5, 3, 1, 0)],
)
def test_outputs_and_gradients_are_the_same(
    dcls1d, version, sigma, taps, T, B, ins, outs, window, tail
) -> None:
    module = peer(
        dcls1d,
        in_channels=ins,
        out_channels=outs,
        kernel_count=taps,
        dilated_kernel_size=window,
        version=version,
        sigma=sigma,
    )
    layer = from_dcls(module, tail=tail)
    g = torch.Generator().manual_seed(1)
    x = torch.randn(T, B, ins, generator=g).requires_grad_()
    ours, expected = layer(x), theirs(module, x, tail)
    upstream = torch.randn(ours.shape, generator=g)
    assert_close(ours, expected)
    own = torch.autograd.grad(ours, (x, layer.weight, layer.delay), upstream)
    other = torch.autograd.grad(expected, (x, module.weight, module.P), upstream)
    assert_close(own[0], other[0])
    assert_close(own[1], other[1])
    if window > 1:  # one step leaves nothing to learn but rounding
        assert_close(own[2], -other[2][0])


def test_even_windows(dcls1d) -> None:
    module = peer(dcls1d, dilated_kernel_size=8, sigma=1.0)
    with torch.no_grad():
        module.P.clamp_(-4, 3)
    x = torch.randn(11, 2, 3)
    assert_close(from_dcls(module)(x), theirs(module, x, 0))
    with torch.no_grad():
        module.P[0, 0, 0] = 4.0  # which DCLS's own clamp allows, half out of the window
    with pytest.raises(ArgumentError, match=r"from_dcls\.P: must give delays in 0\.\.7"):
        from_dcls(module)


def test_interpolation_of_version_0(dcls1d) -> None:
    module = peer(dcls1d, version="v0")
    x = torch.randn(11, 2, 3)
    assert_close(from_dcls(module)(x), theirs(module, x, 0))


def test_rounded_delays(dcls1d) -> None:
    module = peer(dcls1d, version="v1")
    layer = from_dcls(module).round_delays_()
    with torch.no_grad():
        module.P.round_()
    x = (torch.rand(30, 2, 3) < 0.2).float()
    assert_close(layer(x), theirs(module, x, 0))


def test_padding_of_its_own_is_a_tail(dcls1d) -> None:
    module = peer(dcls1d, padding=WINDOW - 1)
    layer = from_dcls(module)
    x = torch.randn(12, 2, 3)
    assert layer.tail == WINDOW - 1
    assert_close(layer(x), module(x.permute(1, 2, 0)).permute(2, 0, 1))


def test_dtype_mode_and_independence(dcls1d) -> None:
    module = peer(dcls1d).double().eval()
    layer = from_dcls(module)
    assert layer.weight.dtype == layer.delay.dtype == torch.float64
    assert not layer.training
    with torch.no_grad():
        module.weight.zero_()
    assert layer.weight.abs().min() > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"groups": 3, "out_channels": 3}, r"from_dcls\.groups: must be 1"),
        ({"stride": 2}, r"from_dcls\.stride: must be 1"),
        ({"bias": True}, r"from_dcls\.bias: must be absent"),
        ({"padding": 2}, r"from_dcls\.padding: must be 0, or 8 on both sides"),
        (
            {"padding": WINDOW - 1, "padding_mode": "circular"},
            r"from_dcls\.padding_mode: must be 'zeros'",
        ),
    ],
)
def test_what_has_no_counterpart_is_refused(dcls1d, changes, message) -> None:
    with pytest.raises(ArgumentError, match=message):
        from_dcls(peer(dcls1d, **changes))


def test_widths_must_agree_and_other_modules_are_refused(dcls1d) -> None:
    module = peer(dcls1d)
    with torch.no_grad():
        module.SIG[0, 0, 0] += 0.1
    with pytest.raises(ArgumentError, match=r"from_dcls\.SIG: must be the same for all"):
        from_dcls(module)
    with pytest.raises(ArgumentError, match=r"from_dcls\.module: must be a Dcls1d; got Linear"):
        from_dcls(torch.nn.Linear(2, 2))
