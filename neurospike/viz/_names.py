"""Names beside points, each where it covers nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from neurospike.viz._figure import INK

Place = tuple[float, float]
Box = tuple[float, float, float, float]

_BESIDE = ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))
"""Directions from a point, the best first."""

_NEAR, _FAR = 6.0, (16.0, 28.0, 40.0, 56.0, 76.0)
"""Points between a place and its name; from far, a line leads back."""

_MARK, _GAP = 5.0, 5.0  # half a marker, and the space between two names, in points


def name_places(
    axes: Any,
    named: Sequence[tuple[Place, str]],
    *,
    places: Sequence[Place],
    lines: Sequence[tuple[Place, Place]] = (),
    faint: Sequence[tuple[Place, Place]] = (),
    legend: Any,
) -> None:
    """Write names beside their places, the first with the first choice; what fits nowhere is left.

    Parameters
    ----------
    named
        Places, in the data's coordinates, and names.
    places
        All that are marked: no name covers one.
    lines
        Ends of level and upright lines that no name covers.
    faint
        The same of lines that a name covers if it fits nowhere else.
    legend
        Stays where it is drawn now, uncovered.
    """
    drawing = axes.figure
    drawing.draw_without_rendering()  # the layout settles, and with it all distances
    unit = drawing.dpi / 72
    shown = legend.get_window_extent()
    corner = shown.transformed(axes.transAxes.inverted())
    legend.set_loc((corner.x0, corner.y0))
    marks = [_around(axes.transData.transform(place), _MARK * unit) for place in places]
    strokes, pale = (
        [_between(*axes.transData.transform(ends)) for ends in group] for group in (lines, faint)
    )
    taken = [(shown.x0, shown.y0, shown.x1, shown.y1), *marks, *strokes]
    for place, name in named:
        box = _written(axes, place, name, [*taken, *pale]) or _written(axes, place, name, taken)
        if box is not None:
            wide, high = _GAP * unit, _GAP * unit / 2
            taken.append((box[0] - wide, box[1] - high, box[2] + wide, box[3] + high))


def _written(axes: Any, place: Place, name: str, taken: Sequence[Box]) -> Box | None:
    """Where a name now stands; None where all places are taken."""
    frame = axes.get_window_extent().padded(-_MARK)  # letters of another resolution are wider
    for offset in _offsets():
        text = _write(axes, place, name, offset)
        box = letters(text)
        inside = frame.x0 <= box[0] and box[2] <= frame.x1
        inside = inside and frame.y0 <= box[1] and box[3] <= frame.y1
        if inside and not any(_overlap(box, other) for other in taken):
            return box
        text.remove()
    return None


def letters(annotation: Any) -> Box:
    """Where the words of an annotation are, without the line that leads to its place."""
    from matplotlib.text import Text

    annotation.get_window_extent()  # moves the words to where they belong
    box = Text.get_window_extent(annotation)
    return float(box.x0), float(box.y0), float(box.x1), float(box.y1)


def _offsets() -> Iterator[Place]:
    for distance in (_NEAR, *_FAR):
        for x, y in _BESIDE:
            yield x * distance, y * distance


def _write(axes: Any, place: Place, name: str, offset: Place) -> Any:
    x, y = offset
    far = max(abs(x), abs(y)) > _NEAR
    text = axes.annotate(
        name,
        place,
        xytext=offset,
        textcoords="offset points",
        ha="left" if x > 0 else "right" if x < 0 else "center",
        va="bottom" if y > 0 else "top" if y < 0 else "center",
        fontsize=7.5,
        color=INK,
        arrowprops={"arrowstyle": "-", "color": "#808080", "linewidth": 0.5} if far else None,
    )
    text.set_in_layout(False)  # names fit the axes, not the other way round
    return text


def _around(middle: Sequence[float], half: float) -> Box:
    x, y = middle
    return x - half, y - half, x + half, y + half


def _between(a: Sequence[float], b: Sequence[float]) -> Box:
    (x0, x1), (y0, y1) = sorted((a[0], b[0])), sorted((a[1], b[1]))
    return float(x0), float(y0), float(x1), float(y1)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
