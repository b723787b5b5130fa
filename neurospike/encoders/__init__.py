"""Real data into spikes."""

from neurospike.encoders.cochlea import Cochlea, CochleaStream
from neurospike.encoders.encode import EncodeReport, encode_points
from neurospike.encoders.identity import DecodedVoxels, decode_identity, identity_coding
from neurospike.encoders.spike_voxel_coding import SpikeVoxelCoding
from neurospike.encoders.svc import SvcFile, load_svc, save_svc
from neurospike.encoders.voxelizer import Voxelization, Voxelizer

__all__ = [
    "Cochlea",
    "CochleaStream",
    "DecodedVoxels",
    "EncodeReport",
    "SpikeVoxelCoding",
    "SvcFile",
    "Voxelization",
    "Voxelizer",
    "decode_identity",
    "encode_points",
    "identity_coding",
    "load_svc",
    "save_svc",
]
