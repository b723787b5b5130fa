"""The spiking backbone on the bird's-eye view: two or more scales, brought back to one grid."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from neurospike.encoders.spike_voxel_coding import BN_EPS, BN_MOMENTUM
from neurospike.nn import ILIF, SpikingSequential


class SpikeConv2d(SpikingSequential):
    """Spike (unless the input is spikes already), convolution on the map, BatchNorm.

    Shape
    -----
    in, out: (T, B, C, X, Y), membranes
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        max_spikes: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        spiking_input: bool = False,
    ) -> None:
        layers: list[nn.Module] = [] if spiking_input else [ILIF(max_spikes)]
        conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        super().__init__(*layers, conv, _norm(outputs))


class SpikeUp2d(SpikingSequential):
    """Spike, transposed convolution that multiplies the edges, BatchNorm."""

    def __init__(self, inputs: int, outputs: int, max_spikes: int, *, factor: int) -> None:
        up = nn.ConvTranspose2d(inputs, outputs, factor, factor, bias=False)
        super().__init__(ILIF(max_spikes), up, _norm(outputs))


class BEVBackbone(nn.Module):
    """Scales of convolutions with membrane shortcuts, each brought to the output's grid.

    Parameters
    ----------
    inputs
        Channels of the map, spikes.
    channels, layers
        Channels of each scale, and how many convolutions follow its first one; every scale after
        the first halves the edges.
    up_channels
        Channels that each scale gives to the output.
    enlarge
        Cells of the output along an edge, for each cell of the input: 1 or 2.
    fine_inputs
        Channels of a second map, at the edges of the output, which joins as a scale of its own;
        0 for none.
    head_layers
        Convolutions on the sum of all scales; with 0 the scales stay apart.

    Shape
    -----
    in:  (T, B, inputs, X, Y), spikes; X and Y multiples of 2 ** (scales - 1); and, with
         ``fine_inputs``, (T, B, fine_inputs, X * enlarge, Y * enlarge), spikes
    out: of every scale, or of their sum, (T, B, up_channels, X * enlarge, Y * enlarge), membranes

    Source
    ------
    The scales are those of Yan et al., SECOND, Sensors 2018, 18(10), 3337. Ours: neurons in place
    of ReLU, each before its convolution, the shortcuts of membranes, ``enlarge``, the fine map
    and the convolutions on the sum.
    """

    def __init__(
        self,
        inputs: int,
        channels: Sequence[int],
        layers: Sequence[int],
        up_channels: int,
        *,
        max_spikes: int,
        enlarge: int = 1,
        fine_inputs: int = 0,
        head_layers: int = 0,
    ) -> None:
        super().__init__()
        self.downs = nn.ModuleList()
        self.scales = nn.ModuleList()
        self.ups = nn.ModuleList()
        for scale, (width, count) in enumerate(zip(channels, layers, strict=True)):
            first = scale == 0
            down = SpikeConv2d(
                inputs, width, max_spikes, stride=1 if first else 2, spiking_input=first
            )
            self.downs.append(down)
            self.scales.append(
                nn.ModuleList(SpikeConv2d(width, width, max_spikes) for _ in range(count))
            )
            factor = enlarge * 2**scale
            up: nn.Module = (
                SpikeConv2d(width, up_channels, max_spikes, kernel=1)
                if factor == 1
                else SpikeUp2d(width, up_channels, max_spikes, factor=factor)
            )
            self.ups.append(up)
            inputs = width
        self.fine = (
            SpikeConv2d(fine_inputs, up_channels, max_spikes, spiking_input=True)
            if fine_inputs
            else None
        )
        self.joined = nn.ModuleList(
            SpikeConv2d(up_channels, up_channels, max_spikes) for _ in range(head_layers)
        )
        self.outputs = 1 if head_layers else len(channels) + (fine_inputs > 0)

    def forward(self, x: Tensor, fine: Tensor | None = None) -> list[Tensor]:
        outputs = []
        for down, scale, up in zip(self.downs, self.scales, self.ups, strict=True):
            x = down(x)
            for unit in _units(scale):
                x = x + unit(x)
            outputs.append(up(x))
        if self.fine is not None:
            outputs.append(self.fine(fine))
        if not len(self.joined):
            return outputs
        y = outputs[0]
        for output in outputs[1:]:
            y = y + output
        for unit in self.joined:
            y = y + unit(y)
        return [y]


def _units(scale: nn.Module) -> list[nn.Module]:
    return list(scale.children())


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BN_EPS, momentum=BN_MOMENTUM)
