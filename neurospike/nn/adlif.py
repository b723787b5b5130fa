"""Adaptive leaky integrate-and-fire."""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple, get_args

import torch
from torch import Tensor

from neurospike.errors import ArgumentError
from neurospike.functional.adaptive import AdaptiveRule, Discretisation
from neurospike.functional.neurons import Reset
from neurospike.functional.surrogate import ATan, Surrogate
from neurospike.kernels.neurons import select
from neurospike.kernels.neurons.select import Backend
from neurospike.nn.bounded import Bounds, Range, bounded, check_range, register_bounded
from neurospike.nn.multi_state import MultiStateNeuron
from neurospike.nn.stateful import State

_ATAN = ATan(alpha=2.0)


class _Published(NamedTuple):
    tau_u: Bounds
    tau_w: Bounds
    a: Bounds
    b: Bounds
    reset: Reset


_SE_ADLIF = _Published((5.0, 25.0), (60.0, 300.0), (0.0, 1.0), (0.0, 2.0), "hard")
# Decays 0.36 to 0.96 of the membrane and 0.96 to 0.99 of the adaptation.
_CADLIF = _Published(
    (-1 / math.log(0.36), -1 / math.log(0.96)),
    (-1 / math.log(0.96), -1 / math.log(0.99)),
    (0.0, 1.0),
    (0.0, 2.0),
    "soft",
)
_NAMES = ("tau_u", "tau_w", "a", "b")


