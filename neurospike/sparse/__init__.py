"""Sparse voxel tensors and their kernel maps."""

from neurospike.sparse.active_set import ActiveSet
from neurospike.sparse.voxel_tensor import VoxelTensor, cat

__all__ = ["ActiveSet", "VoxelTensor", "cat"]
