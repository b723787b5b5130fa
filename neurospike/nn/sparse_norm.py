"""Batch normalisation over the occupied voxels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.nn.shared_norm import normalised_together, remember
from neurospike.nn.together import processes
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

    Attributes
    ----------
    sync
        Whether training on several processes takes the statistics of all their voxels together,
        however many each of them has. ``share_norms`` sets it, as ``neurospike train`` does; each
        process must then run the layer equally often.

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
    running statistics, which it leaves as they are. ``torch.nn.SyncBatchNorm`` knows no voxels:
    its ``convert_sync_batchnorm`` is for networks without this layer, ``share_norms`` for all.

    Cost
    ----
    Two passes over the features in training, one in evaluation; with ``sync`` a sum of 2 C + 1
    numbers over processes, and one of 2 C in the backward pass.

    Source
    ------
    Ioffe and Szegedy, arXiv:1502.03167. Departures: the single row, as said above.
    """

    running_mean: Tensor  # always tracked here, where the parent may have None
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float | None = 0.1) -> None:
        super().__init__(channels, eps=eps, momentum=momentum)
        self.sync = False

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

        if self.training and self.sync and processes() > 1:
            return normalised_together(self, rows)
        measure = self.training and rows.shape[0] > 1
        if not norm.takes(rows):
            return self._in_torch(rows, measure)
        if measure:
            mean, var = norm.statistics(rows)
            remember(self, mean, var * (rows.shape[0] / (rows.shape[0] - 1)))
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
