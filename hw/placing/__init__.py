"""Neurons to cores, under the limits of a chip."""

from neurospike.hw.placing.placing import place, place_as
from neurospike.hw.placing.relays import relay_delays

__all__ = ["place", "place_as", "relay_delays"]
