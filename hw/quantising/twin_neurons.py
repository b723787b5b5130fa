"""Integer neurons in torch: what a quantised network's neurons do, to be read and checked by."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from neurospike.errors import StateError
from neurospike.hw.network import Population
from neurospike.hw.neuron_models import CubaModel, ILIFModel, LIFModel, NeuronModel, ReadoutModel
from neurospike.hw.quantising.integer_neurons import unsupported
from neurospike.hw.quantising.rounding import DECAY_UNITS
from neurospike.nn.multi_state import MultiStateNeuron
from neurospike.nn.stateful import State


class IntegerNeuron(MultiStateNeuron):
    """A neuron whose states are int64, in units of ``scale``; currents come in as float64.

    Currents beyond the width are brought back to its end where they stand, in the input itself.

    Shape
    -----
    in:  (T, ...), or a VoxelTensor with features (N, C) or (T, N, C), whole multiples of ``scale``
    out: the same shape, spikes as float64; of a readout its membranes, multiples of ``scale``
    state: int64, of one step's shape

    Raises
    ------
    StateError
        A current that is no whole multiple of the unit: a weight or a bias was left as it was.
    """

    emits_spikes: ClassVar[bool] = True

    def __init__(self, neuron: NeuronModel, scale: float, largest: int) -> None:
        super().__init__()
        self.neuron, self.scale, self.largest = neuron, scale, largest

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the state tensors, in their order."""
        return ("v",)

    def init_state(self, example: Any) -> State:
        """The state at rest, for one step's input or its full shape."""
        return tuple(torch.zeros_like(part).long() for part in super().init_state(example))

    def run(self, x: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        """x (T, ...), states or None for rest -> outputs, and the last states."""
        # In place: a shortcut that reads this current after us reads what the width holds of it.
        x = x.double().clamp_(-self.largest * self.scale, self.largest * self.scale)
        now: State = self.init_state(x.new_zeros(x.shape[1:])) if state is None else state
        now = tuple(part.long() for part in now)
        outputs = []
        for current in self.units(x):
            y, now = self.advance(current, now)
            outputs.append(y.double())
        return torch.stack(outputs) if outputs else x, now

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step on int64: outputs, and the state after it."""
        raise NotImplementedError

    def units(self, x: Tensor) -> Tensor:
        """Currents as whole numbers."""
        counts = x / self.scale
        whole = counts.round()
        if not torch.equal(counts, whole):
            raise StateError(
                f"integer_twin: currents must be whole multiples of {self.scale}; got "
                f"{float((counts - whole).abs().max()):.3g} of a unit beside one. Something "
                "between two neurons is not in the quantised network."
            )
        return whole.long()

    def held(self, values: Tensor) -> Tensor:
        """What fits the width of the membranes."""
        return values.clamp(-self.largest, self.largest)

    def per_channel(self, value: Any, x: Tensor) -> Any:
        """A parameter, laid along the channels: behind the batch where there is space, else last.

        ``x`` is one step, (B, C), (N, C) or (B, C, *space).
        """
        if np.ndim(value) == 0:
            return int(value)
        entries = torch.as_tensor(np.asarray(value)).long()
        return entries.reshape(-1, *[1] * max(x.ndim - 2, 0))


class IntegerLIF(IntegerNeuron):
    """v <- v_reset + trunc((v - v_reset) * decay / 4096) + x; spike, reset."""

    neuron: LIFModel

    def init_state(self, example: Any) -> State:
        """Membranes at their reset."""
        (zero,) = super().init_state(example)
        return (zero + self.per_channel(self.neuron.v_reset, zero),)

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step on int64."""
        model = self.neuron
        rest = self.per_channel(model.v_reset, x)
        threshold = self.per_channel(model.threshold, x)
        left = truncated(state[0] - rest, self.per_channel(model.decay, x))
        h = self.held(rest + left + x)
        fired = h > threshold if model.strict else h >= threshold
        after = h - threshold if model.soft else torch.zeros_like(h) + rest
        return fired, (torch.where(fired, after, h),)


class IntegerILIF(IntegerNeuron):
    """u = trunc(h * beta / 4096) + x; s the nearest number of units in 0..D; h = u - s units."""

    neuron: ILIFModel

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step on int64."""
        model = self.neuron
        u = self.held(truncated(state[0], self.per_channel(model.beta, x)) + x)
        s = torch.div(u + model.unit // 2, model.unit, rounding_mode="floor")
        s = s.clamp(0, model.max_spikes)
        return s, (u - s * model.unit,)


class IntegerCuba(IntegerNeuron):
    """i <- trunc(i * keep_syn / 4096) + x; v <- trunc(v * keep_mem / 4096) + i; spike, reset."""

    neuron: CubaModel

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the state tensors, in their order."""
        return "i", "v"

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step on int64."""
        own = self.neuron.parameters
        threshold = self.per_channel(own["threshold"], x)
        i = self.held(truncated(state[0], self.per_channel(own["keep_syn"], x)) + x)
        h = self.held(truncated(state[1], self.per_channel(own["keep_mem"], x)) + i)
        fired = h >= threshold
        after = h - threshold if own["soft"] else torch.zeros_like(h)
        return fired, (i, torch.where(fired, after, h))


class IntegerReadout(IntegerNeuron):
    """v <- trunc(v * decay / 4096) + x; its output is v, in real units."""

    emits_spikes: ClassVar[bool] = False
    neuron: ReadoutModel

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One step on int64."""
        v = self.held(truncated(state[0], self.per_channel(self.neuron.decay, x)) + x)
        return v.double() * self.scale, (v,)


_KINDS: dict[type, type[IntegerNeuron]] = {
    LIFModel: IntegerLIF,
    ILIFModel: IntegerILIF,
    CubaModel: IntegerCuba,
    ReadoutModel: IntegerReadout,
}


def twin_neuron(population: Population, scale: float, largest: int) -> IntegerNeuron:
    """The integer neurons of one population of a quantised network.

    Raises
    ------
    ArgumentError
        A neuron without an integer arithmetic.
    """
    kind = _KINDS.get(type(population.neuron))
    if kind is None:
        raise unsupported(population.neuron)
    return kind(population.neuron, scale, largest)


def truncated(values: Tensor, units: Any) -> Tensor:
    """values * units / 4096, rounded toward zero."""
    return torch.div(values * units, DECAY_UNITS, rounding_mode="trunc")
