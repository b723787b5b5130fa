"""Figures and pages from plain arrays; matplotlib is imported when the first one is drawn."""

from neurospike.viz.curves import loss_curves
from neurospike.viz.energy import energy_bars
from neurospike.viz.page import html_report
from neurospike.viz.raster import spike_raster
from neurospike.viz.voxels import voxel_view

__all__ = ["energy_bars", "html_report", "loss_curves", "spike_raster", "voxel_view"]
