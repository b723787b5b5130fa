"""Small torch models, and the networks that they are, lowered by hand."""

import numpy as np
import torch
from torch import nn

from neurospike.hw.network import Level, Network, Output, Population, Projection, Shortcut, Space
from neurospike.hw.neuron_models import ILIFModel, LIFModel, Membrane, ReadoutModel, Source
from neurospike.hw.wiring import Pointwise, Submanifold, Taps
from neurospike.nn import (
    ILIF,
    LIF,
    DelayLinear,
    LeakyReadout,
    RecurrentDelay,
    SparseBatchNorm,
    SpikingSequential,
    SubmanifoldConv3d,
)


class Residual(nn.Module):
    """A stem that meets real numbers, a block with a membrane shortcut, a head on membranes."""

    def __init__(self, steps=1, channels=4, inputs=2):
        super().__init__()
        self.steps = steps
        self.stem = SubmanifoldConv3d(inputs, channels, kernel_size=3)
        self.stem_norm = SparseBatchNorm(channels)
        self.first = ILIF(4)
        self.conv = SubmanifoldConv3d(channels, channels, kernel_size=3)
        self.norm = SparseBatchNorm(channels)
        self.second = ILIF(4)
        self.mix = SubmanifoldConv3d(channels, channels, kernel_size=3)
        self.mix_norm = SparseBatchNorm(channels)
        self.head = nn.Linear(channels, 3)

    def forward(self, x):
        now = self.stem_norm(self.stem(x))
        if self.steps > 1:
            now = now.replace(now.features.expand(self.steps, *now.features.shape).contiguous())
        now = self.norm(self.conv(self.first(now)))
        now = now + self.mix_norm(self.mix(self.second(now)))
        return now.replace(self.head(now.features))


def shake(model, seed=0):
    """Draw norms at random, so that every part of them matters and neurons fire."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.running_mean.normal_(0, 0.1, generator=g)
                part.running_var.uniform_(0.05, 0.5, generator=g)
                part.weight.uniform_(0.5, 2.0, generator=g)
                part.bias.normal_(0.3, 0.3, generator=g)
    return model.eval()


def folded(conv, norm):
    """(C_in, taps, C_out) weights and (C_out,) bias of a sparse convolution and its norm."""
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).double().detach()
    weight = conv.weight.double().detach() * scale
    bias = norm.bias.double().detach() - norm.running_mean.double() * scale
    return weight.permute(1, 0, 2).numpy(), bias.numpy()


def residual_network(model, shape):
    """``Residual`` lowered by hand."""
    space, wiring = Space(4, shape, 0), Submanifold((3, 3, 3), (1, 1, 1))
    parts = {
        "stem": folded(model.stem, model.stem_norm),
        "conv": folded(model.conv, model.norm),
        "mix": folded(model.mix, model.mix_norm),
    }
    ilif = ILIFModel(4, 0.25)
    head = model.head.weight.double().detach().T[:, None].numpy()
    return Network(
        (
            Population("input", Space(2, shape, 0), Source(real=True)),
            Population("first", space, ilif, parts["stem"][1]),
            Population("second", space, ilif, parts["conv"][1]),
            Population("sum", space, Membrane(), parts["mix"][1]),
            Population(
                "out", Space(3, shape, 0), Membrane(), model.head.bias.double().detach().numpy()
            ),
        ),
        (
            Projection("stem", "input", "first", wiring, parts["stem"][0], once=True, kind="conv"),
            Projection("conv", "first", "second", wiring, parts["conv"][0], kind="conv"),
            Projection("mix", "second", "sum", wiring, parts["mix"][0], kind="conv"),
            Projection("head", "sum", "out", Pointwise(), head),
        ),
        (Shortcut("add", "second", "sum"),),
        Output("out"),
        (Level(shape),),
        "voxels",
        model.steps,
    )


def delay_model(seed=0, *, recurrent=False, neuron=None):
    """Two layers of whole delays with a norm between, and a readout."""
    torch.manual_seed(seed)
    cells = neuron or LIF(2.0, learnable_tau=True)
    model = SpikingSequential(
        DelayLinear(5, 7, 4, tail=2),
        nn.BatchNorm1d(7),
        RecurrentDelay(cells, 7, 3) if recurrent else cells,
        DelayLinear(7, 3, 5, taps=2, per="axon", tail=4),
        LeakyReadout(3.0),
    )
    for part in model:
        if hasattr(part, "round_delays_"):
            part.round_delays_()
    return shake(model, seed)


def _delayed(layer):
    delay = layer.delay.detach()
    if layer.per == "axon":
        delay = delay[None]
    delay = delay.expand(layer.weight.shape).permute(1, 2, 0).numpy().astype(np.int32)
    return layer.weight.detach().double().permute(1, 2, 0).numpy(), delay


def delay_network(model, neuron):
    """``delay_model`` lowered by hand; ``neuron`` is the hidden one."""
    first, norm, cells, second, readout = model
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).double().detach().numpy()
    bias = norm.bias.double().detach().numpy() - norm.running_mean.double().numpy() * scale
    (w1, d1), (w2, d2) = _delayed(first), _delayed(second)
    name, recurrent = "2", []
    if isinstance(cells, RecurrentDelay):
        name = "2.neuron"
        weight = cells.weight.detach().double().T[:, None].numpy()
        late = cells.delay.detach().numpy().astype(np.int32)[:, None, None]
        recurrent = [
            Projection(
                "2", name, name, Taps(), weight, delay=np.broadcast_to(late, weight.shape).copy()
            )
        ]
    return Network(
        (
            Population("input", Space(5), Source()),
            Population(name, Space(7), neuron, bias, extra_steps=2),
            Population("4", Space(3), ReadoutModel(1 - 1 / readout.tau), extra_steps=6),
        ),
        (
            Projection("0", "input", name, Taps(), w1 * scale, delay=d1),
            *recurrent,
            Projection("3", name, "4", Taps(2), w2, delay=d2),
        ),
        output=Output("4"),
    )


def lif_model(layer):
    """The parameters of an ``nn.LIF``."""
    return LIFModel(
        decay=1 - 1 / layer.tau,
        threshold=layer.threshold,
        v_reset=layer.v_reset,
        soft=layer.rule.reset == "soft",
        gain=1 / layer.tau if layer.rule.decay_input else 1.0,
    )
