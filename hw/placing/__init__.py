"""Neurons to cores, under the limits of a chip."""

from neurospike.hw.placing.placing import place, place_as

__all__ = ["place", "place_as"]
