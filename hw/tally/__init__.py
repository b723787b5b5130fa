"""Counts of everything that spikes, wirings and a placement imply."""

from neurospike.hw.tally.indices import LevelCost, rebuild
from neurospike.hw.tally.replaying import replay
from neurospike.hw.tally.storage import DelayStorage, delay_storage
from neurospike.hw.tally.tallying import Tally, depth_of, joined, tally

__all__ = [
    "DelayStorage",
    "LevelCost",
    "Tally",
    "delay_storage",
    "depth_of",
    "joined",
    "rebuild",
    "replay",
    "tally",
]
