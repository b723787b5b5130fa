"""Clouds and sound as images, for conventional networks."""

from neurospike.encoders.projections.projection import Image, Panel, Projection

__all__ = ["Image", "Panel", "Projection"]
