"""What a sweep measures: a network, samples and chips, to be sent to any process or machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from neurospike import models
from neurospike.hw import Chip
from neurospike.train.recipe import Recipe
from neurospike.train.sweeping.folder import digest


@dataclass(frozen=True)
class Subject:
    """A network, samples and chips: everything that a job reads.

    Attributes
    ----------
    model
        As deployed: delays rounded.
    arguments
        Of the factory that built it.
    recipe
        How outputs become scores.
    inputs
        One sample each, as the network takes it: a VoxelTensor, or (T, 1, C).
    labels
        Their classes; empty where a sample has more than one, as a scan has.
    chips
        By name.
    convention
        How counts become energy: see ``hw.price``.
    """

    model: nn.Module
    arguments: dict[str, Any]
    recipe: Recipe
    inputs: tuple[Any, ...]
    labels: tuple[int, ...]
    chips: dict[str, Chip]
    convention: str = "per_activity"

    def at_steps(self, steps: int | None) -> tuple[nn.Module, tuple[Any, ...]]:
        """The network, and its inputs, for another number of steps."""
        if self.recipe.sequence is not None:
            return self.model, tuple(x[:steps] for x in self.inputs)
        if steps is None or steps == self.arguments["steps"]:
            return self.model, self.inputs
        longer = models.create(self.recipe.model.factory, **{**self.arguments, "steps": steps})
        longer.load_state_dict(self.model.state_dict())
        return longer.eval(), self.inputs

    def fingerprint(self) -> str:
        """Tells samples apart: other data, or other samples of it, have another one."""
        steps = None if self.recipe.sequence is None else self.recipe.sequence.steps
        parts = [str(self.labels).encode()]
        for x in self.inputs:
            arrays = (x[:steps],) if isinstance(x, Tensor) else (x.coords, x.features)
            parts += [array.contiguous().numpy().tobytes() for array in arrays]
        return digest(*parts)
