"""A clock that nothing drives but the candidates of a test."""

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import torch
from torch import Tensor


class Clock:
    """Time passes only where a candidate says so."""

    def __init__(self) -> None:
        self.moment = 0.0
        self.timed = 0

    def now(self) -> float:
        return self.moment

    def time(self, call: Callable[[], Any]) -> float:
        began = self.moment
        call()
        self.timed += 1
        return self.moment - began

    def candidate(
        self, *seconds: float, value: float = 1.0, error: Exception | None = None
    ) -> Callable[[], Tensor]:
        """Takes each of the seconds in turn, and gives a tensor of ``value``."""
        durations: Iterator[float] = cycle(seconds)

        def call() -> Tensor:
            self.moment += next(durations)
            if error is not None:
                raise error
            return torch.full((3,), value)

        return call
