"""Long sequences in chunks of time steps, each computed again in the backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from neurospike.errors import ArgumentError
from neurospike.nn.delay_linear import DelayLinear
from neurospike.nn.flow import Flow, apply_stateless
from neurospike.nn.neuron import Neuron
from neurospike.nn.stateful import State, Stateful
from neurospike.nn.unary import UnarySpikes

M = TypeVar("M", bound=nn.Module)

_LEAN = (Neuron, DelayLinear)
"""What keeps little more than its input for the backward pass: alone it gains nothing."""


def checkpoint_time(model: M, steps: int | None) -> M:
    """Let a model's containers keep less of long sequences in training; returns the model.

    Each ``SpikingSequential`` then runs stretches of its layers in chunks of ``steps`` time steps,
    handing their states from one chunk to the next, and keeps only what enters and leaves a chunk:
    the rest is computed again in the backward pass. Outputs and gradients are the same but for
    rounding. A norm over the batch sees all steps at once and so stands between two stretches.

    Parameters
    ----------
    steps
        Time steps of a chunk, several times the longest delay; None to keep everything again.

    Raises
    ------
    ArgumentError
        Steps below 1, or a model without a ``SpikingSequential``.

    Cost
    ----
    Every stretch runs forward twice. Kept are its input and its output, and the states between
    chunks. Run as before: voxels and unary events, sequences of one chunk, evaluation without
    gradients, layers with hooks, delay convolutions, and blocks of your own without ``advance``.
    A ``RecurrentDelay`` on the CPU keeps its neurons' graphs all the same.

    Source
    ------
    Gruslys et al., Memory-Efficient Backpropagation Through Time, NIPS 2016, arXiv:1606.03401.

    Examples
    --------
    >>> from neurospike.nn import LIF, DelayLinear, SpikingSequential
    >>> net = SpikingSequential(DelayLinear(3, 4, max_delay=5), LIF(2.0), nn.Linear(4, 2))
    >>> net = checkpoint_time(net, 100)
    >>> net(torch.ones(250, 1, 3)).shape
    torch.Size([250, 1, 2])
    """
    if steps is not None and (not isinstance(steps, int) or isinstance(steps, bool) or steps < 1):
        raise ArgumentError(
            f"checkpoint_time.steps: must be a whole number of 1 or more, or None; got {steps!r}."
        )
    containers = [part for part in model.modules() if hasattr(part, "checkpoint_steps")]
    if not containers:
        raise ArgumentError(
            "checkpoint_time.model: must hold a SpikingSequential, whose layers run in chunks; got "
            f"{type(model).__name__}."
        )
    for part in containers:
        part.checkpoint_steps = steps  # type: ignore[assignment]
    return model


def stretches(layers: Sequence[nn.Module]) -> list[list[nn.Module]]:
    """The layers in order, those together that can run chunk by chunk; others are by themselves."""
    found: list[list[nn.Module]] = []
    open_ended = False
    for layer in layers:
        chunked = _in_chunks(layer)
        if chunked and open_ended:
            found[-1].append(layer)
        else:
            found.append([layer])
        open_ended = chunked
    return found


def worth_chunks(stretch: Sequence[nn.Module]) -> bool:
    """Whether a stretch keeps less when it runs in chunks."""
    if len(stretch) > 1:
        return True
    (layer,) = stretch
    return isinstance(layer, Stateful) and not isinstance(layer, _LEAN) and _in_chunks(layer)


def run_chunks(stretch: Sequence[nn.Module], x: Tensor, steps: int) -> Tensor:
    """A stretch over a sequence (T, B, ...), ``steps`` time steps at a time."""
    run = _Stretch(stretch)
    outputs: list[Tensor] = []
    states: State = ()
    for place, chunk in enumerate(torch.split(x, steps)):
        y, *after = checkpoint(run, chunk, place == 0, *states, use_reentrant=False)
        outputs.append(y)
        states = tuple(after)
    outputs += run.flush(states)
    return torch.cat(outputs)


class _Stretch:
    """Layers, and how many tensors of state each of them has once a chunk has run."""

    def __init__(self, layers: Sequence[nn.Module], sizes: Sequence[int] = ()) -> None:
        self.layers = layers
        self.sizes = list(sizes)

    def __call__(self, x: Tensor, first: bool, *states: Tensor) -> tuple[Tensor, ...]:
        """The next chunk, the first one from rest: its output, and the states behind it."""
        before = [] if first else self.apart(states)
        after: list[State] = []
        for place, layer in enumerate(self.layers):
            state: State = ()
            if isinstance(layer, Stateful):
                x, state = layer.advance(x, layer.start(x) if first else before[place])
            else:
                x = _value(apply_stateless(layer, Flow(x)))
            after.append(state)
        self.sizes = [len(state) for state in after]
        return (x, *(part for state in after for part in state))

    def flush(self, states: State) -> list[Tensor]:
        """What is still on its way after the last chunk, layer after layer."""
        left = self.apart(states)
        outputs: list[Tensor] = []
        for place, layer in enumerate(self.layers):
            late = layer.flush(left[place]) if isinstance(layer, Stateful) else None
            if late is None:
                continue
            rest = _Stretch(self.layers[place + 1 :], self.sizes[place + 1 :])
            y, *after = rest(late, False, *(part for state in left[place + 1 :] for part in state))
            left[place + 1 :] = rest.apart(tuple(after))
            outputs.append(y)
        return outputs

    def apart(self, states: State) -> list[State]:
        """All states by layers."""
        rest, found = list(states), []
        for size in self.sizes:
            found.append(tuple(rest[:size]))
            rest = rest[size:]
        return found


def _in_chunks(layer: nn.Module) -> bool:
    if layer._forward_hooks or layer._forward_pre_hooks:  # they want to see a whole sequence, once
        return False
    if isinstance(layer, Stateful):
        unary = getattr(layer, "mode", "integer") == "unary"
        return type(layer).advance is not Stateful.advance and not unary
    mixes = any(isinstance(part, _BatchNorm) and part.training for part in layer.modules())
    return not mixes and not isinstance(layer, UnarySpikes)


def _value(flow: Flow) -> Any:
    return flow.value
