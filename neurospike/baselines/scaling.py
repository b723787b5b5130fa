"""Baselines as large, or as much work, as another network: widths that fit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from neurospike.baselines.merging import deployed, merges
from neurospike.baselines.registry import create, find
from neurospike.errors import ArgumentError

WIDTHS = (
    "width", "widths", "hidden_size", "hidden_sizes", "intermediate_size", "embed_dim",
    "embedding_size", "local", "dense",
)  # fmt: skip
"""Arguments of families that say how many channels there are."""

HEADS = ("heads", "num_heads", "num_attention_heads")
"""Arguments that say into how many heads each width is split."""

ROUNDED_TO = (4, 8, 16, 32)
"""Widths are multiples of the heads, and of the first of these that a family's splits allow."""

LEAST, MOST, ROUNDS = 1 / 8, 8.0, 14


def fitted(
    name: str,
    *,
    in_channels: int,
    num_classes: int,
    image_size: int | tuple[int, int],
    parameters: float | None = None,
    macs: float | None = None,
) -> dict[str, Any]:
    """Arguments of a family's small size with all widths scaled to a number of parameters or MACs.

    Parameters
    ----------
    in_channels, num_classes, image_size
        As ``create`` has them.
    parameters, macs
        What to come close to, one of the two: parameters of the form that trains, or
        multiply-accumulations of one sample in the form that is deployed.

    Returns
    -------
    Keyword arguments for ``create`` with ``size="cpu"``. Widths are whole multiples of heads and
    groups, so that the number is met to some per cent, or to some 15 where few channels have many
    heads. Activations and norms come on top of MACs, which are of matrix products.

    Raises
    ------
    ArgumentError
        Not one of the two numbers, a family without widths, or a number that an eighth to eight
        times its widths do not reach.

    Cost
    ----
    Some forty networks built, none of them run: seconds.

    Examples
    --------
    >>> same = dict(in_channels=1, num_classes=10, image_size=64)
    >>> wider = fitted("vanillanet", **same, parameters=1e6)
    >>> net = create("vanillanet", **same, size="cpu", **wider)
    >>> abs(sum(p.numel() for p in net.parameters()) / 1e6 - 1) < 0.05
    True
    """
    if (parameters is None) == (macs is None) or not (parameters or macs or 0) > 0:
        raise ArgumentError(
            "baselines.fitted: needs parameters or macs, one of them, above 0; got "
            f"{parameters} and {macs}."
        )
    own = find(name).cpu
    if not any(key in own for key in WIDTHS):
        raise ArgumentError(f"baselines.fitted.name: {name} has no widths to scale.")
    target = float(parameters or macs or 0)
    shape = {"in_channels": in_channels, "num_classes": num_classes, "image_size": image_size}

    def size_of(factor: float) -> tuple[float, dict[str, Any]]:
        measure = _parameters if parameters is not None else _macs
        return _buildable(name, own, factor, shape, measure)

    low, high = LEAST, MOST
    if not size_of(low)[0] <= target <= size_of(high)[0]:
        raise ArgumentError(
            f"baselines.fitted: {name} cannot have {target:,.0f} "
            f"{'parameters' if parameters else 'MACs'} by its widths alone."
        )
    best = size_of(1.0)
    for _ in range(ROUNDS):
        middle = (low * high) ** 0.5
        found = size_of(middle)
        best = min(best, found, key=lambda one: abs(one[0] - target))
        low, high = (middle, high) if found[0] < target else (low, middle)
    return best[1]


def _buildable(
    name: str,
    own: Any,
    factor: float,
    shape: dict[str, Any],
    measure: Callable[[str, dict[str, Any], dict[str, Any]], float],
) -> tuple[float, dict[str, Any]]:
    """The measure with scaled widths, rounded as coarsely as the family needs."""
    reason: Exception | None = None
    heads = next((own[key] for key in HEADS if key in own), 1)
    for multiple in ROUNDED_TO:
        arguments = {
            key: _scaled(value, factor, multiple, heads)
            for key, value in own.items()
            if key in WIDTHS and not (key == "local" and isinstance(value, int))  # ConViT's layers
        }
        try:
            return measure(name, shape, arguments), arguments
        except (ArgumentError, ValueError, RuntimeError) as error:
            reason = error
    raise ArgumentError(f"baselines.fitted: {name} cannot be scaled ({reason}).") from reason


def _scaled(value: Any, factor: float, multiple: int, heads: Any) -> Any:
    if isinstance(value, (list, tuple)):
        each = heads if isinstance(heads, (list, tuple)) else [heads] * len(value)
        return [_scaled(one, factor, multiple, own) for one, own in zip(value, each, strict=False)]
    step = math.lcm(multiple, heads if isinstance(heads, int) else math.lcm(*heads))
    return max(step, step * round(value * factor / step))


def _parameters(name: str, shape: dict[str, Any], arguments: dict[str, Any]) -> float:
    with torch.device("meta"):
        net = create(name, **shape, size="cpu", **arguments)
    return float(sum(parameter.numel() for parameter in net.parameters()))


def _macs(name: str, shape: dict[str, Any], arguments: dict[str, Any]) -> float:
    size = shape["image_size"]
    sides = (size, size) if isinstance(size, int) else size
    points = find(name).takes == "points"
    with torch.device("meta"):
        net = create(name, **shape, size="cpu", **arguments).eval()
        image = torch.empty(
            (1, sides[0], shape["in_channels"]) if points else (1, shape["in_channels"], *sides)
        )
    if merges(net):
        # What is priced is what is deployed, and merging needs numbers.
        net = deployed(create(name, **shape, size="cpu", **arguments)).to("meta")
    unfused = sdpa_kernel(SDPBackend.MATH)  # torch has no price of every fused attention
    with FlopCounterMode(display=False) as counter, torch.no_grad(), unfused:
        net(image)
    return float(counter.get_total_flops()) / 2
