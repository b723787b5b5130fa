"""Layers: neurons, sparse convolutions, norms, containers."""

from neurospike.functional import surrogate
from neurospike.nn.adlif import AdLIF
from neurospike.nn.container import SpikingSequential
from neurospike.nn.cubalif import CubaLIF
from neurospike.nn.delay_conv import DelayConv1d, DelayConv2d
from neurospike.nn.delay_linear import DelayLinear
from neurospike.nn.ilif import ILIF
from neurospike.nn.lif import LIF
from neurospike.nn.quantised_relu import QuantisedReLU
from neurospike.nn.readout import LeakyReadout
from neurospike.nn.recurrent_delay import RecurrentDelay
from neurospike.nn.relu import ReLU
from neurospike.nn.sequence_dropout import SequenceDropout
from neurospike.nn.shared_norm import share_norms
from neurospike.nn.sparse_conv import SparseConv3d, SparseInverseConv3d, SubmanifoldConv3d
from neurospike.nn.sparse_norm import SparseBatchNorm
from neurospike.nn.sparse_pool import SparseGlobalPool, ToDense
from neurospike.nn.spike_mode import spike_mode
from neurospike.nn.stateful import State, Stateful
from neurospike.nn.time_checkpoint import checkpoint_time
from neurospike.nn.to_bev import ToBEV
from neurospike.nn.unary import UnarySpikes

__all__ = [
    "ILIF",
    "LIF",
    "AdLIF",
    "CubaLIF",
    "DelayConv1d",
    "DelayConv2d",
    "DelayLinear",
    "LeakyReadout",
    "QuantisedReLU",
    "ReLU",
    "RecurrentDelay",
    "SequenceDropout",
    "SparseBatchNorm",
    "SparseConv3d",
    "SparseGlobalPool",
    "SparseInverseConv3d",
    "SpikingSequential",
    "State",
    "Stateful",
    "SubmanifoldConv3d",
    "ToBEV",
    "ToDense",
    "UnarySpikes",
    "checkpoint_time",
    "share_norms",
    "spike_mode",
    "surrogate",
]
