"""Layer normalisation of images over their channels."""

from __future__ import annotations

from torch import Tensor, nn


class ChannelNorm(nn.Module):
    """Normalise every pixel over its channels.

    Shape
    -----
    in, out: (B, C, H, W)

    Source
    ------
    Ba et al., arXiv:1607.06450, over channels as in Liu et al., ConvNeXt, arXiv:2201.03545.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise with channels last, and put them back."""
        out: Tensor = self.norm(x.movedim(1, -1))
        return out.movedim(-1, 1)
