"""Neurons to cores, under the limits of a chip."""
