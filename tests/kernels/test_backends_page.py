"""docs/backends.md says what "auto" takes; here that is asked of the code.

Tensors of a GPU are torch's fakes: they have a device and a dtype, and no memory.
"""

from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from neurospike.functional.adaptive import AdaptiveRule
from neurospike.functional.cuba import CubaRule
from neurospike.functional.neurons import LIFRule
from neurospike.kernels.neurons import select as neurons
from neurospike.kernels.recurrent import select as recurrent
from neurospike.kernels.sparse import cpu
from neurospike.kernels.sparse import select as sparse

PAGE = Path(__file__).parents[2] / "docs" / "backends.md"

COLUMNS = {
    "CPU float32": ("cpu", torch.float32),
    "CPU float64": ("cpu", torch.float64),
    "CPU bf16, fp16": ("cpu", torch.bfloat16, torch.float16),
    "CUDA float32": ("cuda", torch.float32),
    "CUDA bf16, fp16": ("cuda", torch.bfloat16, torch.float16),
    "CUDA float64": ("cuda", torch.float64),
}


class Chosen(Exception):  # noqa: N818
    """Carries a choice out of an operation that is not to run."""


def watched(module: Any, name: str, patch: pytest.MonkeyPatch) -> None:
    resolve = getattr(module, name)

    def spy(*args: Any, **kwargs: Any) -> Any:
        raise Chosen(resolve(*args, **kwargs))

    patch.setattr(module, name, spy)


def choice(call: Callable[[Tensor], Any], x: Tensor) -> Any:
    with pytest.raises(Chosen) as found:
        call(x)
    return found.value.args[0]


def neuron(name: str, x: Tensor) -> Any:
    if name == "LIF":
        return neurons.lif(x, None, LIFRule())
    if name == "ILIF":
        return neurons.ilif(x, None, max_spikes=4, beta=0.25)
    if name == "LeakyReadout":
        return neurons.readout(x, None, tau=2.0, decay_input=False)
    if name == "AdLIF":
        return neurons.adaptive(x, None, x.new_empty(4, 3), AdaptiveRule())
    return neurons.cuba(x, None, x.new_empty(2), CubaRule())


def taken(operation: str, x: Tensor, patch: pytest.MonkeyPatch) -> str:
    if operation == "sparse convolution":
        return sparse.resolve("auto", x)
    if operation == "kernel maps":
        module = choice(lambda x: sparse.output_coords(x, None), x)  # type: ignore[arg-type]
        name = module.__name__.rpartition(".")[2]
        return {"maps": "numba", "maps_gpu": "triton"}.get(name, name)
    if operation == "recurrence with delays":
        fused = choice(
            lambda x: recurrent.recurrent(x, x, (), None, weight=x, share=x),  # type: ignore[arg-type]
            x,
        )
        return "numba" if fused else "reference"
    (one,) = {
        str(choice(lambda x, n=n: neuron(n, x), x)) for n in operation.strip("`").split("`, `")
    }
    return one


def table(first: str) -> dict[str, list[str]]:
    """One of the page's tables by its first title: the first cell of each row -> the others."""
    lines = PAGE.read_text("utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first} |"))
    cells = [line.strip("| ").split(" | ") for line in takewhile(_is_row, lines[start:])]
    return {row[0]: row[1:] for row in cells if not row[0].startswith("---")}


def _is_row(line: str) -> bool:
    return line.startswith("|")


AUTO = table("operation")


def test_the_page_has_every_column_and_every_name() -> None:
    assert AUTO["operation"] == list(COLUMNS)
    names = {name.strip("`") for name in table("name")} - {"name"}
    literals = (neurons.Backend, sparse.Backend, recurrent.Backend)
    assert names == {name for literal in literals for name in get_args(literal)} - {"auto"}


@pytest.mark.parametrize("operation", [name for name in AUTO if name != "operation"])
def test_the_page_says_what_auto_takes(operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton")
    monkeypatch.setattr(cpu, "runs_fast", lambda dtype: dtype == torch.float32)
    # Fakes are dispatched like tensors of a compiled graph, which a user's are not.
    monkeypatch.setattr(neurons, "_dispatched", lambda x: False)
    watched(neurons, "_resolve", monkeypatch)
    watched(sparse, "_maps", monkeypatch)
    watched(recurrent, "_fused", monkeypatch)
    found = []
    for device, *dtypes in COLUMNS.values():
        names = set()
        for dtype in dtypes:
            with FakeTensorMode():
                x = torch.empty(2, 3, 3, dtype=dtype, device=device)  # type: ignore[call-overload]
            names.add(taken(operation, x, monkeypatch))
        (name,) = names
        found.append(name)
    assert AUTO[operation] == found
