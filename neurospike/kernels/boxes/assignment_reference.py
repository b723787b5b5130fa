"""The slow oracle of ``assignment_numba``: who found whom, by the rules of KITTI, in plain Python.

Roles of a label: COUNTS, IGNORED (it may be found, which neither helps nor harms), OTHER (as if
it were not there). Roles of a detection: the same, IGNORED where its picture is too small.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos
from typing import Any

from numpy.typing import NDArray

COUNTS, IGNORED, OTHER = 0, 1, -1


def found_scores(
    overlap: NDArray[Any],
    label_roles: Sequence[int],
    roles: Sequence[int],
    scores: Sequence[float],
    least: float,
) -> list[float]:
    """Of a frame, the score of the best scored detection of every label that counts.

    ``overlap`` is (labels, detections). Labels choose in their order, each among what is left, and
    a detection that is too small may be taken, though its score is not listed then.
    """
    free, found = [role != OTHER for role in roles], []
    for label, label_role in enumerate(label_roles):
        fitting = [at for at, left in enumerate(free) if left and overlap[label, at] > least]
        if label_role == OTHER or not fitting:
            continue
        chosen = max(fitting, key=lambda at: scores[at])  # the first of equals
        free[chosen] = False
        if label_role == COUNTS and roles[chosen] == COUNTS:
            found.append(scores[chosen])
    return found


def tally(
    overlap: NDArray[Any],
    label_roles: Sequence[int],
    roles: Sequence[int],
    scores: Sequence[float],
    least: float,
    *,
    threshold: float,
    in_region: Sequence[float],
    turn: NDArray[Any],
) -> tuple[int, int, int, float]:
    """Of a frame: objects found, false alarms, objects missed, and likeness of directions.

    Detections below the score threshold are gone. Labels choose in their order the detection that
    overlaps most, one that is too small only where there is no other. What is left is a false
    alarm, unless a region of no care has more than ``least`` of it. ``turn`` (labels, detections)
    is the difference of their angles.
    """
    free = [r != OTHER and s >= threshold for r, s in zip(roles, scores, strict=True)]
    found, missed, likeness = 0, 0, 0.0
    for label, label_role in enumerate(label_roles):
        if label_role == OTHER:
            continue
        fitting = [at for at, left in enumerate(free) if left and overlap[label, at] > least]
        large = [at for at in fitting if roles[at] == COUNTS]
        if large:
            chosen = max(large, key=lambda at: overlap[label, at])  # the first of equals
        elif fitting:
            chosen = fitting[0]
        else:
            missed += label_role == COUNTS
            continue
        free[chosen] = False
        if label_role == COUNTS and roles[chosen] == COUNTS:
            found += 1
            likeness += (1 + cos(turn[label, chosen])) / 2
    left = [at for at in range(len(roles)) if free[at] and roles[at] == COUNTS]
    alarms = sum(in_region[at] <= least for at in left)
    return found, alarms, missed, likeness
