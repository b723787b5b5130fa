"""What a measurement holds for: the device, the compilers and the kernels' own text."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import platform
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from neurospike.files import user_cache_folder


@dataclass(frozen=True)
class Identity:
    """Two runs whose identities differ share no measurement.

    Attributes
    ----------
    device
        The name that a device gives itself.
    capability
        A GPU's compute capability, or the vector instructions that torch uses on a CPU.
    torch, triton
        Versions; "none" where Triton is not installed.
    sources
        Digest of the kernels' sources.
    """

    device: str
    capability: str
    torch: str
    triton: str
    sources: str

    @property
    def path(self) -> Path:
        """Where the table of this identity lies."""
        digest = hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:12]
        return folder() / f"{slug(self.device)}-{digest}.json"


def folder() -> Path:
    """Where the tables of all devices lie."""
    return user_cache_folder() / "tuning"


def slug(name: str) -> str:
    """A device's name as part of a file's."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def device_name(device: torch.device) -> str | None:
    """The name that a device gives itself; None of one that is not there, or of another kind."""
    if device.type == "cpu":
        return platform.machine() or "cpu"
    if device.type == "cuda" and torch.cuda.is_available():
        return torch.cuda.get_device_name(device)
    return None


def identity(device: torch.device) -> Identity | None:
    """Of a device that is there, or None. Reads the kernels' sources once a process."""
    name = device_name(device)
    if name is None:
        return None
    return Identity(name, _capability(device), torch.__version__, _triton(), sources())


@functools.cache
def sources() -> str:
    """Digest of every kernel's source, whatever its place on disk."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        if path.parent.name != "tuning":
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _capability(device: torch.device) -> str:
    if device.type == "cuda":
        return "{}.{}".format(*torch.cuda.get_device_capability(device))
    return str(torch.backends.cpu.get_cpu_capability())


def _triton() -> str:
    try:
        return importlib.metadata.version("triton")
    except importlib.metadata.PackageNotFoundError:
        return "none"
