"""The error tree: each error is also the built-in that callers already catch.

A message names owner, argument, rule, value and remedy, in that order, in one line.
"""

__all__ = [
    "ArgumentError",
    "BackendUnavailableError",
    "ChipLimitError",
    "DataError",
    "MissingExtraError",
    "NeurospikeError",
    "StateError",
    "UncountedLayerError",
    "UnloweredLayerError",
]


class NeurospikeError(Exception):
    """Everything that this package raises on purpose."""


class ArgumentError(NeurospikeError, ValueError):
    """An argument breaks a rule of the callee."""


class DataError(NeurospikeError, ValueError):
    """A file or a data set is missing, damaged or of another format."""


class StateError(NeurospikeError, RuntimeError):
    """A streaming state does not fit the input it meets."""


class BackendUnavailableError(NeurospikeError, RuntimeError):
    """A backend was named that cannot run here; a named backend never falls back."""


class MissingExtraError(NeurospikeError, ImportError):
    """An optional dependency is needed; the message names the extra to install."""


class UncountedLayerError(NeurospikeError, TypeError):
    """A layer has no rule for its operations; an unknown cost is never zero."""


class UnloweredLayerError(NeurospikeError, TypeError):
    """A layer has no rule that turns it into neurons and synapses."""


class ChipLimitError(NeurospikeError, ValueError):
    """A network does not fit a chip; the message names the limit that binds."""
