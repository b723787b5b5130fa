"""A linear layer whose synapses have learnable delays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError, StateError
from neurospike.functional.delays import Spread
from neurospike.kernels.delays import select
from neurospike.nn.delayed import Delayed, joined, shown
from neurospike.nn.stateful import State

if TYPE_CHECKING:
    from neurospike.kernels.delays.line import Packed

Per = Literal["synapse", "axon", "dendrite"]


class DelayLinear(Delayed):
    """A linear layer in time: y[t] = sum over inputs and taps of weight * x[t - delay].

    In training a delay is a real number of steps, spread over the whole steps around it; the
    spread is as wide as ``sigma`` says, which a schedule narrows, and sums to 1 over the steps
    0..max_delay - 1. ``round_delays_`` ends that: from then on every synapse has one tap at a
    whole delay, and the layer is an exact, event-driven delay line.

    Parameters
    ----------
    in_features, out_features
        Inputs and outputs a step.
    max_delay
        Steps of the delay line; delays lie in 0..max_delay - 1.
    taps
        Synapses between every input and output, each with its own weight and delay.
    per
        What has a delay of its own: every "synapse", every input's "axon", or every output's
        "dendrite", with as many delays there as taps.
    spread
        "gaussian" with standard deviation ``sigma``; "triangle" with half-width ``sigma``, but
        not less than 1 step; or "none", linear interpolation between the two steps around the
        delay, whatever ``sigma`` is.
    tail
        Steps that the output lasts longer than the input, for what is still on its way.
    sigma
        Width to begin with, in steps; half of ``max_delay`` unless given.

    Attributes
    ----------
    weight
        (out, in, taps), drawn from the Kaiming uniform distribution.
    delay
        (out, in, taps), (in, taps) per axon or (out, taps) per dendrite, in steps, drawn from the
        uniform distribution over 0..max_delay - 1. An optimiser may push delays out of that
        range: call ``clamp_delays_`` after its step.
    sigma
        A buffer, so that checkpoints keep it; ``layer.sigma.fill_(2.0)`` sets it.
    rounded
        A buffer: whether ``round_delays_`` was called. Loading a checkpoint brings back the state
        it was saved in, of delays and this flag alike.

    Shape
    -----
    in:  (T, B, in_features)
    out: (T + tail, B, out_features)
    state: (pending,), (B, max_delay, out_features): what is on its way to the next steps

    Raises
    ------
    ArgumentError
        Sizes, taps or max_delay below 1, a tail below 0, an unknown ``per`` or ``spread``; an
        input that is not floating point, of another dtype or width; when it is used, a sigma that
        is not above 0, or, on the CPU, a delay outside of 0..max_delay - 1, whole where rounded.
    StateError
        In ``step``, a state of another batch than the input.

    Cost
    ----
    Spread: products of spectra along time, or one matrix product a step of the delay line where
    that is cheaper; beside the arguments, the share of every step in every delay is kept for the
    backward pass. Rounded: one accumulation per event and synapse. ``step`` with spread delays
    pays the whole kernel every step: round first.

    Source
    ------
    Hammouamri et al., ICLR 2024, arXiv:2306.17670, which is per synapse and gaussian. Departures:
    positions there count backwards, and its layers pad the sequence by (max_delay - 1) // 2.

    Examples
    --------
    >>> import torch
    >>> layer = DelayLinear(1, 1, max_delay=4).round_delays_()
    >>> _ = layer.weight.data.fill_(0.5), layer.delay.data.fill_(2.0)
    >>> layer(torch.tensor([1.0, 0.0, 0.0, 1.0]).reshape(4, 1, 1)).flatten().tolist()
    [0.0, 0.0, 0.5, 0.0]
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        max_delay: int,
        taps: int = 1,
        per: Per = "synapse",
        spread: Spread = "gaussian",
        tail: int = 0,
        *,
        sigma: float | None = None,
    ) -> None:
        super().__init__(max_delay, spread, sigma)
        sizes = {"in_features": in_features, "out_features": out_features, "taps": taps}
        for name, value in sizes.items():
            self._check_count(name, value, least=1)
        self._check_count("tail", tail, least=0)
        self._check_choice("per", per, get_args(Per))
        self.in_features = in_features
        self.out_features = out_features
        self.taps = taps
        self.per: Per = per
        self.tail = tail
        shape = {"synapse": (out_features, in_features), "axon": (in_features,)}
        self.weight = nn.Parameter(torch.empty(out_features, in_features, taps))
        self.delay = nn.Parameter(torch.empty(*shape.get(per, (out_features,)), taps))
        self._packed: Packed | None = None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and delays anew."""
        nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")
        nn.init.uniform_(self.delay, 0.0, self.max_delay - 1)

    def forward(self, x: Tensor) -> Tensor:
        """Run a whole sequence from rest; nothing is kept."""
        x = self._cast(x)
        self._check_input(x, axes=3, shape="(T, B, in_features)")
        return self._delayed(x, self.tail)

    def init_state(self, example: Tensor | Sequence[int]) -> State:
        """Nothing on its way, for one step's input or its full shape such as (B, in_features)."""
        like = example if isinstance(example, Tensor) else self.weight
        shape = tuple(example.shape if isinstance(example, Tensor) else example)
        if len(shape) != 2 or shape[1] != self.in_features:
            raise ArgumentError(
                f"DelayLinear.example: must be one step's input, (B, {self.in_features}), or its "
                f"shape; got {shape}."
            )
        pending = like.new_zeros(shape[0], self.max_delay, self.out_features)
        return (pending.detach(),)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance by one time step: x is (B, in_features)."""
        x = self._cast(x)
        self._check_input(x, axes=2, shape="(B, in_features)")
        pending = self._check_state(x, state)
        if torch.compiler.is_compiling() or not self._event_driven(x):
            due = pending + self._delayed(x[None], self.max_delay - 1).transpose(0, 1)
        else:
            delay, rule = self._delays(), self.rule(self.max_delay - 1)
            due = select.arrive(x, pending, self.weight, delay, rule, self._synapses(delay))
        return due[:, 0], (torch.cat([due[:, 1:], torch.zeros_like(due[:, :1])], 1),)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Several time steps (T, B, in_features) at once, from a state to the next."""
        x = self._cast(x)
        self._check_input(x, axes=3, shape="(T, B, in_features)")
        pending = self._check_state(x[0], state)
        y, left = joined(self._delayed(x, self.max_delay - 1), pending.transpose(0, 1))
        return y, (left.transpose(0, 1),)

    def flush(self, state: State) -> Tensor | None:
        """The tail: (tail, B, out_features)."""
        return shown(state[0].transpose(0, 1), self.tail)

    def extra_repr(self) -> str:
        """What the representation shows: sizes, and what differs from the defaults."""
        parts = [f"{self.in_features}, {self.out_features}, max_delay={self.max_delay}"]
        for name, usual in (("taps", 1), ("per", "synapse"), ("tail", 0)):
            value = getattr(self, name)
            if value != usual:
                parts.append(f"{name}={value!r}")
        parts += self._spread_repr("gaussian")
        return ", ".join(parts)

    def _delays(self) -> Tensor:
        """The delays, shaped to broadcast to the weights."""
        if self.is_rounded:
            delay = self.delay.detach()
        else:
            delay = self.delay
            self._check_range()
        return self._broadcast(delay)

    def _broadcast(self, delay: Tensor) -> Tensor:
        if self.per == "axon":
            return delay[None]
        return delay[:, None] if self.per == "dendrite" else delay

    def _delayed(self, x: Tensor, tail: int) -> Tensor:
        """A sequence from rest, ``tail`` steps longer."""
        if torch.compiler.is_compiling():
            shares = self.shares_in_graph(self._broadcast(self.delay))
            return select.convolve_in_graph(x, self.weight, shares, tail)
        delay, rule = self._delays(), self.rule(tail)
        if not self._event_driven(x):
            return select.convolve(x, self.weight, delay, rule)
        return select.sequence(x, self.weight, delay, rule, self._synapses(delay))

    def _event_driven(self, x: Tensor) -> bool:
        return self.is_rounded and select.takes_events(x)

    def _synapses(self, delay: Tensor) -> Packed:
        """The synapses sorted for events; kept until weights or delays change."""
        if self._packed is None or not self._packed.holds(self.weight, delay):
            self.check_delays()
            self._packed = select.pack(self.weight, delay, self.max_delay)
        return self._packed

    def _check_input(self, x: Any, *, axes: int, shape: str) -> None:
        self._check_dense(x, axes=axes, shape=shape)
        if x.shape[-1] != self.in_features:
            raise ArgumentError(
                f"DelayLinear.x: must be {shape} with in_features = {self.in_features}; got "
                f"{tuple(x.shape)}."
            )

    def _check_state(self, x: Tensor, state: State) -> Tensor:
        expected = (x.shape[0], self.max_delay, self.out_features)
        if len(state) != 1:
            raise StateError(
                f"DelayLinear: state must be (pending,); got {len(state)} tensors; "
                "start from init_state(example)."
            )
        if state[0].shape == expected:
            return state[0].to(x.dtype)
        fits = state[0].ndim == 3 and state[0].shape[1:] == expected[1:]
        had, got = (state[0].shape[0], expected[0]) if fits else (tuple(state[0].shape), expected)
        what = "batch" if fits else "shape"
        raise StateError(
            f"DelayLinear: state has {what} {had}, input has {got}; start from init_state(example)."
        )
