"""Coded spikes in a file: ``.svc``, a safetensors file of two bit streams and a header.

The streams are the tensors ``coords`` (``_octree``) and ``spikes`` (``_spike_bits``); the header
is one JSON document in the metadata, with a checksum over itself and both streams.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor

from neurospike.encoders._octree import pack_coords, unpack_coords
from neurospike.encoders._spike_bits import pack_spikes, unpack_spikes
from neurospike.errors import ArgumentError, DataError
from neurospike.files import write_atomically
from neurospike.sparse import ActiveSet, VoxelTensor

VERSION = 1

_DTYPES = {
    str(dtype): dtype
    for dtype in (
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.uint8,
        torch.int16,
        torch.int32,
        torch.int64,
    )
}
_LARGEST = 65_535


@dataclass(frozen=True)
class SvcFile:
    """What an ``.svc`` file holds."""

    voxels: VoxelTensor
    """Integer spikes 0..max_spikes, features (N, C) or (T, N, C)."""
    max_spikes: int
    voxel_size_m: tuple[float, float, float]
    origin_m: Tensor
    """float64 (B, 3): the corner of voxel (0, 0, 0) of each sample."""
    coding: str
    """What made the spikes: "identity", or the name of a network's stem."""
    meta: dict[str, Any]
    """What the writer added, as JSON values."""

    @property
    def steps(self) -> int:
        """Time steps T."""
        features = self.voxels.features
        return 1 if features.ndim == 2 else features.shape[0]


def save_svc(
    path: str | os.PathLike[str],
    voxels: VoxelTensor,
    *,
    max_spikes: int,
    voxel_size_m: Sequence[float],
    origin: Tensor | Sequence[float] = (0.0, 0.0, 0.0),
    coding: str = "identity",
    meta: Mapping[str, Any] | None = None,
) -> int:
    """Write integer spikes to an ``.svc`` file and return its size in bytes.

    Parameters
    ----------
    voxels
        Spikes 0..max_spikes, features (N, C) or (T, N, C) of any dtype. Unary events are stored
        as they are: give max_spikes = 1, or collapse them first, which is shorter.
    voxel_size_m, origin
        Edges of a voxel of the input grid; the corner of voxel (0, 0, 0), (3,) or (B, 3).
    meta
        Further facts for whoever reads the file, of JSON types.

    Raises
    ------
    ArgumentError
        Values that are not integers in 0..max_spikes, or a header that does not fit.
    DataError
        A folder that cannot be written; nothing is left behind.

    Cost
    ----
    For each voxel 5 to 9 bits of place on scans, and for each channel and step the shorter of
    ceil(log2(D + 1)) bits, and 1 bit with ceil(log2 D) more where a spike is.
    """
    values = _integer_values(voxels.features, max_spikes)
    header = _header(voxels, max_spikes, voxel_size_m, origin) | {
        "coding": str(coding),
        "meta": dict(meta or {}),
    }
    header["coords_coding"], coords = pack_coords(
        voxels.coords.cpu().numpy().astype(np.int64), voxels.spatial_shape, voxels.batch_size
    )
    header["spikes_coding"], spikes = pack_spikes(values, max_spikes)
    try:
        header["crc32"] = _checksum(header, coords, spikes)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"save_svc.meta: must hold JSON values only; got {meta!r} ({error})."
        ) from error
    tensors = {"coords": np.frombuffer(coords, np.uint8), "spikes": np.frombuffer(spikes, np.uint8)}
    content: bytes = save(tensors, metadata={"svc": _canonical(header)})
    write_atomically(Path(path), content)
    return len(content)


def load_svc(path: str | os.PathLike[str]) -> SvcFile:
    """Read an ``.svc`` file; its voxels equal the ones that were saved, bit for bit.

    Raises
    ------
    DataError
        No such file, another format, a damaged or truncated file, or one of a newer version.
    """
    header, coords, spikes = _read(path)
    claimed = header.pop("crc32", None)
    if claimed != _checksum(header, coords, spikes):
        raise DataError(f"{path}: the checksum does not match, the file is damaged; encode again.")
    try:
        return _decode(header, coords, spikes)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except (LookupError, TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise DataError(
            f"{path}: the header does not describe spikes ({error!r}); encode the scan again."
        ) from error


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], bytes, bytes]:
    """Header and streams of a file that is an ``.svc`` file of a version known here."""
    if not os.path.isfile(path):
        raise DataError(f"{path}: no such file; write one with `neurospike encode`.")
    try:
        with safe_open(str(path), framework="numpy") as file:
            text = (file.metadata() or {}).get("svc")
            if text is None or set(file.keys()) != {"coords", "spikes"}:
                raise DataError(
                    f"{path}: is a safetensors file but not an .svc file; give the output of "
                    "`neurospike encode`."
                )
            streams = [file.get_tensor(name) for name in ("coords", "spikes")]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path}: is no .svc file, or a truncated one ({error}); encode the scan again."
        ) from error
    header = _parse(path, text)
    if any(stream.dtype != np.uint8 or stream.ndim != 1 for stream in streams):
        raise DataError(f"{path}: its streams are not bytes, the file is damaged; encode again.")
    return header, streams[0].tobytes(), streams[1].tobytes()


