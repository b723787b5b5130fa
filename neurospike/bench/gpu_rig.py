"""Side-by-side measuring on a GPU: the device's own clock and memory, right results first."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from neurospike.bench.harness import Timing, Turn, interleave, row
from neurospike.errors import BackendUnavailableError

OURS = "neurospike"

Row = dict[str, Any]
Output = Tensor | tuple[Tensor, ...] | None
Candidates = Mapping[str, Callable[[], Output]]


@dataclass(frozen=True)
class Rig:
    """What candidates are measured on, and with.

    Attributes
    ----------
    device
        Where inputs and networks are.
    repeats
        Turns that each candidate takes.
    turn
        The device's clock: seconds per call of a candidate called so many times.
    whole
        The same, from the call to the end of all that it launched, by this process's clock.
    peak
        Megabytes at the peak of a call, beyond what is held before it.
    """

    device: torch.device
    repeats: int
    turn: Turn
    whole: Turn
    peak: Callable[[Callable[[], object]], float]

    @classmethod
    def cuda(cls, repeats: int) -> Rig:
        """The current CUDA device.

        Raises
        ------
        BackendUnavailableError
            There is none.
        """
        if not torch.cuda.is_available():
            raise BackendUnavailableError(
                f"bench: the gpu suites need a CUDA GPU; torch {torch.__version__} finds none. Run "
                "them where torch.cuda.is_available() is True."
            )
        device = torch.device("cuda", torch.cuda.current_device())
        return cls(device, repeats, cuda_turn, synchronised_turn, cuda_peak)

    def race(
        self,
        case: str,
        candidates: Candidates,
        *,
        right: Callable[[], Output] | None = None,
        tolerance: float = 1e-5,
        peers_tolerance: float | None = None,
        share: float = 0.0,
        trials: Candidates | None = None,
        whole: bool = False,
        memory: bool = False,
    ) -> list[Row]:
        """Compare each candidate's result with the right one, then time them in turns.

        A candidate that raises, or whose result is wrong, is not timed: its cell says why, and the
        others' rows are still there.

        Parameters
        ----------
        candidates
            Name to callable, ours among them under ``OURS``; what gives None is not compared.
        right
            Gives the right result; left out, nothing is compared.
        tolerance, peers_tolerance, share
            How far values may lie from the right ones, relative to the largest; the peers' is ours
            unless given. A share of the values may lie anywhere, such as spikes of membranes that
            round to the other side of the threshold.
        trials
            The same candidates on a smaller input, to be compared in their place.
        whole
            Time by this process's clock, for steps in which the CPU has a part.
        memory
            Add a row of peak memory for each peer.
        """
        spoilt: dict[str, str] = {}
        expected = None if right is None else right()
        for name, run in candidates.items():
            limit = tolerance if name == OURS or peers_tolerance is None else peers_tolerance
            trouble = _trouble((trials or candidates)[name], expected, limit, share)
            if trouble is None and trials is not None:
                trouble = _trouble(run, None, limit, share)
            if trouble is not None:
                spoilt[name] = trouble
        del expected
        sound = {name: run for name, run in candidates.items() if name not in spoilt}
        turn = self.whole if whole else self.turn
        timings = interleave(sound, self.repeats, turn=turn) if sound else {}
        peers = [name for name in candidates if name != OURS]
        rows = [_timed(case, peer, timings, spoilt) for peer in peers]
        if memory:
            peaks = {name: self.peak(run) for name, run in sound.items()}
            rows += [_remembered(case, peer, peaks, spoilt) for peer in peers]
        return rows

    def guarded(self, case: str, rows: Callable[[], list[Row]]) -> list[Row]:
        """The rows of a case, or the one that says why it has none: other cases are still due."""
        try:
            return rows()
        except Exception as error:
            return [_said(case, "", {}, {OURS: _reason(error), "": ""})]

    def normal(self, *shape: int, seed: int = 0) -> Tensor:
        """Normal numbers on the device, the same on every device.

        They are drawn on the CPU, a million of them, and repeated from there on.
        """
        count = math.prod(shape)
        drawn = torch.randn(min(count, 1 << 20), generator=torch.Generator().manual_seed(seed))
        drawn = drawn.to(self.device)
        if count > len(drawn):
            drawn = drawn.repeat(-(-count // len(drawn)))[:count]
        return drawn.reshape(shape)


def cuda_turn(run: Callable[[], object], calls: int) -> float:
    """Seconds per call between two events of the stream."""
    began: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    ended: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()
    began.record()
    for _ in range(calls):
        run()
    ended.record()
    ended.synchronize()
    return max(1e-3 * float(began.elapsed_time(ended)), 1e-9) / calls


def synchronised_turn(run: Callable[[], object], calls: int) -> float:
    """Seconds per call by this process's clock, read when the device has finished."""
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(calls):
        run()
    torch.cuda.synchronize()
    return max(time.perf_counter() - began, 1e-9) / calls


