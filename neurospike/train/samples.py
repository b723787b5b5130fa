"""Samples of a data set as a recipe wants them, the same in any order and on any worker."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import distributed
from torch.utils.data import DataLoader, Dataset, Sampler

from neurospike import datasets
from neurospike.errors import ArgumentError
from neurospike.nn.together import processes
from neurospike.train.sections import DataPart
from neurospike.train.sharing import Places, deal, sample_sizes, share_of_batch

Sample = dict[str, Any]
Batch = dict[str, Any]
Key = tuple[int, int]
"""(epoch, index)"""

FAMILIES = {
    "solids": "Solids",
    "modelnet": "ModelNet",
    "occupancy": "OccupancyVoxels",
    "shd": "SHD",
    "ssc": "SSC",
    "speechcommands": "SpeechCommands",
    "fsdd": "FSDD",
    "spoken-tones": "SpokenTones",
    "kitti": "KITTI",
    "semantickitti": "SemanticKITTI",
    "streets": "Streets",
}
SPLITS = ("train", "val", "test")
BLOCKS = {"kitti": 1, "semantickitti": 100}
"""Data sets without public test labels, and the scans in a row that are held out together."""

NEEDS_NO_ROOT = {"solids", "spoken-tones", "streets"}


class Source(Protocol):
    """What a data set offers here."""

    @property
    def classes(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


class Some:
    """Chosen samples of a data set, in that order."""

    def __init__(self, source: Source, places: Sequence[int]) -> None:
        self.classes = source.classes
        self.units_total = getattr(source, "units_total", 0)
        self.shares = getattr(source, "shares", None)
        self._source = source
        self._places = places

    def sizes(self) -> NDArray[np.float64] | None:
        """Those of the data set."""
        sizes = sample_sizes(self._source)
        return None if sizes is None else sizes[np.array(self._places, np.int64)]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Sample:
        return self._source[self._places[index]]


class First(Some):
    """The first samples of a data set; a front end then codes no more than these."""

    def __init__(self, source: Source, count: int) -> None:
        super().__init__(source, range(min(count, len(source))))


class Samples(Protocol):
    """A data set under a recipe: what a sample undergoes follows from its key alone."""

    @property
    def late_share(self) -> float:
        """Share of what was given so far that came too late for its sequence, and was dropped."""
        ...

    @property
    def given(self) -> int:
        """Of how much that is the share; 0 where nothing can be late."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, key: Key) -> Sample: ...


def build_source(
    part: DataPart, split: str, *, root: str | Path | None = None, seed: int = 0
) -> Source:
    """One split of the data set that a recipe names.

    KITTI's and SemanticKITTI's test labels are not public: here "test" is their own ``val``, and
    "val" a tenth of their ``train``, which training leaves out; under the legacy protocol both
    are their ``val``, as is the habit.

    An argument that is a table of splits, ``scans = { train = 2000, val = 200, test = 400 }``, is
    this split's entry.

    Raises
    ------
    ArgumentError
        An unknown split, a root that is missing, or arguments that the data set does not take.
    DataError
        Data that is missing or damaged.
    """
    if split not in SPLITS:
        raise ArgumentError(f"--split: must be one of {', '.join(SPLITS)}; got {split!r}.")
    arguments = _arguments(part, split, root=root, seed=seed)
    try:
        source: Source = getattr(datasets, FAMILIES[part.name])(**arguments)
    except TypeError as error:
        raise ArgumentError(f"recipe.data.arguments: {part.name}: {error}.") from error
    if part.name in BLOCKS and part.protocol == "clean" and split != "test":
        return Some(source, held_out(len(source), BLOCKS[part.name], held=split == "val"))
    return source


def _arguments(part: DataPart, split: str, *, root: str | Path | None, seed: int) -> dict[str, Any]:
    """Keyword arguments of the data set."""
    own = {name: _of_split(value, split) for name, value in part.arguments.items()}
    arguments = {**own, "split": split, "protocol": part.protocol, "seed": seed}
    if part.name in BLOCKS:
        arguments |= {"split": _public(split, part.protocol), "protocol": "clean"}
    if part.name not in NEEDS_NO_ROOT:
        if root is None:
            raise ArgumentError(
                f"--root: the data set {part.name!r} is read from a folder; got none. "
                "docs/data.md says where to get it."
            )
        arguments["root"] = root
        if part.name == "modelnet":
            # Choosing 8,192 of 10,000 points takes 0.2 s a shape.
            arguments.setdefault("cache", cache_folder(root))
    if part.name == "kitti":
        arguments.setdefault("crop_to_image", True)  # labels stop there
    if part.name == "streets":
        # A scan takes longer to simulate than to train on.
        arguments.setdefault("cache", cache_folder(root) / "streets")
    return arguments


