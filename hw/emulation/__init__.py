"""Emulation: what a network does, event by event, step by step."""

from neurospike.hw.emulation.emulating import emulate

__all__ = ["emulate"]
