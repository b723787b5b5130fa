"""Batch normalisation over the occupied voxels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.sparse.voxel_tensor import VoxelTensor


class SparseBatchNorm(nn.BatchNorm1d):
    """Normalise each channel over the occupied voxels of the batch and over time.

    Parameters
    ----------
    channels
        Channels C.
    eps
        Added to the variance.
    momentum
        Share of the new batch in the running statistics.

    Shape
    -----
    in, out: features (N, C) or (T, N, C)
    weight, bias, running_mean, running_var (C,), as in ``torch.nn.BatchNorm1d``

    Raises
    ------
    ArgumentError
        Another number of channels, or unary events: a norm is applied once per integer step.

    Notes
    -----
    Empty batches pass through. A single row has no variance: in training it is normalised by the
    running statistics, which it leaves as they are.

    Cost
    ----
    Two passes over the features in training, one in evaluation.

    Source
    ------
    Ioffe and Szegedy, arXiv:1502.03167. Departures: the single row, as said above.
    """

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(channels, eps=eps, momentum=momentum)

    def forward(self, x: VoxelTensor) -> VoxelTensor:  # type: ignore[override]
        """Normalise the features; the active set is unchanged."""
        if x.virtual_steps != 1:
            raise ArgumentError(
                "SparseBatchNorm.x: a norm is applied once per integer step; got "
                f"{x.virtual_steps} virtual steps. Put a synaptic layer before it."
            )
        if x.features.shape[-1] != self.num_features:
            raise ArgumentError(
                f"SparseBatchNorm.channels: the input must have {self.num_features} channels; "
                f"got {x.features.shape[-1]}."
            )
        rows = x.features.reshape(-1, self.num_features)
        return x.replace(self._normalise(rows).reshape(x.features.shape))

    def _normalise(self, rows: Tensor) -> Tensor:
        if self.training and rows.shape[0] > 1:
            normal: Tensor = super().forward(rows)
            return normal
        return torch.nn.functional.batch_norm(
            rows,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=False,
            eps=self.eps,
        )
