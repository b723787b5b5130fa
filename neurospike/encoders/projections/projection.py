"""What every projection is: a sample into an image for a conventional network, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]


@dataclass(frozen=True)
class Panel:
    """One flat picture of an image: a channel, or what several say together.

    Attributes
    ----------
    values
        (rows, columns), the first row on top.
    across, down
        What the axes are, with their units.
    """

    title: str
    values: Image
    across: str
    down: str


class Projection(ABC):
    """A sample into an image that a conventional network takes.

    The spiking network and its opponents see the same sample: a projection comes after the
    sample's augmentation, in the place of voxels or of the sequence. It draws no lots.

    Attributes
    ----------
    reads
        "points": (N, 3) x, y, z, with features beside it where the projection wants them;
        "frames": (steps, channels), binned spikes or energies of bands.
    channels, size
        Of the images: (channels, height, width).
    """

    reads: Literal["points", "frames"]
    channels: int
    size: tuple[int, int]

    @abstractmethod
    def __call__(self, sample: Mapping[str, Any]) -> Image:
        """A sample's image, float32 (channels, height, width), of the order of 1.

        For networks that take points it is no image but points, (N, channels).

        A sample has ``points`` (N, 3 + F), or ``frames`` (steps, channels).
        """

    @abstractmethod
    def inverse(self, image: Image) -> dict[str, NDArray[Any]]:
        """The sample as far as the image still knows it: ``points`` (M, 3), or ``frames``."""

    @abstractmethod
    def panels(self, image: Image) -> list[Panel]:
        """What to look at."""