def _parse(path: str | os.PathLike[str], text: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: its header is no JSON, the file is damaged; encode again.") from (
            error
        )
    version = header.get("version") if isinstance(header, dict) else None
    if not isinstance(version, int) or version < 1:
        raise DataError(f"{path}: its header has no version, the file is damaged; encode again.")
    if version > VERSION:
        raise DataError(
            f"{path}: is of version {version}, this neurospike reads up to {VERSION}; "
            "upgrade neurospike."
        )
    found: dict[str, Any] = header
    return found


def _decode(header: dict[str, Any], coords: bytes, spikes: bytes) -> SvcFile:
    x, y, z = (int(edge) for edge in header["spatial_shape"])
    shape, batch_size = (x, y, z), int(header["batch_size"])
    feature_shape = tuple(int(size) for size in header["feature_shape"])
    max_spikes = int(header["max_spikes"])
    count = int(np.prod(feature_shape, dtype=object))
    if not 1 <= max_spikes <= _LARGEST or count > 8 * len(spikes):
        raise DataError("the spikes are fewer than announced, the file is damaged; encode again.")
    places = unpack_coords(
        header["coords_coding"], coords, shape, batch_size, int(feature_shape[-2])
    )
    values = unpack_spikes(header["spikes_coding"], spikes, count, max_spikes)
    features = torch.from_numpy(values).to(_DTYPES[header["dtype"]]).reshape(feature_shape)
    checked = VoxelTensor(torch.from_numpy(places), features, shape, batch_size)
    stride = tuple(int(edge) for edge in header["stride"])
    active = checked.active
    if stride != (1, 1, 1):
        active = ActiveSet(
            checked.coords, shape, batch_size, stride=(stride[0], stride[1], stride[2])
        )
    voxels = VoxelTensor.on(
        active,
        features,
        virtual_steps=int(header["virtual_steps"]),
        one_step=bool(header["one_step"]),
    )
    size = [float(edge) for edge in header["voxel_size_m"]]
    return SvcFile(
        voxels,
        max_spikes,
        (size[0], size[1], size[2]),
        torch.tensor(header["origin_m"], dtype=torch.float64).reshape(batch_size, 3),
        str(header["coding"]),
        dict(header["meta"]),
    )


def _header(
    voxels: VoxelTensor,
    max_spikes: int,
    voxel_size_m: Sequence[float],
    origin: Tensor | Sequence[float],
) -> dict[str, Any]:
    size = np.asarray(voxel_size_m, np.float64)
    corner = np.asarray(origin.cpu() if isinstance(origin, Tensor) else origin, np.float64)
    if size.shape != (3,) or not (np.isfinite(size).all() and (size > 0).all()):
        raise ArgumentError(
            f"save_svc.voxel_size_m: must be three positive edges in metres; got {voxel_size_m}."
        )
    per_sample = (voxels.batch_size, 3)
    if corner.shape not in ((3,), per_sample) or not np.isfinite(corner).all():
        raise ArgumentError(
            f"save_svc.origin: must be finite metres of shape (3,) or {per_sample}; "
            f"got {corner.shape}."
        )
    if str(voxels.features.dtype) not in _DTYPES:
        raise ArgumentError(
            f"save_svc.voxels: features must be one of {', '.join(_DTYPES)}; "
            f"got {voxels.features.dtype}."
        )
    return {
        "version": VERSION,
        "spatial_shape": list(voxels.spatial_shape),
        "batch_size": voxels.batch_size,
        "stride": list(voxels.stride),
        "feature_shape": list(voxels.features.shape),
        "dtype": str(voxels.features.dtype),
        "max_spikes": max_spikes,
        "virtual_steps": voxels.virtual_steps,
        "one_step": voxels.one_step,
        "voxel_size_m": size.tolist(),
        "origin_m": np.broadcast_to(corner, per_sample).tolist(),
    }


def _integer_values(features: Tensor, max_spikes: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    if not 1 <= max_spikes <= _LARGEST:
        raise ArgumentError(f"save_svc.max_spikes: must lie in 1..{_LARGEST}; got {max_spikes}.")
    kept = features.detach().cpu()
    flat = (kept.float() if kept.dtype is torch.bfloat16 else kept).reshape(-1).numpy()
    low, high = (flat.min(), flat.max()) if len(flat) else (0, 0)
    fits = bool(low >= 0 and high <= max_spikes)  # no, too, where either is NaN
    values = flat.astype(np.int32) if fits else np.empty(0, np.int32)
    if not fits or (values != flat).any():
        raise ArgumentError(
            f"save_svc.voxels: spikes must be integers in 0..{max_spikes}; got values in "
            f"[{low}, {high}]. Save the output of a spiking layer, with its max_spikes."
        )
    return values


def _canonical(header: Mapping[str, Any]) -> str:
    dump: Callable[..., str] = json.dumps
    return dump(header, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _checksum(header: Mapping[str, Any], coords: bytes, spikes: bytes) -> int:
    return zlib.crc32(spikes, zlib.crc32(coords, zlib.crc32(_canonical(header).encode())))
