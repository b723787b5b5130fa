"""Networks that learn delays on spikes of sound: SHD, SSC and Google Speech Commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from neurospike import nn as spiking
from neurospike.errors import ArgumentError
from neurospike.models.registry import register
from neurospike.nn import LIF, DelayLinear, LeakyReadout, SequenceDropout, SpikingSequential

Task = Literal["shd", "ssc", "gsc"]
Delays = Literal["learnt", "fixed", "none"]
NeuronName = Literal["lif", "adlif"]

_ADLIF_DRIVE = 5.0
"""Scale of the BatchNorm before adaptive neurons: their slow membranes average input away, and at
scale 1 fire in one step of a thousand."""


@dataclass(frozen=True)
class Published:
    """What arXiv:2306.17670 trained, at 10 ms a step; taus and delays in steps."""

    classes: int
    hidden: int
    tau: float
    dropout: float
    max_delay: int
    sigma: float


PUBLISHED: dict[str, Published] = {
    "shd": Published(20, 256, tau=1.005, dropout=0.4, max_delay=25, sigma=12.27),
    "ssc": Published(35, 512, tau=1.5, dropout=0.25, max_delay=31, sigma=15.27),
    "gsc": Published(35, 512, tau=1.5, dropout=0.25, max_delay=31, sigma=15.27),
}


@register
def delay_net(
    task: Task = "shd",
    hidden: int | None = None,
    layers: int = 2,
    taps: int = 1,
    *,
    num_classes: int | None = None,
    in_features: int = 140,
    max_delay: int | None = None,
    sigma: float | None = None,
    delays: Delays = "learnt",
    tau: float | None = None,
    learnable_tau: bool = False,
    readout_tau: float | None = None,
    neuron: NeuronName = "lif",
    recurrent_delay: int = 0,
    dropout: float | None = None,
    tail: int | None = None,
    surrogate_alpha: float = 5.0,
) -> SpikingSequential:
    """Hidden layers of delays, BatchNorm, neurons and dropout; a leaky readout that never fires.

    Parameters
    ----------
    task
        Published configuration that every argument left out is taken from.
    hidden, layers
        Width and number of the hidden layers.
    taps
        Delays per synapse.
    num_classes
        Readout membranes.
    in_features
        Channels of the input.
    max_delay
        Delays a synapse can take, 0 to max_delay - 1 steps.
    sigma
        Width of the spread before a schedule narrows it, in steps.
    delays
        "learnt"; "fixed" keeps the random delays of the start; "none" has no delays at all.
    tau, readout_tau
        Time constants of hidden neurons and readout in steps; the readout's is ``tau`` unless
        given.
    learnable_tau
        Learn one time constant a layer, readout included; AdLIF learns its own in any case.
    neuron
        "lif" or "adlif".
    recurrent_delay
        Largest learnt recurrent delay in steps; 0 for no recurrence.
    dropout
        Probability that a hidden unit is silenced, for the whole sequence.
    tail
        Steps by which each layer of synapses lengthens the sequence; (max_delay - 1) // 2, as
        published, unless given.
    surrogate_alpha
        Steepness of the hidden neurons' surrogate gradient, ATan.

    Shape
    -----
    in:  (T, B, in_features), counts of events per bin, or real numbers
    out: membranes (T', B, num_classes), T' = T + (layers + 1) * tail

    Raises
    ------
    ArgumentError
        An unknown task, neuron or kind of delays, or sizes below 1.

    Cost
    ----
    256 units, two layers: 214,016 parameters, as published for SHD.

    Source
    ------
    arXiv:2306.17670; recurrent delays after arXiv:2509.24852.

    Examples
    --------
    >>> net = delay_net("shd")
    >>> sum(p.numel() for p in net.parameters())
    214016
    """
    published = _published(task)
    _check(delays, neuron, layers=layers, hidden=hidden, recurrent_delay=recurrent_delay)
    classes = published.classes if num_classes is None else num_classes
    width = published.hidden if hidden is None else hidden
    reach = published.max_delay if max_delay is None else max_delay
    decay = published.tau if tau is None else tau
    drop = published.dropout if dropout is None else dropout
    spread = published.sigma if sigma is None else sigma
    lengthened = (reach - 1) // 2 if tail is None else tail
    surrogate = spiking.surrogate.ATan(alpha=surrogate_alpha)

    def synapses(inputs: int, outputs: int) -> nn.Module:
        if delays == "none":
            linear = nn.Linear(inputs, outputs, bias=False)
            nn.init.kaiming_uniform_(linear.weight)
            return linear
        layer = DelayLinear(inputs, outputs, reach, taps, tail=lengthened, sigma=spread)
        layer.delay.requires_grad_(delays == "learnt")
        return layer

    def neurons() -> nn.Module:
        inner = (
            spiking.AdLIF(width, surrogate=surrogate)
            if neuron == "adlif"
            else LIF(decay, surrogate=surrogate, learnable_tau=learnable_tau)
        )
        if not recurrent_delay:
            return inner
        return spiking.RecurrentDelay(inner, width, recurrent_delay)

    parts: list[nn.Module] = []
    for index in range(layers):
        norm = nn.BatchNorm1d(width)
        if neuron == "adlif":
            nn.init.constant_(norm.weight, _ADLIF_DRIVE)
        inputs = in_features if index == 0 else width
        parts += [synapses(inputs, width), norm, neurons(), SequenceDropout(drop)]
    last = decay if readout_tau is None else readout_tau
    readout = LeakyReadout(last, learnable_tau=learnable_tau)
    return SpikingSequential(*parts, synapses(width, classes), readout)


def delay_net_loss(membranes: Tensor, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Cross entropy of the softmax of the membranes, summed over time; in float32.

    Shape
    -----
    in:  membranes (T, B, classes), labels (B,)
    out: a scalar

    Source
    ------
    arXiv:2306.17670: the summed probabilities themselves are taken as logits.

    Examples
    --------
    >>> import torch
    >>> loss = delay_net_loss(torch.zeros(4, 2, 2), torch.tensor([0, 1]))
    >>> round(float(loss), 4)  # ln 2: nothing tells the two classes apart
    0.6931
    """
    return F.cross_entropy(delay_net_scores(membranes), labels, label_smoothing=label_smoothing)


def delay_net_scores(membranes: Tensor) -> Tensor:
    """Softmax of the membranes at each step, summed over time: (T, B, classes) -> (B, classes)."""
    return membranes.float().softmax(-1).sum(0)


def _published(task: str) -> Published:
    if task not in PUBLISHED:
        raise ArgumentError(f"delay_net.task: must be one of {', '.join(PUBLISHED)}; got {task!r}.")
    return PUBLISHED[task]


def _check(
    delays: str, neuron: str, *, layers: int, hidden: int | None, recurrent_delay: int
) -> None:
    if delays not in ("learnt", "fixed", "none"):
        raise ArgumentError(
            f"delay_net.delays: must be 'learnt', 'fixed' or 'none'; got {delays!r}."
        )
    if neuron not in ("lif", "adlif"):
        raise ArgumentError(f"delay_net.neuron: must be 'lif' or 'adlif'; got {neuron!r}.")
    if layers < 1 or (hidden is not None and hidden < 1):
        raise ArgumentError(
            f"delay_net.layers, hidden: must be 1 or more; got {layers} and {hidden}."
        )
    if recurrent_delay < 0:
        raise ArgumentError(f"delay_net.recurrent_delay: must be 0 or more; got {recurrent_delay}.")
