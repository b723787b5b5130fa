"""Figures and pages from plain arrays; matplotlib is imported when the first one is drawn."""

from neurospike.viz.addressing import count_bars, event_targets
from neurospike.viz.chip_page import chip_html, chip_page
from neurospike.viz.curves import loss_curves
from neurospike.viz.delays import delay_histograms, sigma_curve
from neurospike.viz.energy import energy_bars
from neurospike.viz.layers import layer_rasters
from neurospike.viz.page import html_report
from neurospike.viz.pareto import pareto_plot
from neurospike.viz.raster import spike_raster
from neurospike.viz.voxels import voxel_view

__all__ = [
    "chip_html",
    "chip_page",
    "count_bars",
    "delay_histograms",
    "energy_bars",
    "event_targets",
    "html_report",
    "layer_rasters",
    "loss_curves",
    "pareto_plot",
    "sigma_curve",
    "spike_raster",
    "voxel_view",
]
