"""``neurospike energy package.module:factory``: what any torch module would cost."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from neurospike.cli.common import need, overrides, print_json, say
from neurospike.errors import ArgumentError, NeurospikeError, UncountedLayerError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from neurospike.hw import Counts

_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_SHAPE = re.compile(r"[1-9]\d*(x[1-9]\d*)*")


def names_module(target: Path) -> bool:
    """Whether this is package.module:factory, and not a file."""
    return _TARGET.fullmatch(str(target)) is not None and not target.exists()


def energy_of_module(
    target: str,
    shapes: Sequence[str],
    *,
    samples: int,
    batch_dim: int,
    settings: Sequence[str],
    convention: Literal["exact", "paper", "neurobench", "lemaire"],
    out: Path | None,
    as_json: bool,
) -> None:
    """Build a module, run it once on random numbers, and print what each layer did.

    Parameters
    ----------
    target
        "package.module:factory": a function or class that gives a torch module, or a module.
    shapes
        One sample of each input, such as "3x224x224".
    settings
        Keyword arguments of the factory, as key=value.

    Raises
    ------
    ArgumentError
        A target or a shape that cannot be used.
    UncountedLayerError
        Layers without a rule, all of them by name.
    """
    import json

    from neurospike.files import write_atomically

    need("train", "rich")
    inputs = _inputs(shapes, samples, batch_dim)
    with _from_here():
        module = _built(target, overrides({}, list(settings)))
        counted = _counted(target, module, inputs, convention, batch_dim)
    parameters = sum(p.numel() for p in module.parameters())
    document = {
        "module": target,
        "inputs": [list(tensor.shape) for tensor in inputs],
        "parameters": parameters,
        **counted.to_dict(),
    }
    if out is not None:
        write_atomically(out, json.dumps(document, indent=2))
    if as_json:
        print_json(document)
        return
    taken = ", ".join("x".join(str(n) for n in tensor.shape) for tensor in inputs)
    say(f"{target}: {parameters:,} parameters, random inputs {taken}")
    say(counted.table())


def _inputs(shapes: Sequence[str], samples: int, batch_dim: int) -> tuple[Tensor, ...]:
    import torch

    if not shapes:
        raise ArgumentError(
            "--input: a module needs the shape of one sample, such as --input 3x224x224."
        )
    generator = torch.Generator().manual_seed(0)
    made = []
    for text in shapes:
        if _SHAPE.fullmatch(text) is None:
            raise ArgumentError(
                "--input: must be whole numbers above 0 joined by x, such as 3x224x224; got "
                f"{text!r}."
            )
        shape = [int(part) for part in text.split("x")]
        if not 0 <= batch_dim <= len(shape):
            raise ArgumentError(
                f"--batch-dim: must be 0 to {len(shape)} for samples of {text}; got {batch_dim}."
            )
        shape.insert(batch_dim, samples)
        made.append(torch.randn(shape, generator=generator))
    return tuple(made)


@contextmanager
def _from_here() -> Iterator[None]:
    """A user's own module lies in the folder that the command runs in."""
    sys.path.insert(0, "")
    try:
        yield
    finally:
        sys.path.remove("")


def _built(target: str, arguments: dict[str, Any]) -> nn.Module:
    """The module, whatever a user's code raises as one line."""
    from torch import nn

    module, _, path = target.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except Exception as error:
        raise ArgumentError(f"{target}: cannot import {module}: {_reason(error)}") from error
    for name in path.split("."):
        if not hasattr(found, name):
            raise ArgumentError(f"{target}: {module} has no {path!r}; check its spelling.")
        found = getattr(found, name)
    if not isinstance(found, nn.Module):
        if not callable(found):
            raise ArgumentError(
                f"{target}: must be a torch module, or give one when called; got "
                f"{type(found).__name__}."
            )
        try:
            found = found(**arguments)
        except NeurospikeError:
            raise
        except Exception as error:
            raise ArgumentError(
                f"{target}: calling it failed: {_reason(error)}. Give arguments with --set "
                "key=value."
            ) from error
    elif arguments:
        raise ArgumentError(f"--set: {target} is a module already; it takes no arguments.")
    if not isinstance(found, nn.Module):
        raise ArgumentError(f"{target}: must give a torch module; got {type(found).__name__}.")
    return found


def _counted(
    target: str, module: nn.Module, inputs: tuple[Tensor, ...], convention: Any, batch_dim: int
) -> Counts:
    from neurospike import hw

    try:
        return hw.count(module, inputs, convention, batch_dim)
    except UncountedLayerError as error:
        raise UncountedLayerError(f"{target}: {error}{_others(module)}") from error
    except NeurospikeError:
        raise
    except Exception as error:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in inputs)
        raise ArgumentError(
            f"{target}: refuses random inputs of {shapes}: {_reason(error)}. --input is the shape "
            "of one sample; --batch-dim says where the batch stands."
        ) from error


def _others(module: nn.Module) -> str:
    """Every kind of layer without a rule, with how many there are."""
    from torch import nn

    from neurospike.hw.registry import find_rule
    from neurospike.nn import Stateful

    kinds: dict[str, int] = {}
    for layer in module.modules():
        container = isinstance(layer, nn.Sequential | nn.ModuleList | nn.ModuleDict)
        neuron = isinstance(layer, Stateful) and layer.emits_spikes
        ruled = container or neuron or any(layer.children()) or find_rule(layer) is not None
        if not ruled:
            kinds[type(layer).__name__] = kinds.get(type(layer).__name__, 0) + 1
    if len(kinds) < 2:
        return ""
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f" All without one: {listed}."


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
