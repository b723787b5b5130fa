"""Neurons that hear each other after learnt delays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError, StateError
from neurospike.functional.delays import Spread
from neurospike.kernels.recurrent import select
from neurospike.kernels.recurrent.select import Backend
from neurospike.nn.delayed import Delayed
from neurospike.nn.stateful import State, Stateful

RecurrentPer = Literal["axon", "synapse"]


class RecurrentDelay(Delayed):
    """Feed the spikes of a layer of neurons back to it after learnt delays.

    y[t] = neuron(x[t] + r[t]), r[t] = sum over neurons i of weight[:, i] * y_i[t - delay_i],
    delays from 1 to ``max_delay`` steps. In training a delay is a real number of steps, spread
    over the whole steps around it, as wide as ``sigma``, which a schedule narrows;
    ``round_delays_`` leaves one tap at a whole delay, for evaluation and for chips.

    Parameters
    ----------
    neuron
        The neurons: any layer that emits spikes and has a ``step``, such as ``LIF``, ``AdLIF``,
        ``CubaLIF``.
    features
        How many neurons.
    max_delay
        The longest delay, in steps, 1 or more; 1 is plain recurrence.
    per
        What has a delay of its own: every neuron's "axon", or every "synapse". Synapses cost
        ``max_delay`` times the products in training.
    spread
        "triangle" with half-width ``sigma``, but not less than 1 step; "gaussian" with standard
        deviation ``sigma``; or "none", linear interpolation between the two steps around.
    sigma
        Width to begin with, in steps; half of ``max_delay`` unless given.
    backend
        "auto", "numba" or "reference"; a named backend never falls back.

    Attributes
    ----------
    weight
        (out, in), an orthogonal matrix to begin with.
    delay
        (features,) per axon, (out, in) per synapse, in steps, drawn from the uniform distribution
        over 1..max_delay. An optimiser may push delays out of that range: call
        ``clamp_delays_`` after its step.
    sigma, rounded
        Buffers: the width, and whether ``round_delays_`` was called.

    Shape
    -----
    in:  (T, B, features), the current that comes from elsewhere
    out: the same shape and dtype
    state: (pending, *the neuron's), pending (B, max_delay, features): what is on its way

    Raises
    ------
    ArgumentError
        Sizes below 1, an unknown ``per`` or ``spread``, a neuron that emits no spikes, has other
        features or sends unary events; an input of another shape or dtype; when it is used, a
        sigma that is not above 0 or a delay out of range, whole where rounded.
    StateError
        In ``step``, a state of another batch than the input; a second backward pass through one
        run.
    BackendUnavailableError
        A named backend that cannot run on this input.

    Cost
    ----
    Per step one matrix product (B, N) x (N, N), or where rounded one accumulation per delayed
    spike and target; ``max_delay`` products per neuron backward. The neuron's graph of every step
    is kept for the backward pass.

    Source
    ------
    DelRec, arXiv:2509.24852: axonal or synaptic delays, a triangle annealed to one tap, spikes
    scheduled into a buffer ahead, orthogonal weights, rounding at test. Departures: shares sum to
    1 also at the ends of the range; the half-width is sigma, theirs 1 + sigma; delays are bounded
    and count from 1, theirs from 0 with 1 added.

    Examples
    --------
    >>> import torch
    >>> from neurospike.nn.lif import LIF
    >>> layer = RecurrentDelay(LIF(tau=1.0), 1, max_delay=3).round_delays_()
    >>> _ = layer.weight.data.fill_(1.0), layer.delay.data.fill_(2.0)
    >>> layer(torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0]).reshape(5, 1, 1)).flatten().tolist()
    [1.0, 0.0, 1.0, 0.0, 1.0]
    """

    first_delay = 1
    emits_spikes = True

    def __init__(
        self,
        neuron: Stateful,
        features: int,
        max_delay: int,
        *,
        per: RecurrentPer = "axon",
        spread: Spread = "triangle",
        sigma: float | None = None,
        backend: Backend = "auto",
    ) -> None:
        super().__init__(max_delay, spread, sigma)
        self._check_count("features", features, least=1)
        self._check_choice("per", per, get_args(RecurrentPer))
        self._check_neuron(neuron, features)
        self.neuron = neuron
        self.features = features
        self.per: RecurrentPer = per
        self.backend: Backend = backend
        self.weight = nn.Parameter(torch.empty(features, features))
        shape = (features,) if per == "axon" else (features, features)
        self.delay = nn.Parameter(torch.empty(shape))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and delays anew."""
        nn.init.orthogonal_(self.weight)
        nn.init.uniform_(self.delay, 1.0, self.max_delay)

    def forward(self, x: Tensor) -> Tensor:
        """Run a whole sequence from rest; nothing is kept."""
        x = self._cast(x)
        self._check_input(x, axes=3, shape="(T, B, features)")
        state = self.neuron.init_state(x.new_empty(x.shape[1:]))
        pending = x.new_zeros(self.max_delay, *x.shape[1:])
        return self._run(x, pending, state)[0]

    def init_state(self, example: Tensor | Sequence[int]) -> State:
        """Nothing on its way and neurons at rest, for one step's input or its full shape."""
        like = example if isinstance(example, Tensor) else self.weight
        shape = tuple(example.shape if isinstance(example, Tensor) else example)
        if len(shape) != 2 or shape[1] != self.features:
            raise ArgumentError(
                f"RecurrentDelay.example: must be one step's input, (B, {self.features}), or its "
                f"shape; got {shape}."
            )
        pending = like.new_zeros(shape[0], self.max_delay, self.features)
        return (pending, *self.neuron.init_state(like.new_empty(shape)))

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Advance by one time step: x is (B, features)."""
        x = self._cast(x)
        self._check_input(x, axes=2, shape="(B, features)")
        pending = self._check_pending(x, state)
        y, pending, own = self._run(x[None], pending.transpose(0, 1), tuple(state[1:]))
        return y[0], (pending.transpose(0, 1), *own)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Several time steps (T, B, features) at once, from a state to the next."""
        x = self._cast(x)
        self._check_input(x, axes=3, shape="(T, B, features)")
        pending = self._check_pending(x[0], state)
        y, pending, own = self._run(x, pending.transpose(0, 1), tuple(state[1:]))
        return y, (pending.transpose(0, 1), *own)

    def extra_repr(self) -> str:
        """What the representation shows: sizes, and what differs from the defaults."""
        parts = [f"{self.features}, max_delay={self.max_delay}"]
        parts += [] if self.per == "axon" else [f"per={self.per!r}"]
        return ", ".join([*parts, *self._spread_repr("triangle")])

    def _run(self, x: Tensor, pending: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        if getattr(self.neuron, "mode", "integer") == "unary":
            raise ArgumentError(
                "RecurrentDelay.neuron: must not send unary events, which come back as one step; "
                "got mode 'unary'. Use 'integer'."
            )
        learnt = [p for p in self.neuron.parameters() if p.requires_grad]
        return select.recurrent(
            x, pending, state, self.neuron.step, weight=self.weight, share=self.shares(),
            parameters=learnt, whole=self.is_rounded, backend=self.backend,
        )  # fmt: skip

    def _check_input(self, x: Tensor, *, axes: int, shape: str) -> None:
        self._check_dense(x, axes=axes, shape=shape)
        if x.shape[-1] != self.features:
            raise ArgumentError(
                f"RecurrentDelay.x: must be {shape} with features = {self.features}; got "
                f"{tuple(x.shape)}."
            )

    def _check_pending(self, x: Tensor, state: State) -> Tensor:
        expected = (x.shape[0], self.max_delay, self.features)
        if len(state) < 2:
            raise StateError(
                f"RecurrentDelay: state must be (pending, *the neuron's); got {len(state)} "
                "tensors; start from init_state(example)."
            )
        if state[0].shape == expected:
            return state[0].to(x.dtype)
        fits = state[0].ndim == 3 and state[0].shape[1:] == expected[1:]
        had, got = (state[0].shape[0], expected[0]) if fits else (tuple(state[0].shape), expected)
        what = "batch" if fits else "shape"
        raise StateError(
            f"RecurrentDelay: state has {what} {had}, input has {got}; "
            "start from init_state(example)."
        )

    def _check_neuron(self, neuron: Stateful, features: int) -> None:
        if not (isinstance(neuron, Stateful) and neuron.emits_spikes):
            raise ArgumentError(
                "RecurrentDelay.neuron: must be a layer that emits spikes and has a step, such as "
                f"LIF; got {type(neuron).__name__}."
            )
        own = getattr(neuron, "features", features)
        if own != features:
            raise ArgumentError(
                f"RecurrentDelay.features: must be the neuron's own {own}; got {features}."
            )
