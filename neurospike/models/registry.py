"""Networks by name, and checkpoints that hold their own configuration.

A checkpoint is one ``.safetensors`` file: weights, and in its metadata the name of a registered
factory with its arguments. Loading executes nothing: only registered factories are called.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

from neurospike.errors import ArgumentError, DataError
from neurospike.files import write_atomically

P = ParamSpec("P")
M = TypeVar("M", bound=nn.Module)

FORMAT = "neurospike-checkpoint"
VERSION = 1

_FACTORIES: dict[str, Callable[..., nn.Module]] = {}


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says of itself: the factory, its arguments, and what training added."""

    factory: str
    arguments: dict[str, Any]
    extra: dict[str, Any] = field(default_factory=dict)


def register(factory: Callable[P, M]) -> Callable[P, M]:
    """Let ``save`` and ``load`` know a factory; its arguments must be plain JSON values.

    A user's own network becomes loadable in the same way::

        @neurospike.models.register
        def mynet(width: int = 32) -> nn.Module: ...
    """

    @functools.wraps(factory)
    def build(*args: P.args, **kwargs: P.kwargs) -> M:
        bound = inspect.signature(factory).bind(*args, **kwargs)
        bound.apply_defaults()
        model = factory(*args, **kwargs)
        model._neurospike_origin = (factory.__name__, dict(bound.arguments))  # type: ignore[assignment]
        return model

    _FACTORIES[factory.__name__] = build
    return build


def factories() -> dict[str, Callable[..., nn.Module]]:
    """Registered factories by name."""
    return dict(_FACTORIES)


def create(name: str, **arguments: Any) -> nn.Module:
    """Call a registered factory by name.

    Raises
    ------
    ArgumentError
        An unknown name, or an argument that the factory does not take.
    """
    if name not in _FACTORIES:
        raise ArgumentError(
            f"models.create.name: must be one of {', '.join(sorted(_FACTORIES))}; got {name!r}."
        )
    factory = _FACTORIES[name]
    try:
        inspect.signature(factory).bind(**arguments)
    except TypeError as error:
        raise ArgumentError(
            f"models.create: {name} takes {inspect.signature(factory)}; {error}."
        ) from error
    return factory(**arguments)


def save(model: nn.Module, path: str | Path, *, extra: Mapping[str, Any] | None = None) -> None:
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    extra
        Anything JSON can hold: task, classes, voxel size, results.

    Raises
    ------
    ArgumentError
        A model that no registered factory built.
    DataError
        A folder that cannot be written.
    """
    from safetensors.torch import save as to_bytes

    origin = getattr(model, "_neurospike_origin", None)
    if origin is None:
        raise ArgumentError(
            f"models.save.model: must come from a registered factory; got {type(model).__name__}. "
            "Decorate its factory with @neurospike.models.register."
        )
    name, arguments = origin
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "factory": name,
        "arguments": json.dumps(arguments),
        "extra": json.dumps(dict(extra or {})),
    }
    state = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    write_atomically(path, to_bytes(state, metadata))


def load(path: str | Path, *, factory: str | None = None) -> nn.Module:
    """Build the network that a checkpoint describes and load its weights, in evaluation mode.

    Parameters
    ----------
    factory
        The factory that the caller expects; another one is an error.

    Raises
    ------
    DataError
        A file that is missing, damaged, of another format or version, or of another model.
    """
    info, state = _read(Path(path), with_weights=True)
    if factory is not None and info.factory != factory:
        raise DataError(
            f"{path}: holds a model of {info.factory!r}, not of {factory!r}; "
            "give the checkpoint that this task has written."
        )
    if info.factory not in _FACTORIES:
        raise DataError(
            f"{path}: its factory {info.factory!r} is not registered here (known: "
            f"{', '.join(sorted(_FACTORIES))}); import the module that registers it first."
        )
    try:
        model = _FACTORIES[info.factory](**info.arguments)
        # Assigned, so that float64 weights stay float64.
        model.load_state_dict(_laid_out(state, model), assign=True)
    except (TypeError, RuntimeError, ArgumentError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path}: its weights do not fit {info.factory}({info.arguments}): {reason}"
        ) from error
    return model.eval()


def _laid_out(state: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Weights with the strides that the factory chose, such as channels last: files have none."""
    own = model.state_dict()
    return {
        name: torch.empty_like(own[name], dtype=value.dtype).copy_(value)
        if name in own and own[name].shape == value.shape and own[name].stride() != value.stride()
        else value
        for name, value in state.items()
    }


def read_info(path: str | Path) -> CheckpointInfo:
    """Read what a checkpoint says of itself, without its weights."""
    return _read(Path(path), with_weights=False)[0]


def _read(path: Path, *, with_weights: bool) -> tuple[CheckpointInfo, dict[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise DataError(f"{path}: no such checkpoint; give the path of a .safetensors file.")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()} if with_weights else {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(
            f"{path}: not a readable .safetensors file ({error}); it may be truncated: "
            "copy or train it again."
        ) from error
    return _parse(path, metadata), state


def _parse(path: Path, metadata: Mapping[str, str]) -> CheckpointInfo:
    if metadata.get("format") != FORMAT:
        raise DataError(
            f"{path}: a .safetensors file, but no neurospike checkpoint; "
            "write one with neurospike.models.save."
        )
    try:
        version = int(metadata["version"])
        info = CheckpointInfo(
            metadata["factory"], json.loads(metadata["arguments"]), json.loads(metadata["extra"])
        )
    except (KeyError, ValueError) as error:
        raise DataError(f"{path}: its metadata is damaged ({error}); train it again.") from error
    if version > VERSION:
        raise DataError(
            f"{path}: format version {version} is newer than this package reads ({VERSION}); "
            "update neurospike."
        )
    return info