def cuda_peak(run: Callable[[], object]) -> float:
    """Megabytes of the caching allocator, beyond what it had handed out before the call."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    torch.cuda.synchronize()
    return max(0.0, (torch.cuda.max_memory_allocated() - before) / 1e6)


def deviation(found: Output, expected: Output, *, share: float = 0.0) -> float:
    """How far values lie from the right ones, relative to the largest of their tensor.

    Of the ``share`` that lies farthest nothing is said. Infinite where shapes differ, or a value
    is not finite.
    """
    worst = 0.0
    pairs = list(zip(_tensors(found), _tensors(expected), strict=False))
    if len(pairs) != len(_tensors(expected)):
        return float("inf")
    for ours, right in pairs:
        if ours.shape != right.shape:
            return float("inf")
        if not right.numel():
            continue
        right = right.detach().double()
        apart = (ours.detach().to(right.device).double() - right).abs().flatten()
        passing = int(share * apart.numel())
        # Sorting would do too, but this is a selection of one value.
        far = apart.kthvalue(apart.numel() - passing).values if passing else apart.max()
        scale = right.abs().max().clamp(min=torch.finfo(torch.float32).tiny)
        worst = max(worst, float(far / scale)) if bool(apart.isfinite().all()) else float("inf")
    return worst


def _tensors(output: Output) -> tuple[Tensor, ...]:
    if output is None:
        return ()
    return output if isinstance(output, tuple) else (output,)


def _trouble(
    run: Callable[[], Output], expected: Output, tolerance: float, share: float
) -> str | None:
    """What is wrong with a candidate, or None."""
    try:
        found = run()
        if found is None or expected is None:
            return None
        off = deviation(found, expected, share=share)
    # Whatever a candidate raises, compilers' own errors among it, the other tables are still due.
    except Exception as error:
        return _reason(error)
    return None if off <= tolerance else f"wrong: off by {off:.1e} of the largest value"


def _reason(error: Exception) -> str:
    said = (str(error).strip() or repr(error)).splitlines()[0][:160]
    return f"failed: {type(error).__name__}: {said}".replace("|", "/")


def _timed(case: str, peer: str, timings: Mapping[str, Timing], spoilt: Mapping[str, str]) -> Row:
    if OURS in timings and peer in timings:
        return row(case, peer, timings[OURS], timings[peer])
    return _said(case, peer, {name: str(timing) for name, timing in timings.items()}, spoilt)


def _remembered(case: str, peer: str, peaks: Mapping[str, float], spoilt: Mapping[str, str]) -> Row:
    shown = {name: f"{megabytes:.0f} MB" for name, megabytes in peaks.items()}
    if OURS not in peaks or peer not in peaks:
        return _said(f"{case}, peak memory", peer, shown, spoilt)
    return {
        "case": f"{case}, peak memory",
        "peer": peer,
        "ours_mb": peaks[OURS],
        "peer_mb": peaks[peer],
        "ratio": peaks[peer] / max(peaks[OURS], 1e-3),
        "ours": shown[OURS],
        "theirs": shown[peer],
    }


def _said(case: str, peer: str, shown: Mapping[str, str], spoilt: Mapping[str, str]) -> Row:
    """A row without a ratio: one side has none to give."""
    cells = {**shown, **spoilt}
    return {"case": case, "peer": peer, "ratio": 0.0, "ours": cells[OURS], "theirs": cells[peer]}