class AdLIF(MultiStateNeuron):
    """Adaptive leaky integrate-and-fire: a slow current w holds back, or swings, the membrane u.

    h <- alpha * u + (1 - alpha) * (x - w), spike s where h >= threshold, u <- h reset, then
    w <- beta * w + (1 - beta) * q * (a * u + b * s), with alpha = exp(-1 / tau_u) and
    beta = exp(-1 / tau_w). The membrane that has just been updated drives w: symplectic Euler.

    The input is weighed by 1 - alpha and opposed by w, so that it has to be large: normally
    distributed inputs of deviation 1, 3, 5, 8 make the default layer fire in 0.003, 1.5, 5 and
    10 % of steps. After a BatchNorm start its weight there.

    Parameters
    ----------
    features
        Neurons: the size of the last axis of the input.
    tau_u, tau_w
        Time constants of membrane and adaptation in time steps, above 0. A range (low, high)
        spreads the neurons over it; a number holds for all of them.
    a, b
        How strongly the membrane, and each spike, drive the adaptation; ranges or numbers.
    threshold
        Membrane at which the neuron fires, above 0.
    reset
        "hard" sets the membrane to 0 after a spike; "soft" subtracts ``threshold``.
    q
        Scale of a and b, so that both are of the order of 1 for slow adaptations.
    constrained
        The cAdLIF neuron: its ranges and its soft reset where they are not given, and its
        w <- beta * w + a * h + b * s, without (1 - beta) * q.
    discretisation
        "symplectic", or "euler" for w driven by u and s of the step before; that one oscillates
        without end, or diverges, for large a.
    detach_reset
        Whether gradients stop at the reset; they never stop at the spike's own adaptation.
    surrogate
        Gradient of the spike, from ``functional.surrogate``.
    learnable
        Learn tau_u, tau_w, a and b of each neuron where they have a range. Each is
        low + (high - low) * sigmoid(``{name}_logit``) and so never leaves its range; weight decay
        on a logit draws it to the middle.
    backend
        "auto", "numba", "triton" or "reference"; a named backend never falls back.

    Shape
    -----
    in:  (T, ..., features), or a VoxelTensor with features (N, C) or (T, N, C), C = features
    out: the same shape and dtype, 0 or 1
    state: (u, w), and (u, w, w of the step before) for "euler", each of one step's shape

    Raises
    ------
    ArgumentError
        A range that is none, time constants or a threshold not above 0, an input with another
        last axis.
    StateError
        In ``step``, a state of another batch than the input.
    BackendUnavailableError
        A named backend that cannot run on this input.

    Cost
    ----
    One pass forward; backward recomputes both states in cache and keeps only the input.

    Source
    ------
    Baronig et al., 2024, arXiv:2408.07517 (SE-adLIF and EF-adLIF):
    u[t] = alpha * u[t-1] + (1 - alpha) * (I[t] - w[t-1]), u[t] <- u[t] * (1 - s[t]),
    w[t] = beta * w[t-1] + (1 - beta) * q * (a * u[t] + b * s[t]); EF has a * u[t-1] + b * s[t-1];
    their SHD ranges and q are the defaults. Departures: logits where they clamp after each
    optimiser step; recurrence is a layer of its own, ``RecurrentDelay``.

    Deckers et al., 2023, arXiv:2311.16112 (cAdLIF): w[t] = beta * w[t-1] + a * u[t-1] +
    b * s[t-1], u[t] = alpha * (u[t-1] - threshold * s[t-1]) + (1 - alpha) * (I[t] - w[t]), u
    before reset, decays and a, b clamped; ranges as stated by the code of arXiv:2506.06374.
    Departures: states start at 0, not at random; w here is theirs of the step after.

    Below threshold the symplectic rule is stable exactly while, with A = (1 - beta) * q * a (or
    a where constrained), -(1 - beta) < A < (1 + alpha) * (1 + beta) / (1 - alpha); both default
    ranges lie inside.

    Examples
    --------
    >>> import torch
    >>> layer = AdLIF(3, tau_u=5.0, tau_w=60.0, a=0.5, b=1.0)
    >>> layer(torch.full((40, 1, 3), 6.0)).sum(0).detach()
    tensor([[2., 2., 2.]])
    """

    emits_spikes: ClassVar[bool] = True

    def __init__(
        self,
        features: int,
        tau_u: Range | None = None,
        tau_w: Range | None = None,
        a: Range | None = None,
        b: Range | None = None,
        threshold: float = 1.0,
        reset: Reset | None = None,
        *,
        q: float = 120.0,
        constrained: bool = False,
        discretisation: Discretisation = "symplectic",
        detach_reset: bool = True,
        surrogate: Surrogate = _ATAN,
        learnable: bool = True,
        backend: Backend = "auto",
    ) -> None:
        super().__init__()
        published = _CADLIF if constrained else _SE_ADLIF
        reset = published.reset if reset is None else reset
        _check(features, threshold, reset, q, discretisation)
        self.features = int(features)
        self.q = float(q)
        self.constrained = bool(constrained)
        self.learnable = bool(learnable)
        self.rule = AdaptiveRule(
            float(threshold), reset, discretisation, bool(detach_reset), surrogate
        )
        self.bounds: dict[str, Bounds] = {}
        for name, value in zip(_NAMES, (tau_u, tau_w, a, b), strict=True):
            above = 0.0 if name.startswith("tau") else -math.inf
            given: Range = getattr(published, name) if value is None else value
            self.bounds[name] = check_range("AdLIF", name, given, above=above)
            register_bounded(self, name, self.features, self.bounds[name], learnable=learnable)
        self.backend: Backend = backend

    @property
    def tau_u(self) -> Tensor:
        """Time constants of the membranes in time steps, (features,)."""
        return self._value("tau_u")

    @property
    def tau_w(self) -> Tensor:
        """Time constants of the adaptations in time steps, (features,)."""
        return self._value("tau_w")

    @property
    def a(self) -> Tensor:
        """How strongly the membranes drive the adaptations, (features,)."""
        return self._value("a")

    @property
    def b(self) -> Tensor:
        """How strongly the spikes drive the adaptations, (features,)."""
        return self._value("b")

    @property
    def threshold(self) -> float:
        """Membrane at which the neuron fires."""
        return self.rule.threshold

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the state tensors, in their order."""
        return ("u", "w", "w before")[: self.rule.states]

    def gains(self) -> Tensor:
        """Rows alpha, beta, and what u after reset and s add to w: (4, features)."""
        alpha = torch.exp(-1 / self.tau_u)
        beta = torch.exp(-1 / self.tau_w)
        a, b = self.a, self.b
        if self.constrained:
            # Theirs reads the membrane before reset, which is after it plus what the reset took.
            b = b + a * self.threshold if self.rule.reset == "soft" else b
        else:
            scale = (1 - beta) * self.q
            a, b = scale * a, scale * b
        return torch.stack((alpha, beta, a, b))

    def run(self, x: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        """x (T, ..., features), states or None for rest -> spikes, last states if given."""
        if x.shape[-1] != self.features:
            raise ArgumentError(
                f"AdLIF.x: its last axis must be features = {self.features}; got shape "
                f"{tuple(x.shape)}."
            )
        gains = self.gains().to(x.device)
        return select.adaptive(x, state, gains, self.rule, backend=self.backend)

    def extra_repr(self) -> str:
        """What the representation shows: ranges, and what differs from the defaults."""
        parts = [f"{self.features}"]
        for name in _NAMES:
            low, high = self.bounds[name]
            parts.append(f"{name}={low:g}" if low == high else f"{name}=({low:g}, {high:g})")
        parts += ["constrained=True"] if self.constrained else [f"q={self.q:g}"]
        usual = AdaptiveRule(surrogate=_ATAN)
        for field in ("threshold", "reset", "discretisation", "detach_reset", "surrogate"):
            value = getattr(self.rule, field)
            if value != getattr(usual, field):
                parts.append(f"{field}={value!r}")
        parts += [] if self.learnable else ["learnable=False"]
        return ", ".join(parts)

    def _value(self, name: str) -> Tensor:
        logit: Tensor | None = getattr(self, f"{name}_logit")
        return bounded(logit, self.features, self.bounds[name])


def _check(features: int, threshold: float, reset: str, q: float, discretisation: str) -> None:
    if features < 1:
        raise ArgumentError(f"AdLIF.features: must be 1 or more; got {features}.")
    if not (math.isfinite(threshold) and threshold > 0):
        raise ArgumentError(f"AdLIF.threshold: must be finite and above 0; got {threshold}.")
    if reset not in get_args(Reset):
        raise ArgumentError(f"AdLIF.reset: must be 'hard' or 'soft'; got {reset!r}.")
    if not math.isfinite(q):
        raise ArgumentError(f"AdLIF.q: must be finite; got {q}.")
    if discretisation not in get_args(Discretisation):
        raise ArgumentError(
            f"AdLIF.discretisation: must be 'symplectic' or 'euler'; got {discretisation!r}."
        )
