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
        Share of the new batch in the running statistics; None averages over all batches.

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

    running_mean: Tensor  # always tracked here, where the parent may have None
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float | None = 0.1) -> None:
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
        from neurospike.kernels.sparse import norm

        measure = self.training and rows.shape[0] > 1
        if not norm.takes(rows):
            return self._in_torch(rows, measure)
        if measure:
            mean, var = norm.statistics(rows)
            self._remember(mean, var * (rows.shape[0] / (rows.shape[0] - 1)))
        else:
            mean, var = self.running_mean.clone(), self.running_var.clone()
        return norm.normalise(
            rows, self.weight, self.bias, mean, var, eps=self.eps, fixed=not measure
        )

    def _in_torch(self, rows: Tensor, measure: bool) -> Tensor:
        if measure:
            normal: Tensor = super().forward(rows)
            return normal
        return torch.nn.functional.batch_norm(
            rows, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )

    @torch.no_grad()
    def _remember(self, mean: Tensor, var: Tensor) -> None:
        self.num_batches_tracked += 1
        share = self.momentum
        if share is None:
            share = 1.0 / float(self.num_batches_tracked)
        self.running_mean += share * (mean.to(self.running_mean) - self.running_mean)
        self.running_var += share * (var.to(self.running_var) - self.running_var)
