"""Real data into spikes."""

from neurospike.encoders.voxelizer import Voxelization, Voxelizer

__all__ = ["Voxelization", "Voxelizer"]
