"""Real data into spikes."""

from neurospike.encoders.binning import bin_events
from neurospike.encoders.cochlea import Cochlea, CochleaStream
from neurospike.encoders.conditioning import condition_speech
from neurospike.encoders.delta import decode_delta, delta
from neurospike.encoders.encode import EncodeReport, encode_points
from neurospike.encoders.identity import DecodedVoxels, decode_identity, identity_coding
from neurospike.encoders.latency import decode_latency, latency
from neurospike.encoders.mel import Mel
from neurospike.encoders.rate import decode_rate, rate
from neurospike.encoders.relative_voxelizer import RelativeVoxelizer, scan_voxelizer
from neurospike.encoders.spike_voxel_coding import SpikeVoxelCoding
from neurospike.encoders.svc import SvcFile, load_svc, save_svc
from neurospike.encoders.voxelizer import Voxelization, Voxelizer

__all__ = [
    "Cochlea",
    "CochleaStream",
    "DecodedVoxels",
    "EncodeReport",
    "Mel",
    "RelativeVoxelizer",
    "SpikeVoxelCoding",
    "SvcFile",
    "Voxelization",
    "Voxelizer",
    "bin_events",
    "condition_speech",
    "decode_delta",
    "decode_identity",
    "decode_latency",
    "decode_rate",
    "delta",
    "encode_points",
    "identity_coding",
    "latency",
    "load_svc",
    "rate",
    "save_svc",
    "scan_voxelizer",
]
