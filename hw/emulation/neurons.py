"""Neurons at run time: parameters as arrays, states at rest, and the kernel that steps them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurospike.errors import ArgumentError
from neurospike.hw.emulation.record import Array
from neurospike.hw.network import Population
from neurospike.hw.neuron_models import (
    AdLIFModel,
    CubaModel,
    ILIFModel,
    LIFModel,
    Membrane,
    Parameter,
    ReadoutModel,
)

_LOOP = 256  # neurons of one compiled inner loop, where channels are few


@dataclass(eq=False)
class Rows:
    """What a kernel reads and writes over a few steps, from step ``first`` on.

    Attributes
    ----------
    x
        Currents (steps, neurons).
    out, active, saturated
        Records of all steps, of which it writes its own.
    forced, deciding
        Spikes of all steps to reset by, and room for the membranes (steps, neurons) behind the
        own decisions; both with no rows where nothing is forced.
    """

    x: Array
    first: int
    out: Array
    active: Array
    saturated: Array
    forced: Array
    deciding: Array


Step = Callable[[Rows], None]


def stepper(population: Population, neurons: int, dtype: Any, largest: int) -> Step:
    """Neurons at rest, and how they advance.

    Raises
    ------
    ArgumentError
        An adaptive neuron, or an ILIF whose unit is no power of two, in a network of integers; a
        neuron that is none of the models.
    """
    neuron = population.neuron
    if isinstance(neuron, Membrane):
        return _membrane
    if isinstance(neuron, AdLIFModel) and largest:
        raise ArgumentError(
            f"Population.neuron: adaptive neurons have no integer arithmetic; got {population.name}"
            " in a quantised network."
        )
    build = _BUILDERS.get(type(neuron))
    if build is None:
        raise ArgumentError(
            f"Population.neuron: must be one of hw.neuron_models; got {neuron!r} in "
            f"{population.name}."
        )
    return build(neuron, _Cells(population.space.channels, neurons, np.dtype(dtype), largest))


@dataclass(frozen=True)
class _Cells:
    channels: int
    neurons: int
    dtype: np.dtype[Any]
    largest: int

    def each(self, parameter: Parameter) -> Array:
        """A parameter with one value a channel, for as many sites as make long loops."""
        value = np.asarray(parameter).astype(self.dtype).reshape(-1)
        row = np.broadcast_to(value, (self.channels,))
        return np.tile(row, alike(self.neurons, self.channels))

    def one(self, value: float) -> Any:
        return self.dtype.type(value)

    def zeros(self) -> Array:
        return np.zeros(self.neurons, self.dtype)


def alike(neurons: int, channels: int) -> int:
    """Sites whose parameters are laid side by side: a divisor of all, for loops of some length.

    Examples
    --------
    >>> alike(1024, channels=1), alike(891, channels=11), alike(640, channels=64)
    (256, 9, 2)
    """
    sites = neurons // max(channels, 1)
    most = max(_LOOP // max(channels, 1), 1)
    return max((n for n in range(1, min(most, sites) + 1) if sites % n == 0), default=1)


def _membrane(rows: Rows) -> None:
    from neurospike.hw.emulation import neuron_kernels

    neuron_kernels.membrane(rows.x, rows.first, rows.out)


def _readout(neuron: ReadoutModel, cells: _Cells) -> Step:
    from neurospike.hw.emulation import neuron_kernels

    v, decay = cells.zeros(), cells.each(neuron.decay)
    gain = cells.one(1 if cells.largest else neuron.gain)

    def step(r: Rows) -> None:
        neuron_kernels.readout(
            r.x, r.first, v, decay, gain, cells.largest, r.out, r.active, r.saturated
        )

    return step


def _lif(neuron: LIFModel, cells: _Cells) -> Step:
    from neurospike.hw.emulation import neuron_kernels

    v_reset = cells.each(neuron.v_reset)
    v = np.tile(v_reset, cells.neurons // max(len(v_reset), 1))
    decay, threshold = cells.each(neuron.decay), cells.each(neuron.threshold)
    gain = cells.one(1 if cells.largest else neuron.gain)
    rule = (gain, bool(neuron.soft), bool(neuron.strict), cells.largest)

    def step(r: Rows) -> None:
        neuron_kernels.lif(
            r.x, r.first, v, decay, threshold, v_reset, *rule, r.out, r.active, r.saturated,
            r.forced, r.deciding,
        )  # fmt: skip

    return step


def _ilif(neuron: ILIFModel, cells: _Cells) -> Step:
    from neurospike.hw.emulation import neuron_kernels

    if cells.largest and neuron.unit & (neuron.unit - 1):
        raise ArgumentError(
            f"ILIFModel.unit: must be a power of two in a quantised network; got {neuron.unit}."
        )
    h, beta = cells.zeros(), cells.each(neuron.beta)
    rule = (cells.one(neuron.unit), cells.one(neuron.max_spikes), cells.largest)

    def step(r: Rows) -> None:
        neuron_kernels.ilif(
            r.x, r.first, h, beta, *rule, r.out, r.active, r.saturated, r.forced, r.deciding
        )

    return step


def _cuba(neuron: CubaModel, cells: _Cells) -> Step:
    from neurospike.hw.emulation import neuron_kernels

    own = neuron.parameters
    states = cells.zeros(), cells.zeros()
    keeps = cells.each(own["keep_syn"]), cells.each(own["keep_mem"])
    fixed = (*keeps, cells.each(own["threshold"]), cells.each(0), bool(np.any(own.get("soft", 0))))
    scale = 0.0 if cells.largest else float(np.max(own.get("scale", 0)))

    def step(r: Rows) -> None:
        if scale:
            neuron_kernels.whole_cuba(
                r.x, r.first, *states, *fixed, scale, r.out, r.active, r.forced, r.deciding
            )
        else:
            neuron_kernels.cuba(
                r.x, r.first, *states, *fixed, cells.largest, r.out, r.active, r.saturated,
                r.forced, r.deciding,
            )  # fmt: skip

    return step


def _adlif(neuron: AdLIFModel, cells: _Cells) -> Step:
    from neurospike.hw.emulation import neuron_kernels

    own = neuron.parameters
    states = cells.zeros(), cells.zeros(), cells.zeros()
    gains = [cells.each(own[name]) for name in ("alpha", "beta", "a", "b", "threshold")]
    rule = (bool(np.any(own.get("soft", 0))), bool(np.any(own.get("euler", 0))))
    fixed = (*gains, cells.each(0), *rule)

    def step(r: Rows) -> None:
        neuron_kernels.adlif(r.x, r.first, *states, *fixed, r.out, r.active, r.forced, r.deciding)

    return step


_BUILDERS: dict[type, Callable[[Any, _Cells], Step]] = {
    AdLIFModel: _adlif,
    CubaModel: _cuba,
    ILIFModel: _ilif,
    LIFModel: _lif,
    ReadoutModel: _readout,
}
