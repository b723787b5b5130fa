"""The geometry of one convolution: the key under which its kernel map is cached."""

from __future__ import annotations

from typing import NamedTuple

Triple = tuple[int, int, int]


class Geometry(NamedTuple):
    """Window and grid of a convolution, as ``torch.nn.functional.conv3d`` means them.

    Output site o meets input site ``o * stride - padding + tap * dilation``.
    """

    kernel: Triple
    stride: Triple
    padding: Triple
    dilation: Triple
    in_shape: Triple
    out_shape: Triple

    @property
    def volume(self) -> int:
        """Taps of the window."""
        return self.kernel[0] * self.kernel[1] * self.kernel[2]

    @property
    def keeps_sites(self) -> bool:
        """Whether the window is centred and unstrided, so that offsets mirror each other."""
        return self.stride == (1, 1, 1) and all(
            2 * p == d * (k - 1)
            for p, d, k in zip(self.padding, self.dilation, self.kernel, strict=True)
        )


def submanifold(kernel: Triple, dilation: Triple, shape: Triple) -> Geometry:
    """The centred window whose output sites are its input sites."""
    px, py, pz = (d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True))
    return Geometry(kernel, (1, 1, 1), (px, py, pz), dilation, shape, shape)


def strided(
    kernel: Triple, stride: Triple, padding: Triple, dilation: Triple, shape: Triple
) -> Geometry:
    """The window of a strided convolution; an output edge may come out below 1."""
    x, y, z = (
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(shape, padding, dilation, kernel, stride, strict=True)
    )
    return Geometry(kernel, stride, padding, dilation, shape, (x, y, z))
