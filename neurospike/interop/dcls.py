"""Delay layers of the DCLS package, taken over with their parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.nn.delay_linear import DelayLinear

_SPREADS: dict[str, Any] = {"gauss": "gaussian", "max": "triangle", "v1": "none", "v0": "none"}
_FLOORS = {"gauss": 0.27, "max": 1.0}
"""What DCLS adds to the magnitude of SIG, in steps."""

_SLACK = 1e-4
"""Steps by which rounding may have pushed a delay out of its range."""


def from_dcls(module: nn.Module, *, tail: int | None = None) -> DelayLinear:
    """A DelayLinear that computes what a ``DCLS.construct.Dcls1d`` computes.

    A Dcls1d is a convolution that looks at the whole window: a position P counts from its middle
    towards the present. With K its ``dilated_kernel_size``, delay = K - 1 - (P + K // 2), and the
    gradient of a delay is that of P with the sign turned. The width is |SIG| + 0.27 steps for
    "gauss" and |SIG| + 1 for "max"; "v1" and "v0" interpolate between two steps.

    Parameters
    ----------
    module
        A Dcls1d with stride 1, one group, no bias, and one SIG for all synapses.
    tail
        Steps that the output lasts longer than the input. The convolution leaves padding to its
        caller, as a rule K - 1 zeros on the left and ``tail`` on the right. Unless given, 0; or
        K - 1 where the module itself pads that much on both sides.

    Shape
    -----
    Time comes first: (T, B, in) here is what ``x.permute(1, 2, 0)`` is there.

    Raises
    ------
    ArgumentError
        Another class, version, stride, padding or padding mode; groups; a bias; a SIG that
        differs between synapses; a position outside of the window.

    Cost
    ----
    A copy of the parameters; the module is left as it is and shares nothing.

    Source
    ------
    DCLS 0.1.1, arXiv:2112.03740 and 2306.00817. Departures: its sums have 1e-7 added, which here
    would change the seventh digit.
    """
    layer: Any = module
    if type(module).__name__ != "Dcls1d" or not hasattr(module, "P"):
        raise _refusal("module", "must be a Dcls1d", type(module).__name__)
    if layer.version not in _SPREADS:
        raise _refusal("version", f"must be one of {', '.join(_SPREADS)}", layer.version)
    window = int(layer.dilated_kernel_size[0])
    _check_form(layer, window)
    if tail is None:
        tail = window - 1 if layer.padding[0] else 0
    weight: Tensor = layer.weight.detach()
    made = DelayLinear(
        layer.in_channels,
        layer.out_channels,
        window,
        taps=layer.kernel_count,
        spread=_SPREADS[layer.version],
        tail=tail,
        sigma=_sigma(layer),
    ).to(weight)
    with torch.no_grad():
        made.weight.copy_(weight)
        made.delay.copy_(_delays(layer.P.detach()[0], window))
    return made.train(module.training)


def _check_form(layer: Any, window: int) -> None:
    if layer.groups != 1:
        raise _refusal("groups", "must be 1: every input reaches every output", layer.groups)
    if layer.stride[0] != 1:
        raise _refusal("stride", "must be 1: one output a step", layer.stride[0])
    if layer.bias is not None:
        raise _refusal("bias", "must be absent; add it behind the delays", "a bias")
    padding = layer.padding[0]
    if padding not in (0, window - 1):
        rule = f"must be 0, or {window - 1} on both sides, or outputs would see the future"
        raise _refusal("padding", rule, padding)
    if padding and layer.padding_mode != "zeros":
        raise _refusal("padding_mode", "must be 'zeros'", layer.padding_mode)


def _sigma(layer: Any) -> float | None:
    """The one width of all synapses, or None where the version has none."""
    if layer.version not in _FLOORS:
        return None
    widths = layer.SIG.detach().abs() + _FLOORS[layer.version]
    least, most = (float(v) for v in torch.aminmax(widths))
    if most - least > 1e-6 * most:
        rule = "must be the same for all synapses, as DelayLinear.sigma is"
        raise _refusal("SIG", rule, f"widths {least:.4g}..{most:.4g}")
    return least


def _delays(positions: Tensor, window: int) -> Tensor:
    delays = window - 1 - (positions + window // 2)
    least, most = (float(v) for v in torch.aminmax(delays))
    if not (least >= -_SLACK and most <= window - 1 + _SLACK):
        rule = f"must give delays in 0..{window - 1}; clamp positions to the window first"
        raise _refusal("P", rule, f"{least:.6g}..{most:.6g}")
    return delays.clamp(0, window - 1)


def _refusal(argument: str, rule: str, value: object) -> ArgumentError:
    return ArgumentError(f"from_dcls.{argument}: {rule}; got {value}.")
