"""What layers with learnable delays share: the spread, its width, rounding and clamping."""

from __future__ import annotations

import math
from typing import Any, ClassVar, TypeVar, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurospike.errors import ArgumentError
from neurospike.functional.delays import DelayRule, Spread, gaussian, spread_delays, triangle
from neurospike.kernels import autocast
from neurospike.nn.stateful import Stateful

D = TypeVar("D", bound="Delayed")


class Delayed(Stateful):
    """Base of layers with a parameter ``delay``, in steps ``first_delay`` and above.

    On a GPU a forward pass reads nothing back: the host remembers ``sigma`` and ``rounded`` for as
    long as nobody writes to them, and delays are checked on the CPU and by ``round_delays_``
    alone.
    """

    first_delay: ClassVar[int] = 0
    """The shortest delay, in steps."""

    delay: nn.Parameter
    sigma: Tensor
    rounded: Tensor

    def __init__(self, max_delay: int, spread: Spread, sigma: float | None) -> None:
        super().__init__()
        self._check_count("max_delay", max_delay, least=1)
        self._check_choice("spread", spread, get_args(Spread))
        width = max_delay / 2 if sigma is None else float(sigma)
        self._check_sigma(width)
        self.max_delay = max_delay
        self.spread: Spread = spread
        self.register_buffer("sigma", torch.tensor(width))
        self.register_buffer("rounded", torch.tensor(False))
        self._seen: dict[str, tuple[Tensor, int, float]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """A copy has buffers of its own, and looks at them itself."""
        return {**self.__dict__, "_seen": {}}

    @property
    def is_rounded(self) -> bool:
        """Whether ``round_delays_`` was called."""
        return bool(self._read("rounded"))

    @property
    def last_delay(self) -> int:
        """The longest delay, in steps."""
        return self.first_delay + self.max_delay - 1

    @torch.no_grad()
    def clamp_delays_(self: D) -> D:
        """Bring delays back into their range; returns the layer."""
        self.delay.clamp_(self.first_delay, self.last_delay)
        return self

    @torch.no_grad()
    def round_delays_(self: D) -> D:
        """Round delays to whole steps and give every delay one tap there; returns the layer.

        Halves go to the even step. Weights can still be trained, delays no longer. To train on,
        load the ``state_dict`` from before.
        """
        self.check_delays()
        self.delay.round_()
        self.rounded.fill_(True)
        return self

    def settled(self) -> Tensor:
        """The delays, checked; without a gradient where rounded."""
        self._check_range()
        if not self.is_rounded:
            return self.delay
        delay = self.delay.detach()
        if self._on_host and not bool((delay == delay.round()).all()):
            raise ArgumentError(
                f"{self._name}.delay: delays must be whole numbers after round_delays_(); they "
                "were changed since. Call round_delays_() again."
            )
        return delay

    def shares(self) -> Tensor:
        """Share of every step of the line in a delay: (max_delay, ...), of ``delay``'s shape."""
        return spread_delays(self.settled() - self.first_delay, self.rule())

    def shares_in_graph(self, delay: Tensor) -> Tensor:
        """Shares of delays counted from 0, for a compiler: nothing is read back or checked."""
        whole = triangle(delay.detach(), 1.0, self.max_delay)
        if self.spread == "none":
            spread = triangle(delay, 1.0, self.max_delay)
        elif self.spread == "triangle":
            spread = triangle(delay, self.sigma.clamp(min=1.0), self.max_delay)
        else:
            spread = gaussian(delay, self.sigma, self.max_delay)
        return torch.where(self.rounded, whole, spread)

    def rule(self, tail: int = 0) -> DelayRule:
        """How delays act now."""
        sigma = self._read("sigma")
        self._check_sigma(sigma)
        spread = "none" if self.is_rounded else self.spread
        return DelayRule(self.max_delay, spread, sigma, tail)

    def check_delays(self) -> None:
        """Raise unless all delays lie in their range."""
        if not self.delay.numel():
            return
        least, most = (float(v) for v in torch.aminmax(self.delay.detach()))
        if not (least >= self.first_delay and most <= self.last_delay):
            raise ArgumentError(
                f"{self._name}.delay: delays must lie in {self.first_delay}..{self.last_delay}; "
                f"got {least:.6g}..{most:.6g}. Call clamp_delays_() after each optimiser step."
            )

    def _spread_repr(self, usual: Spread) -> list[str]:
        parts = [] if self.spread == usual else [f"spread={self.spread!r}"]
        if self.is_rounded:
            return [*parts, "rounded"]
        return parts if self.spread == "none" else [*parts, f"sigma={self._read('sigma'):.4g}"]

    def _read(self, name: str) -> float:
        """A buffer's value; a GPU is asked once, and again when the buffer has been written to."""
        buffer: Tensor = getattr(self, name)
        if buffer.device.type == "cpu" or buffer.is_inference():
            return float(buffer)
        known, version, value = self._seen.get(name, (None, -1, math.nan))
        if known is not buffer or version != buffer._version:
            value = float(buffer)
            self._seen[name] = buffer, buffer._version, value
        return value

    @property
    def _on_host(self) -> bool:
        return self.delay.device.type == "cpu"

    def _check_range(self) -> None:
        """``check_delays`` where that costs no wait for a GPU."""
        if self._on_host:
            self.check_delays()

    def _check_count(self, name: str, value: Any, *, least: int) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ArgumentError(
                f"{self._name}.{name}: must be a whole number of {least} or more; got {value!r}."
            )

    def _check_choice(self, name: str, value: str, known: tuple[str, ...]) -> None:
        if value not in known:
            raise ArgumentError(
                f"{self._name}.{name}: must be one of {', '.join(known)}; got {value!r}."
            )

    def _check_sigma(self, sigma: float) -> None:
        if not (math.isfinite(sigma) and sigma > 0):
            raise ArgumentError(
                f"{self._name}.sigma: must be finite and above 0 steps; got {sigma}. Narrow the "
                "spread down to about 0.5 and then call round_delays_()."
            )

    def _cast(self, x: Any) -> Any:
        """Inside ``torch.autocast`` the input in the weights' dtype: spectra are no place for less.

        Everywhere else as it is.
        """
        if isinstance(x, Tensor) and x.is_floating_point() and autocast.is_on(x):
            return x.to(self.delay.dtype)
        return x

    def _check_dense(self, x: Any, *, axes: int, shape: str) -> None:
        if not isinstance(x, Tensor):
            raise ArgumentError(
                f"{self._name}.x: must be a dense tensor {shape}; got {type(x).__name__}."
            )
        if not x.is_floating_point():
            raise ArgumentError(
                f"{self._name}.x: must be floating point; got {x.dtype}. Convert with x.float()."
            )
        if x.dtype != self.delay.dtype:
            raise ArgumentError(
                f"{self._name}.x: must have the weights' dtype {self.delay.dtype}; got {x.dtype}. "
                "Convert either with .to(dtype)."
            )
        if x.ndim != axes:
            raise ArgumentError(f"{self._name}.x: must be {shape}; got {tuple(x.shape)}.")

    @property
    def _name(self) -> str:
        return type(self).__name__


def joined(y: Tensor, pending: Tensor) -> tuple[Tensor, Tensor]:
    """What arrives now (T, ...) and later (L, ...), of y (T + L - 1, ...) and the line before.

    The last row of a line is empty: nothing takes L steps.
    """
    steps = len(y) - len(pending) + 1
    due = y + F.pad(pending, (*[0, 0] * (y.ndim - 1), 0, steps - 1))
    return due[:steps], torch.cat([due[steps:], torch.zeros_like(due[:1])])


def shown(pending: Tensor, tail: int) -> Tensor | None:
    """The next ``tail`` steps of a line (L, ...), where there is a tail."""
    if not tail:
        return None
    return F.pad(pending, (*[0, 0] * (pending.ndim - 1), 0, max(tail - len(pending), 0)))[:tail]
