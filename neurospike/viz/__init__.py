"""Figures and pages from plain arrays; matplotlib is imported when the first one is drawn."""

from neurospike.viz.addressing import count_bars, event_targets
from neurospike.viz.chip_page import chip_html, chip_page
from neurospike.viz.curves import loss_curves
from neurospike.viz.delays import delay_histograms, sigma_curve
from neurospike.viz.efficiency import efficiency_gaps, waterline_plot
from neurospike.viz.energy import energy_bars
from neurospike.viz.layers import layer_rasters
from neurospike.viz.page import html_report
from neurospike.viz.panels import panel_picture
from neurospike.viz.pareto import pareto_plot
from neurospike.viz.raster import spike_raster
from neurospike.viz.scene import Scene, SceneBoxes, scan_scene, scene_boxes
from neurospike.viz.scene_page import scene_page
from neurospike.viz.scene_picture import scene_picture
from neurospike.viz.scene_window import has_display, scene_window
from neurospike.viz.voxels import voxel_view

__all__ = [
    "Scene",
    "SceneBoxes",
    "chip_html",
    "chip_page",
    "count_bars",
    "delay_histograms",
    "efficiency_gaps",
    "energy_bars",
    "event_targets",
    "has_display",
    "html_report",
    "layer_rasters",
    "loss_curves",
    "panel_picture",
    "pareto_plot",
    "scan_scene",
    "scene_boxes",
    "scene_page",
    "scene_picture",
    "scene_window",
    "sigma_curve",
    "spike_raster",
    "voxel_view",
    "waterline_plot",
]
