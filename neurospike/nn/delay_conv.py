"""Convolutions whose synapses have learnable delays."""

from __future__ import annotations

from neurospike.nn.delay_windows import DelayConvNd


class DelayConv1d(DelayConvNd):
    """Convolve along one axis with synapses that each have a learnable delay.

    y[t, o, p] = sum over input channels c, kernel offsets k and taps of
    weight[o, c, k] * x[t - delay, c, p * stride + k * dilation - padding], cross-correlation over
    space as ``torch.nn.Conv1d``, delays as in ``DelayLinear``: spread over whole steps in
    training, one tap each after ``round_delays_``.

    Parameters
    ----------
    in_channels, out_channels
        Channels before and after.
    kernel_size, stride, padding, dilation, groups
        As in ``torch.nn.Conv1d``: space is padded with zeros.
    max_delay
        Steps of the delay line; delays lie in 0..max_delay - 1.
    taps
        Synapses between every input and output of the kernel, each with its own weight and delay.
    per
        What has a delay of its own: every "synapse" of the kernel, every input channel's "axon",
        or every output channel's "dendrite".
    spread
        "gaussian" with standard deviation ``sigma``; "triangle" with half-width ``sigma``, but
        not less than 1 step; or "none", linear interpolation between the two steps around.
    tail
        Steps that the output lasts longer than the input.
    sigma
        Width to begin with, in steps; half of ``max_delay`` unless given.

    Attributes
    ----------
    weight
        (out, in // groups, kernel, taps), drawn from the Kaiming uniform distribution.
    delay
        The weight's shape, (in, taps) per axon or (out, taps) per dendrite, in steps, drawn from
        the uniform distribution over 0..max_delay - 1. Call ``clamp_delays_`` after each step of
        an optimiser.
    sigma, rounded
        Buffers: the width, and whether ``round_delays_`` was called.

    Shape
    -----
    in:  (T, B, in_channels, L)
    out: (T + tail, B, out_channels, L')
    state: (pending,), (B, L', max_delay, out_channels): what is on its way to the next steps

    Raises
    ------
    ArgumentError
        Sizes out of range, groups that do not divide the channels, an unknown ``per`` or
        ``spread``; an input of another shape or dtype or smaller than the kernel; when it is
        used, a sigma that is not above 0 or a delay out of range, whole where rounded.
    StateError
        In ``step``, a state of another batch or space than the input.

    Cost
    ----
    Windows are laid out in memory, kernel-size times the input. Then as ``DelayLinear``: where
    rounded, one accumulation per event, kernel offset and output channel.

    Source
    ------
    Delays per synapse after Hammouamri et al., ICLR 2024, arXiv:2306.17670, who have no space.

    Examples
    --------
    >>> import torch
    >>> layer = DelayConv1d(1, 1, kernel_size=2, max_delay=3).round_delays_()
    >>> _ = layer.weight.data.fill_(1.0)
    >>> _ = layer.delay.data.copy_(torch.tensor([0.0, 2.0]).reshape(1, 1, 2, 1))
    >>> x = torch.zeros(4, 1, 1, 3)
    >>> x[0, 0, 0, 1] = 1.0
    >>> layer(x)[:, 0, 0].tolist()
    [[0.0, 1.0], [0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    """

    axes = 1


class DelayConv2d(DelayConvNd):
    """Convolve over two axes with synapses that each have a learnable delay.

    As ``DelayConv1d``, with two spatial axes: ``kernel_size``, ``stride``, ``padding`` and
    ``dilation`` are one number or two, as in ``torch.nn.Conv2d``.

    Shape
    -----
    in:  (T, B, in_channels, X, Y)
    out: (T + tail, B, out_channels, X', Y')
    state: (pending,), (B, X' * Y', max_delay, out_channels): what is on its way

    Raises
    ------
    ArgumentError, StateError
        As ``DelayConv1d``.

    Cost
    ----
    As ``DelayConv1d``.

    Source
    ------
    As ``DelayConv1d``.

    Examples
    --------
    >>> import torch
    >>> layer = DelayConv2d(2, 4, kernel_size=3, max_delay=5, padding=1, tail=4)
    >>> layer(torch.ones(6, 1, 2, 8, 8)).shape
    torch.Size([10, 1, 4, 8, 8])
    """

    axes = 2
