"""Streaming sessions."""

from neurospike.runtime.latency import Latency, LatencySummary
from neurospike.runtime.session import ScanResult, ScanSession

__all__ = ["Latency", "LatencySummary", "ScanResult", "ScanSession"]