def prepare(source: Source | None, *, progress: bool = False) -> None:
    """Let a data set that generates its samples make all of them now, where it can."""
    make_all = getattr(source, "prepare", None)
    if callable(make_all):
        make_all(progress=progress)


def held_out(count: int, block: int, *, held: bool) -> list[int]:
    """Every tenth block of scans, or all others; of fewer than ten blocks the last is held.

    Examples
    --------
    >>> held_out(12, 1, held=True), held_out(3, 1, held=True), held_out(3, 1, held=False)
    ([9], [2], [0, 1])
    """
    blocks = -(-count // block)
    return [
        index
        for index in range(count)
        if (index // block % 10 == 9 or (blocks < 10 and index // block == blocks - 1)) == held
    ]


def _public(split: str, protocol: str) -> str:
    return "train" if split == "train" or (split == "val" and protocol == "clean") else "val"


def _of_split(value: Any, split: str) -> Any:
    return value[split] if isinstance(value, dict) and set(value) == set(SPLITS) else value


def cache_folder(root: str | Path | None) -> Path:
    """Where work on a data set is kept: beside the data, or at home where that is read-only."""
    if root is not None and Path(root).is_dir():
        # A superuser may write anything, and leaves alone what is marked as not to be written.
        marked = Path(root).stat().st_mode & stat.S_IWUSR
        if marked and os.access(root, os.W_OK):
            return Path(root) / ".neurospike"
    return Path.home() / ".cache" / "neurospike"


class EpochSampler(Sampler[Key]):
    """Keys (epoch, index), in an order that follows from seed and epoch.

    Lightning calls ``set_epoch`` before each epoch, after a resume as well.

    Parameters
    ----------
    shared
        Whether the processes of a distributed run share the samples. Shuffled, they share each
        batch and get as many of it; what cannot be shared evenly at an epoch's end is left out.
        Unshuffled, each gets a run of samples, so that all of them in turn are in order.
    batch_size
        Samples of a batch on all processes together; it holds the same ones, however many share it.
    sizes
        (count,) how large samples are: of each shuffled batch every process then gets about as
        much. Else they take turns.
    """

    def __init__(
        self,
        count: int,
        *,
        shuffle: bool,
        seed: int,
        shared: bool = False,
        batch_size: int = 1,
        sizes: NDArray[np.float64] | None = None,
    ) -> None:
        self.count = count
        self.shuffle = shuffle
        self.seed = seed
        self.shared = shared
        self.batch_size = batch_size
        self.sizes = sizes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        rank, processes = self._process()
        if self.shuffle:
            return self.count // processes
        return (rank + 1) * self.count // processes - rank * self.count // processes

    def __iter__(self) -> Iterator[Key]:
        rank, processes = self._process()
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(
                np.arange(self.count)
            )
            order = self._shares(order, rank, processes) if processes > 1 else order
        else:
            order = np.arange(rank * self.count // processes, (rank + 1) * self.count // processes)
        return ((self.epoch, int(index)) for index in order)

    def _shares(self, order: Places, rank: int, processes: int) -> Places:
        """This process's share of every batch."""
        whole = order[: self.count // processes * processes]
        if self.sizes is None or self.batch_size < 2 * processes:
            return whole[rank::processes]
        batches = (
            whole[first : first + self.batch_size]
            for first in range(0, len(whole), self.batch_size)
        )
        return np.concatenate(
            [batch[deal(self.sizes[batch], processes)[rank]] for batch in batches]
        )

    def _process(self) -> tuple[int, int]:
        """Which process this is, and how many share."""
        count = processes() if self.shared else 1
        return (distributed.get_rank() if count > 1 else 0), count


def build_loader(
    samples: Samples,
    batch_size: int,
    *,
    collate: Callable[[Sequence[Sample]], Batch],
    shuffle: bool = False,
    seed: int = 0,
    workers: int = 0,
    shared: bool = False,
    processes: int = 1,
    sizes: NDArray[np.float64] | None = None,
) -> DataLoader[Sample]:
    """Batches of samples; ``shared`` and ``sizes`` as in ``EpochSampler``.

    Parameters
    ----------
    batch_size
        Samples of a batch, on all of so many ``processes`` together.

    Raises
    ------
    ArgumentError
        A batch that the processes cannot share evenly.

    Notes
    -----
    Workers are spawned, not forked: a fork after a parallel kernel has run aborts in its first
    parallel region.
    """
    dataset: Dataset[Sample] = samples  # type: ignore[assignment]
    sampler = EpochSampler(
        len(samples), shuffle=shuffle, seed=seed, shared=shared, batch_size=batch_size, sizes=sizes
    )
    return DataLoader(
        dataset,
        batch_size=share_of_batch(batch_size, processes),
        sampler=sampler,
        collate_fn=collate,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        persistent_workers=workers > 0,
        # A last batch of one cloud is too few for BatchNorm's statistics.
        drop_last=shuffle and len(samples) > batch_size,
    )
