"""One neuron, one step, in plain Python: what the kernels are held against."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from neurospike.hw.emulation.record import LOIHI_LARGEST
from neurospike.hw.neuron_models import (
    AdLIFModel,
    CubaModel,
    ILIFModel,
    LIFModel,
    Membrane,
    NeuronModel,
    Parameter,
    ReadoutModel,
)
from neurospike.hw.quantising.rounding import DECAY_UNITS


class Arithmetic:
    """Real numbers, or integers that stop at ``largest`` and count how often they did."""

    def __init__(self, integer: bool, largest: int) -> None:
        self.integer, self.largest, self.saturated = integer, largest, 0

    def clip(self, value: Any) -> Any:
        if self.largest == 0 or -self.largest <= value <= self.largest:
            return value
        self.saturated += 1
        return self.largest if value > 0 else -self.largest

    def decayed(self, value: Any, decay: Any) -> Any:
        """A share of the value: an integer's share counts in 4096ths and loses its fraction."""
        if not self.integer:
            return decay * value
        product = int(value) * int(decay)
        return abs(product) // DECAY_UNITS * (1 if product > 0 else -1)


def rest(neuron: NeuronModel, channel: int) -> list[Any]:
    """The state of a neuron before any input."""
    if isinstance(neuron, LIFModel):
        return [at(neuron.v_reset, channel)]
    if isinstance(neuron, (ILIFModel, ReadoutModel)):
        return [0]
    if isinstance(neuron, CubaModel):
        return [0, 0]
    if isinstance(neuron, AdLIFModel):
        return [0, 0, 0] if at(neuron.parameters.get("euler", 0), 0) else [0, 0]
    return []


def decide(
    neuron: NeuronModel, channel: int, state: list[Any], x: Any, told: Any, rules: Arithmetic
) -> tuple[Any, Any]:
    """Advance ``state`` in place; what the neuron gives out, and the membrane that decided.

    ``told`` is the spike by which it resets in place of its own, or None.
    """
    if isinstance(neuron, Membrane):
        return x, x
    if isinstance(neuron, ReadoutModel):
        gained = x if rules.integer else neuron.gain * x
        state[0] = rules.clip(rules.decayed(state[0], at(neuron.decay, channel)) + gained)
        return state[0], state[0]
    if isinstance(neuron, ILIFModel):
        return _ilif(neuron, channel, state, x, told, rules)
    if isinstance(neuron, LIFModel):
        return _lif(neuron, channel, state, x, told, rules)
    if isinstance(neuron, CubaModel):
        return _cuba(neuron.parameters, channel, state, x, told, rules)
    if isinstance(neuron, AdLIFModel):
        return _adlif(neuron.parameters, channel, state, x, told)
    raise TypeError(neuron)


def at(parameter: Parameter, channel: int) -> Any:
    """A parameter of one channel."""
    value = np.asarray(parameter).reshape(-1)
    return value[channel if value.size > 1 else 0].item()


def _ilif(
    neuron: ILIFModel, channel: int, state: list[Any], x: Any, told: Any, rules: Arithmetic
) -> tuple[int, Any]:
    u = rules.clip(rules.decayed(state[0], at(neuron.beta, channel)) + x)
    if rules.integer:
        s = (int(u) + neuron.unit // 2) // neuron.unit
        s = min(max(s, 0), neuron.max_spikes)
    else:
        s = math.floor(min(max(u / neuron.unit, 0), neuron.max_spikes) + 0.5)
    state[0] = u - int(s if told is None else told) * neuron.unit
    return s, u


def _lif(
    neuron: LIFModel, channel: int, state: list[Any], x: Any, told: Any, rules: Arithmetic
) -> tuple[int, Any]:
    v_reset, threshold = at(neuron.v_reset, channel), at(neuron.threshold, channel)
    left = rules.decayed(state[0] - v_reset, at(neuron.decay, channel))
    h = rules.clip(v_reset + left + (x if rules.integer else neuron.gain * x))
    s = int(h > threshold if neuron.strict else h >= threshold)
    if s if told is None else told:
        state[0] = h - threshold if neuron.soft else v_reset
    else:
        state[0] = h
    return s, h


def _cuba(
    parameters: dict[str, Parameter],
    channel: int,
    state: list[Any],
    x: Any,
    told: Any,
    rules: Arithmetic,
) -> tuple[int, Any]:
    keep_syn, keep_mem = at(parameters["keep_syn"], channel), at(parameters["keep_mem"], channel)
    threshold, scale = at(parameters["threshold"], channel), at(parameters.get("scale", 0), 0)
    if scale and not rules.integer:  # real numbers in whole units, as ``functional.cuba`` has it
        units = Arithmetic(True, LOIHI_LARGEST)
        whole = [round(value * scale) for value in state]
        i = units.clip(units.decayed(whole[0], round(keep_syn * DECAY_UNITS)) + np.rint(x * scale))
        h = units.clip(units.decayed(whole[1], round(keep_mem * DECAY_UNITS)) + i) / scale
        i = i / scale
    else:
        i = rules.clip(rules.decayed(state[0], keep_syn) + x)
        h = rules.clip(rules.decayed(state[1], keep_mem) + i)
    s = int(h >= threshold)
    state[:] = i, _after(h, s if told is None else told, threshold, parameters)
    return s, h


def _adlif(
    parameters: dict[str, Parameter], channel: int, state: list[Any], x: Any, told: Any
) -> tuple[int, Any]:
    u, w, felt = state[0], state[1], state[-1]
    alpha, beta, a, b = (at(parameters[name], channel) for name in ("alpha", "beta", "a", "b"))
    threshold = at(parameters["threshold"], channel)
    h = alpha * u + (1 - alpha) * (x - felt)
    s = int(h >= threshold)
    sent = s if told is None else int(told)
    after = _after(h, sent, threshold, parameters)
    state[:] = [after, beta * w + (a * after + b * sent), w][: len(state)]
    return s, h


def _after(h: Any, sent: Any, threshold: Any, parameters: dict[str, Parameter]) -> Any:
    if not sent:
        return h
    return h - threshold if at(parameters.get("soft", 0), 0) else 0 * h
