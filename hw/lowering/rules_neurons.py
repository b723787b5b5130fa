"""Rules of neurons, and of the recurrence around them."""

from __future__ import annotations

import numpy as np

from neurospike.hw.lowering.element_call import floats, whole
from neurospike.hw.lowering.layer_call import LayerCall
from neurospike.hw.lowering.nodes import Labels, Sent, Synapses
from neurospike.hw.lowering.reading import block
from neurospike.hw.lowering.registry import lowers
from neurospike.hw.lowering.rules_delays import check_rounded
from neurospike.hw.neuron_models import (
    AdLIFModel,
    CubaModel,
    ILIFModel,
    LIFModel,
    Parameter,
    ReadoutModel,
)
from neurospike.hw.wiring import Taps
from neurospike.nn import ILIF, LIF, AdLIF, CubaLIF, LeakyReadout, RecurrentDelay


@lowers(LIF)
def lif(call: LayerCall) -> Labels:
    """With ``decay_input`` the input is divided by tau like the leak."""
    layer = call.layer
    if not isinstance(layer, LIF):
        raise call.refuse("is no LIF")
    return call.fire(
        LIFModel(
            decay=1.0 - 1.0 / layer.tau,
            threshold=layer.threshold,
            v_reset=layer.v_reset,
            soft=layer.rule.reset == "soft",
            gain=1.0 / layer.tau if layer.rule.decay_input else 1.0,
        )
    )


@lowers(ILIF)
def ilif(call: LayerCall) -> Labels:
    """Integer spikes; whether they travel as unary events is the emulator's choice."""
    layer = call.layer
    if not isinstance(layer, ILIF):
        raise call.refuse("is no ILIF")
    return call.fire(ILIFModel(max_spikes=layer.max_spikes, beta=layer.beta))


@lowers(AdLIF)
def adlif(call: LayerCall) -> Labels:
    """Every constant factor is in the gains already."""
    layer = call.layer
    if not isinstance(layer, AdLIF):
        raise call.refuse("is no AdLIF")
    gains = floats(layer.gains())
    parameters: dict[str, Parameter] = {
        name: call.channelwise(row)
        for name, row in zip(("alpha", "beta", "a", "b"), gains, strict=True)
    }
    parameters["threshold"] = layer.threshold
    parameters["soft"] = int(layer.rule.reset == "soft")
    parameters["euler"] = int(layer.rule.discretisation == "euler")
    return call.fire(AdLIFModel(parameters))


@lowers(CubaLIF)
def cubalif(call: LayerCall) -> Labels:
    """Decays as shares that are kept; with ``integer_decay`` in 1 / 4096."""
    layer = call.layer
    if not isinstance(layer, CubaLIF):
        raise call.refuse("is no CubaLIF")
    keep_syn, keep_mem = floats(layer.keep()).tolist()
    return call.fire(
        CubaModel(
            {
                "keep_syn": keep_syn,
                "keep_mem": keep_mem,
                "threshold": layer.threshold,
                "soft": int(layer.rule.reset == "soft"),
                "scale": layer.rule.scale,
            }
        )
    )


@lowers(LeakyReadout)
def readout(call: LayerCall) -> Labels:
    """A membrane that never fires."""
    layer = call.layer
    if not isinstance(layer, LeakyReadout):
        raise call.refuse("is no LeakyReadout")
    gain = 1.0 / layer.tau if layer.decay_input else 1.0
    return call.fire(ReadoutModel(decay=1.0 - 1.0 / layer.tau, gain=gain))


@lowers(RecurrentDelay)
def recurrent(call: LayerCall) -> Labels:
    """The neurons as their own rule has them, and delayed synapses back to them."""
    layer = call.layer
    if not isinstance(layer, RecurrentDelay):
        raise call.refuse("is no RecurrentDelay")
    check_rounded(layer, call)
    labels = call.delegate(layer.neuron, "neuron")
    sent = call.builder.node_of(labels, call.where)
    if not isinstance(sent, Sent) or sent.sites != 1:
        raise call.refuse("feeds back neurons that sit on a grid; flatten them first")
    place = block(sent, labels, call.where)[0][0]
    size = layer.features
    weight, delay = np.zeros((size, 1, size)), np.zeros((size, 1, size), np.int32)
    # The layer has (out, in), or one delay an input.
    weight[np.ix_(place, [0], place)] = floats(layer.weight).T[:, None, :]
    late = np.broadcast_to(whole(layer.settled()), (size, size)).T
    delay[np.ix_(place, [0], place)] = late[:, None, :]
    synapses = Synapses(call.path, sent.population, Taps(), weight, delay=delay)
    call.builder.feed_back(synapses, sent.population)
    return labels
