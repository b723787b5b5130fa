"""Which neuron sits in which core."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mesh:
    """Where cores are: cores in tiles, tiles on a mesh, meshes of chips.

    Tile t of a chip stands at x = t // height, y = t % height; packets go along x, then along y.

    Attributes
    ----------
    width, height
        Tiles of a chip along x and y.
    cores_per_tile
        Cores that share a router: no hop between them.
    """

    width: int
    height: int
    cores_per_tile: int = 1

    @property
    def cores_per_chip(self) -> int:
        """Cores of one chip."""
        return self.width * self.height * self.cores_per_tile


@dataclass(frozen=True, eq=False)
class Use:
    """How full a core is, of one limit.

    Attributes
    ----------
    used
        (cores,), in the limit's own unit.
    limit
        The same of a whole core, or (cores,) where cores differ; None where the chip has none.
    unit
        What is counted: "neurons", "bit", "axons", "slots", "words".
    """

    used: NDArray[np.int64]
    limit: int | NDArray[np.int64] | None
    unit: str


@dataclass(frozen=True, eq=False)
class Placement:
    """A network on the cores of one or more chips, for one set of occupied voxels.

    Attributes
    ----------
    core
        Population -> int32 (neurons,), the core of every neuron; sources of the host included,
        where the chip gives them a place.
    cores
        Cores in use, or of the whole chip.
    mesh
        Where they are.
    chip
        Name of the chip.
    use
        Limit -> how full every core is.
    binding
        The limit that decided how many cores were needed.
    lower_bound
        Cores that no placement can do without.
    style
        "compact": neurons for the occupied sites; "static": for the whole grid.
    """

    core: dict[str, NDArray[np.int32]]
    cores: int
    mesh: Mesh
    chip: str = ""
    use: dict[str, Use] = field(default_factory=dict)
    binding: str = ""
    lower_bound: int = 0
    style: str = "compact"

    @property
    def chips(self) -> int:
        """Chips that the cores in use span."""
        return -(-self.cores // self.mesh.cores_per_chip)
