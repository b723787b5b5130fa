"""Sparse voxel tensors and their kernel maps."""

from neurospike.sparse.active_set import ActiveSet
from neurospike.sparse.kernel_map import KernelMap, strided_map, submanifold_map
from neurospike.sparse.voxel_tensor import VoxelTensor, cat

__all__ = [
    "ActiveSet",
    "KernelMap",
    "VoxelTensor",
    "cat",
    "strided_map",
    "submanifold_map",
]
