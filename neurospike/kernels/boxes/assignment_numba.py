"""Who found whom in all frames and at all score thresholds; the rules stand in the oracle.

Labels and detections of all frames are rows of two tables. The detections that overlap label i
enough are rows[starts[i]:starts[i + 1]], in their order: so a label meets a few candidates, all of
its own frame.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Roles = NDArray[np.int8]
Floats = NDArray[np.float64]

_COUNTS, _OTHER = 0, -1


@njit(cache=True, nogil=True)
def found_scores(
    starts: Ints, rows: Ints, label_roles: Roles, roles: Roles, scores: Floats
) -> Floats:
    """Scores of the best scored detection of every label that counts, label after label."""
    free = roles != _OTHER
    found = np.empty(label_roles.size)
    count = 0
    for label in range(label_roles.size):
        if label_roles[label] == _OTHER:
            continue
        chosen = -1
        for at in range(starts[label], starts[label + 1]):
            row = rows[at]
            if free[row] and (chosen < 0 or scores[row] > scores[chosen]):
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
    starts: Ints,
    rows: Ints,
    label_roles: Roles,
    roles: Roles,
    scores: Floats,
    overlap: Floats,
    thresholds: Floats,
    in_region: Bools,
    label_angles: Floats,
    angles: Floats,
) -> Floats:
    """(thresholds, 4): found, false alarms, missed, likeness of directions, over all frames.

    ``overlap`` belongs to ``rows``; ``in_region`` says which detections a region of no care has.
    """
    totals = np.zeros((thresholds.size, 4))
    free = np.empty(roles.size, np.bool_)
    for step in range(thresholds.size):
        for row in range(roles.size):
            free[row] = roles[row] != _OTHER and scores[row] >= thresholds[step]
        for label in range(label_roles.size):
            if label_roles[label] == _OTHER:
                continue
            large, small, most = -1, -1, 0.0
            for at in range(starts[label], starts[label + 1]):
                row = rows[at]
                if not free[row]:
                    continue
                if roles[row] != _COUNTS:
                    small = row if small < 0 else small
                elif overlap[at] > most:
                    large, most = row, overlap[at]
            chosen = large if large >= 0 else small
            if chosen >= 0:
                free[chosen] = False
                if label_roles[label] == _COUNTS and roles[chosen] == _COUNTS:
                    totals[step, 0] += 1
                    turn = label_angles[label] - angles[chosen]
                    totals[step, 3] += 0.5 * (1.0 + np.cos(turn))
            elif label_roles[label] == _COUNTS:
                totals[step, 2] += 1
        for row in range(roles.size):
            if free[row] and roles[row] == _COUNTS and not in_region[row]:
                totals[step, 1] += 1
    return totals
