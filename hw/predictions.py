"""What a network predicts before and after quantisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from neurospike.errors import ArgumentError
from neurospike.hw.emulation import emulate
from neurospike.hw.network import Network
from neurospike.hw.quantising import quantise
from neurospike.hw.quantising.widths import Bits
from neurospike.hw.recording import evaluated_copy, single_samples

Labels = NDArray[np.int64]
Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Classes predicted for the same samples.

    Attributes
    ----------
    before
        (samples,), by the torch model.
    after
        (samples,), by the emulated network of integers.
    labels
        (samples,), the true classes, or None.
    saturations
        Currents and membranes that hit the end of their width.
    """

    before: Labels
    after: Labels
    labels: Labels | None = None
    saturations: int = 0

    @property
    def agreement(self) -> float:
        """Share of samples on which both say the same."""
        return _share(self.before, self.after)

    @property
    def accuracy_before(self) -> float | None:
        """Of the torch model; None without labels."""
        return None if self.labels is None else _share(self.before, self.labels)

    @property
    def accuracy_after(self) -> float | None:
        """Of the network of integers; None without labels."""
        return None if self.labels is None else _share(self.after, self.labels)

    def to_dict(self) -> dict[str, Any]:
        """Counts and shares as plain numbers, for JSON."""
        return {
            "samples": len(self.before),
            "agreement": self.agreement,
            "accuracy_before": self.accuracy_before,
            "accuracy_after": self.accuracy_after,
            "saturations": self.saturations,
        }


def mean_over_time(output: Tensor) -> Tensor:
    """(B, classes) as it is; (T, B, classes) averaged over time."""
    return output if output.ndim == 2 else output.mean(0)


def predict_both(
    model: nn.Module,
    network: Network,
    inputs: Any,
    labels: ArrayLike | None = None,
    *,
    bits: Bits,
    score: Score = mean_over_time,
) -> Predictions:
    """Predict the classes of samples with the torch model, and emulated with integers.

    Parameters
    ----------
    inputs
        What the model takes, a batch or a list of them.
    labels
        (samples,) true classes, for accuracies.
    bits
        A chip, or (weight_bits, membrane_bits).
    score
        From the model's output to (B, classes).

    Raises
    ------
    ArgumentError
        Labels of another number than the samples; what ``quantise`` and ``emulate`` refuse.

    Cost
    ----
    One run of the model and one emulation a sample.
    """
    samples = single_samples(network, inputs)
    given = None if labels is None else np.asarray(labels, np.int64).reshape(-1)
    if given is not None and len(given) != len(samples):
        raise ArgumentError(
            f"predict_both.labels: must be one a sample, {len(samples)}; got {len(given)}."
        )
    reference, whole = evaluated_copy(model), quantise(network, bits)
    before, after, saturations = [], [], 0
    for sample in samples:
        with torch.no_grad():
            output = reference(sample)
        trace = emulate(whole, sample)
        emulated = torch.from_numpy(np.asarray(trace.output[0], np.float64))
        before.append(_class(score, output))
        after.append(_class(score, emulated.reshape(output.shape)))
        saturations += trace.total("saturations")
    return Predictions(_array(before), _array(after), given, saturations)


def _class(score: Score, output: Tensor) -> int:
    return int(score(output).reshape(-1).argmax())


def _array(classes: Sequence[int]) -> Labels:
    return np.asarray(classes, np.int64)


def _share(a: Labels, b: Labels) -> float:
    return float(np.mean(a == b)) if len(a) else float("nan")
