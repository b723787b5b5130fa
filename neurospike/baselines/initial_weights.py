"""Initial weights that ConvNeXt and its descendants share."""

from __future__ import annotations

from torch import nn

STD = 0.02


def draw_weights(network: nn.Module) -> None:
    """Draw weights of convolutions and linear layers, normal with a width of 0.02; biases are 0."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.trunc_normal_(part.weight, std=STD)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
