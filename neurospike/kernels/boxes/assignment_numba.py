"""Who found whom in all frames and at all score thresholds; the rules stand in the oracle.

Frames lie end to end: labels and detections of frame f are rows starts[f]..starts[f + 1] of their
tables, and its overlaps, labels by detections, start at pair_starts[f] of one flat array.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Roles = NDArray[np.int8]
Floats = NDArray[np.float64]

_COUNTS, _OTHER = 0, -1


@njit(cache=True, nogil=True)
def found_scores(
    label_starts: Ints,
    starts: Ints,
    pair_starts: Ints,
    overlap: Floats,
    label_roles: Roles,
    roles: Roles,
    scores: Floats,
    least: float,
) -> Floats:
    """Scores of the best scored detection of every label that counts, frame after frame."""
    free = roles != _OTHER
    found = np.empty(label_roles.size)
    count = 0
    for frame in range(starts.size - 1):
        first, width = starts[frame], starts[frame + 1] - starts[frame]
        for label in range(label_starts[frame], label_starts[frame + 1]):
            if label_roles[label] == _OTHER:
                continue
            pairs = pair_starts[frame] + (label - label_starts[frame]) * width
            chosen = -1
            for at in range(width):
                row = first + at
                fits = free[row] and overlap[pairs + at] > least
                if fits and (chosen < 0 or scores[row] > scores[chosen]):
                    chosen = row
            if chosen < 0:
                continue
            free[chosen] = False
            if label_roles[label] == _COUNTS and roles[chosen] == _COUNTS:
                found[count] = scores[chosen]
                count += 1
    return found[:count].copy()


@njit(cache=True, nogil=True)
def tally(
    label_starts: Ints,
    starts: Ints,
    pair_starts: Ints,
    overlap: Floats,
    label_roles: Roles,
    roles: Roles,
    scores: Floats,
    least: float,
    thresholds: Floats,
    in_region: Floats,
    label_angles: Floats,
    angles: Floats,
) -> Floats:
    """(thresholds, 4): found, false alarms, missed, likeness of directions, over all frames."""
    totals = np.zeros((thresholds.size, 4))
    free = np.empty(roles.size, np.bool_)
    for step in range(thresholds.size):
        for row in range(roles.size):
            free[row] = roles[row] != _OTHER and scores[row] >= thresholds[step]
        for frame in range(starts.size - 1):
            first, width = starts[frame], starts[frame + 1] - starts[frame]
            for label in range(label_starts[frame], label_starts[frame + 1]):
                if label_roles[label] == _OTHER:
                    continue
                pairs = pair_starts[frame] + (label - label_starts[frame]) * width
                at = _chosen(free, roles, overlap, first, width, pairs, least)
                if at >= 0:
                    row = first + at
                    free[row] = False
                    if label_roles[label] == _COUNTS and roles[row] == _COUNTS:
                        totals[step, 0] += 1
                        turn = label_angles[label] - angles[row]
                        totals[step, 3] += 0.5 * (1.0 + np.cos(turn))
                elif label_roles[label] == _COUNTS:
                    totals[step, 2] += 1
        for row in range(roles.size):
            if free[row] and roles[row] == _COUNTS and in_region[row] <= least:
                totals[step, 1] += 1
    return totals


@njit(cache=True, nogil=True)
def _chosen(
    free: NDArray[np.bool_],
    roles: Roles,
    overlap: Floats,
    first: int,
    width: int,
    pairs: int,
    least: float,
) -> int:
    """The large detection that overlaps most, else the first small one that fits, else -1."""
    large, small, most = -1, -1, least
    for at in range(width):
        if not free[first + at]:
            continue
        share = overlap[pairs + at]
        if roles[first + at] == _COUNTS:
            if share > most:
                large, most = at, share
        elif small < 0 and share > least:
            small = at
    return large if large >= 0 else small
