"""Sweeps: accuracy against energy over chips, steps, spikes, widths and thresholds."""

from neurospike.train.sweeping.grid import Axes
from neurospike.train.sweeping.pages import table
from neurospike.train.sweeping.running import sweep

__all__ = ["Axes", "sweep", "table"]
