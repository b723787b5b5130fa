"""Events of many clips in one HDF5 file, in the layout of SHD and SSC.

``spikes/times`` (seconds) and ``spikes/units`` hold an array a clip, ``labels`` a class a clip,
``extra/speaker`` who spoke, ``extra/keys`` the names of the classes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurospike.errors import ArgumentError, DataError, MissingExtraError
from neurospike.files import check_writable_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

_AGAIN = "fetch or write the file again"
_LAYOUT = "docs/data.md shows the layout"
_MOST_UNITS = 2**16


class SpikeFile:
    """A file of events, opened once a process and only when events are read.

    Copies and pickles carry the path alone, so that workers open the file themselves.

    Raises
    ------
    DataError
        A file that is missing or no HDF5, groups that are missing, of another type or of unequal
        lengths.
    MissingExtraError
        h5py is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: Any = None
        self._process = 0
        self._columns: tuple[Any, Any] | None = None
        with self._reported("labels"):
            file = self._file()
            times, units = (_rows(path, file, f"spikes/{name}") for name in ("times", "units"))
            self.labels = _whole_numbers(path, file, "labels")
            for name, rows in (("spikes/times", len(times)), ("spikes/units", len(units))):
                if rows != len(self.labels):
                    raise DataError(
                        f"{path}: {name} needs a row for each of {len(self.labels)} labels; "
                        f"got {rows}; {_AGAIN}"
                    )
        with self._reported("extra/speaker"):
            self.speakers = self._speakers(file)
        with self._reported("extra/keys"):
            self.keys = _names(file["extra/keys"][()]) if "extra/keys" in file else None

    def __len__(self) -> int:
        return len(self.labels)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handle": None, "_process": 0, "_columns": None}

    def read(
        self, row: int, *, units_total: int, sort: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Times in seconds (n,), ascending, and units (n,) of a clip."""
        with self._reported(f"spikes, clip {row}"):
            all_times, all_units = self._events()
            times = np.asarray(all_times[row], dtype=np.float32)
            units = np.asarray(all_units[row], dtype=np.int32)
        where = f"{self.path}: clip {row}"
        if len(times) != len(units):
            raise DataError(
                f"{where}: spikes/times and spikes/units must be equally long; "
                f"got {len(times)} and {len(units)}; {_AGAIN}"
            )
        if not np.isfinite(times).all() or times.min(initial=0) < 0:
            raise DataError(f"{where}: spikes/times must be finite, 0 or more; {_AGAIN}")
        if len(units) and not 0 <= units.min() <= units.max() < units_total:
            raise DataError(
                f"{where}: spikes/units must lie in 0..{units_total - 1}; got "
                f"{units.min()}..{units.max()}; pass units_total=... for more channels"
            )
        if (times[1:] < times[:-1]).any():
            if not sort:
                raise DataError(
                    f"{where}: spikes/times must be ascending; pass sort=True to have them sorted"
                )
            order = np.argsort(times, kind="stable")
            times, units = times[order], units[order]
        return times, units

    def _file(self) -> Any:
        # A handle must not cross a fork: HDF5 would share the position in the file.
        if self._handle is None or self._process != os.getpid():
            self._handle = _h5py().File(self.path, "r")
            self._process = os.getpid()
            self._columns = None
        return self._handle

    def _events(self) -> tuple[Any, Any]:
        file = self._file()
        if self._columns is None:  # finding them by name takes longer than reading a clip
            self._columns = file["spikes/times"], file["spikes/units"]
        return self._columns

    def _speakers(self, file: Any) -> NDArray[np.int64] | None:
        if "extra/speaker" not in file:
            return None
        speakers = _whole_numbers(self.path, file, "extra/speaker")
        if len(speakers) != len(self.labels):
            raise DataError(
                f"{self.path}: extra/speaker needs a row for each of {len(self.labels)} labels; "
                f"got {len(speakers)}; {_AGAIN}"
            )
        return speakers

    @contextmanager
    def _reported(self, group: str) -> Iterator[None]:
        """What HDF5 raises on damage, as one line with the file and the group."""
        try:
            yield
        except (OSError, RuntimeError, KeyError, TypeError) as error:
            if isinstance(error, (MissingExtraError, DataError)):
                raise
            if not self.path.is_file():
                raise DataError(f"{self.path}: no such file; check the path") from error
            reason = " ".join(str(error).split())[:120]
            raise DataError(f"{self.path}: cannot read {group} ({reason}); {_AGAIN}") from error


def write_spikes(
    path: str | Path,
    times_s: Sequence[ArrayLike],
    units: Sequence[ArrayLike],
    labels: ArrayLike,
    *,
    speakers: ArrayLike | None = None,
    keys: Sequence[str] | None = None,
    dtype: Literal["float32", "float16"] = "float32",
) -> None:
    """Write clips in the layout of SHD, whole or not at all; ``datasets.SHD`` reads them.

    Parameters
    ----------
    times_s, units
        An array a clip: seconds, ascending, and channels 0..65535. A clip without events is legal.
    labels
        A class a clip, 0 or more.
    speakers
        A number a clip; None is speaker 0 throughout.
    keys
        Names of the classes; None is the classes' numbers.
    dtype
        Of the times. The originals hold float16, which after 0.5 s tells no times apart that are
        closer than 0.5 ms, after 1 s than 1 ms; float32 keeps 0.1 µs.

    Raises
    ------
    ArgumentError
        Lists of unequal lengths; times that are not finite, negative or not ascending; units,
        labels or speakers that are negative, too large or no integers; fewer keys than classes.
    DataError
        A file that cannot be written.
    MissingExtraError
        h5py is not installed.
    """
    if dtype not in ("float32", "float16"):
        raise ArgumentError(f"write_spikes.dtype: 'float32' or 'float16'; got {dtype!r}")
    path = Path(path)
    marks = _counted("labels", labels)
    people = np.zeros_like(marks) if speakers is None else _counted("speakers", speakers)
    for name, rows in (("times_s", times_s), ("units", units), ("speakers", people)):
        if len(rows) != len(marks):
            raise ArgumentError(
                f"write_spikes.{name}: one for each of {len(marks)} labels; got {len(rows)}"
            )
    classes = int(marks.max(initial=-1)) + 1
    named = [str(label) for label in range(classes)] if keys is None else list(keys)
    if len(named) < classes:
        raise ArgumentError(f"write_spikes.keys: a name for each of {classes} classes; got {named}")
    clips = [_clip(row, *events) for row, events in enumerate(zip(times_s, units, strict=True))]
    h5py = _h5py()
    folder = check_writable_folder(path.parent)
    temporary = folder / f".{path.name}.{os.getpid()}.part"
    try:
        with h5py.File(temporary, "w") as file:
            for name, kind, column in (("times", dtype, 0), ("units", "uint16", 1)):
                rows = file.create_dataset(
                    f"spikes/{name}", (len(clips),), dtype=h5py.vlen_dtype(np.dtype(kind))
                )
                for row, clip in enumerate(clips):
                    rows[row] = clip[column].astype(kind)
            file["labels"] = marks.astype(np.uint16)
            file["extra/speaker"] = people.astype(np.uint16)
            file.create_dataset("extra/keys", data=np.array([k.encode() for k in named], dtype="S"))
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise DataError(f"{path}: cannot be written ({reason}); choose another path") from error
    finally:
        temporary.unlink(missing_ok=True)


def _clip(row: int, times_s: ArrayLike, units: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    times = np.asarray(times_s, dtype=np.float64).reshape(-1)
    channels = _counted(f"units[{row}]", units)
    if len(times) != len(channels):
        raise ArgumentError(
            f"write_spikes.units[{row}]: a unit for each of {len(times)} times; got {len(channels)}"
        )
    if not np.isfinite(times).all() or times.min(initial=0) < 0 or (np.diff(times) < 0).any():
        raise ArgumentError(
            f"write_spikes.times_s[{row}]: finite seconds, 0 or more, ascending; "
            "sort the events by time"
        )
    return times, channels


def _counted(name: str, values: ArrayLike) -> NDArray[np.int64]:
    """Whole numbers that fit the file's 16 bits."""
    array = np.asarray(values).reshape(-1)
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if array.dtype.kind not in "iu" or not 0 <= array.min() <= array.max() < _MOST_UNITS:
        raise ArgumentError(
            f"write_spikes.{name}: integers, 0..{_MOST_UNITS - 1}; got {array.dtype} "
            f"{array.min()}..{array.max()}"
        )
    return array.astype(np.int64)


def _rows(path: Path, file: Any, name: str) -> Any:
    """A data set of arrays of any length."""
    rows = _found(path, file, name)
    inner = _h5py().check_vlen_dtype(rows.dtype)
    kinds = "f" if name.endswith("times") else "iu"
    if inner is None or np.dtype(inner).kind not in kinds or rows.ndim != 1:
        wanted = "float" if kinds == "f" else "integer"
        raise DataError(
            f"{path}: {name} needs an array of {wanted} a clip; got {rows.dtype} {rows.shape}; "
            f"{_LAYOUT}"
        )
    return rows


def _whole_numbers(path: Path, file: Any, name: str) -> NDArray[np.int64]:
    values = _found(path, file, name)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise DataError(
            f"{path}: {name} needs an integer a clip; got {values.dtype} {values.shape}; {_LAYOUT}"
        )
    numbers: NDArray[np.int64] = values[()].astype(np.int64)
    return numbers


def _found(path: Path, file: Any, name: str) -> Any:
    if name not in file or not hasattr(file[name], "dtype"):
        held = ", ".join(sorted(file)) or "nothing"
        raise DataError(f"{path}: no {name}; the file holds {held}; {_LAYOUT}")
    return file[name]


def _names(keys: NDArray[Any]) -> tuple[str, ...]:
    return tuple(key.decode("utf-8") if isinstance(key, bytes) else str(key) for key in keys)


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(
            "h5py reads and writes files of spikes: pip install 'neurospike[audio]'."
        ) from error
    return h5py
