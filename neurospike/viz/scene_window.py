"""A scene in a window, to fly through with the mouse."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np

from neurospike.errors import BackendUnavailableError, MissingExtraError
from neurospike.viz.scene import EDGES, Scene, SceneBoxes, box_corners, heading_ticks
from neurospike.viz.scene_style import NIGHT, PAPER, box_colour, point_colours, rgb


def has_display() -> bool:
    """Whether this process has a screen to open a window on."""
    if platform.system() == "Linux":
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def scene_window(shown: Scene) -> None:
    """Show a scene and return when its window is closed.

    Raises
    ------
    BackendUnavailableError
        No screen, or one on which no window opens.
    MissingExtraError
        open3d is not installed.
    """
    if not has_display():
        raise BackendUnavailableError(
            "scene_window: needs a screen, and DISPLAY is not set; draw a picture with "
            "scene_picture, or with `neurospike view --out`."
        )
    o3d = _open3d()
    window = o3d.visualization.Visualizer()
    if not window.create_window(window_name=shown.title, width=1280, height=800):
        raise BackendUnavailableError(
            "scene_window: no window opens on this screen; draw a picture with scene_picture, "
            "or with `neurospike view --out`."
        )
    try:
        for geometry in scene_geometries(shown):
            window.add_geometry(geometry)
        options = window.get_render_option()
        options.background_color = np.array(rgb(NIGHT))
        options.point_size = 1.5
        view = window.get_view_control()
        view.set_front((-0.85, 0.0, 0.5))
        view.set_up((0.0, 0.0, 1.0))
        view.set_lookat((10.0, 0.0, -1.0))
        view.set_zoom(0.18)
        window.run()
    finally:
        window.destroy_window()


def scene_geometries(shown: Scene) -> list[Any]:
    """The scene as open3d's point clouds and line sets.

    Raises
    ------
    MissingExtraError
        open3d is not installed.
    """
    o3d = _open3d()
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(shown.points[:, :3]))
    cloud.colors = o3d.utility.Vector3dVector(point_colours(shown))
    both = shown.detected is not None
    return [cloud] + [
        _lines(o3d, boxes, as_label=kind == "label" and both)
        for kind, boxes in shown.drawn
        if len(boxes)
    ]


def _lines(o3d: Any, boxes: SceneBoxes, *, as_label: bool) -> Any:
    corners, ticks = box_corners(boxes.boxes), heading_ticks(boxes.boxes)
    ends = np.concatenate([corners[:, np.array(EDGES)], ticks[:, None]], axis=1)
    colours = [rgb(PAPER if as_label else box_colour(name)) for name in boxes.names]
    lines = o3d.geometry.LineSet()
    lines.points = o3d.utility.Vector3dVector(ends.reshape(-1, 3))
    lines.lines = o3d.utility.Vector2iVector(
        np.arange(2 * len(ends) * ends.shape[1]).reshape(-1, 2)
    )
    lines.colors = o3d.utility.Vector3dVector(np.repeat(colours, ends.shape[1], axis=0))
    return lines


def _open3d() -> Any:
    try:
        import open3d as o3d
    except ImportError as error:
        raise MissingExtraError(
            "scene_window: needs open3d, which is not installed; "
            "run `pip install neurospike[pointcloud]`."
        ) from error
    return o3d
