"""Layers: neurons, sparse convolutions, norms, containers."""

from neurospike.nn.sparse_conv import SparseConv3d, SparseInverseConv3d, SubmanifoldConv3d
from neurospike.nn.sparse_norm import SparseBatchNorm
from neurospike.nn.sparse_pool import SparseGlobalPool, ToDense

__all__ = [
    "SparseBatchNorm",
    "SparseConv3d",
    "SparseGlobalPool",
    "SparseInverseConv3d",
    "SubmanifoldConv3d",
    "ToDense",
]
