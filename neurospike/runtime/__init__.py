"""Streaming sessions, and what they find as files."""

from neurospike.runtime.boxes_file import BoxesFile, read_boxes, write_boxes
from neurospike.runtime.graphed import GraphedStream
from neurospike.runtime.latency import Latency, LatencySummary
from neurospike.runtime.session import ScanResult, ScanSession

__all__ = [
    "BoxesFile",
    "GraphedStream",
    "Latency",
    "LatencySummary",
    "ScanResult",
    "ScanSession",
    "read_boxes",
    "write_boxes",
]
