"""What the counts of a trace cost in energy and time on a chip, by a convention with a name."""

from neurospike.hw.pricing.entry import price
from neurospike.hw.pricing.interval import Interval
from neurospike.hw.pricing.report import Report, Row

__all__ = ["Interval", "Report", "Row", "price"]
