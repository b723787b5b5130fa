"""The rectifier of conventional twins, for sequences and voxels alike."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from neurospike.nn.stateful import State, Stateful
from neurospike.sparse.voxel_tensor import VoxelTensor


class ReLU(Stateful):
    """Rectify tensors and VoxelTensors; streams with an empty state.

    It stands where a spiking network has its neurons: ``hw.ann_twin`` puts it there after
    training, ``models.without_spikes`` before.

    Shape
    -----
    in, out: any tensor, or a VoxelTensor
    state: ()

    Examples
    --------
    >>> import torch
    >>> ReLU()(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, x: Any) -> Any:
        """Rectify every number."""
        if isinstance(x, VoxelTensor):
            return x.replace(x.features.relu())
        return x.relu()

    def init_state(self, _example: Any) -> State:
        """Nothing is kept."""
        return ()

    def step(self, x: Any, state: tuple[Tensor, ...]) -> tuple[Any, State]:
        """One step is like any other."""
        return self(x), state
