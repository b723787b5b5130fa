"""Clouds and sound as images, for conventional networks."""

from neurospike.encoders.projections.birds_eye import BirdsEye
from neurospike.encoders.projections.create import create_projection, projection_names
from neurospike.encoders.projections.dense_voxels import DenseVoxels
from neurospike.encoders.projections.depth_views import DepthViews
from neurospike.encoders.projections.mosaic import Mosaic
from neurospike.encoders.projections.point_patches import PointPatches
from neurospike.encoders.projections.point_set import PointSet
from neurospike.encoders.projections.projection import Image, Panel, Projection
from neurospike.encoders.projections.range_image import RangeImage
from neurospike.encoders.projections.sequence_image import SequenceImage

__all__ = [
    "BirdsEye",
    "DenseVoxels",
    "DepthViews",
    "Image",
    "Mosaic",
    "Panel",
    "PointPatches",
    "PointSet",
    "Projection",
    "RangeImage",
    "SequenceImage",
    "create_projection",
    "projection_names",
]
