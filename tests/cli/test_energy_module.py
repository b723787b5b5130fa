"""``neurospike energy package.module:factory``: any torch module, priced."""

import json
import sys
from pathlib import Path

import pytest

from neurospike.cli.main import main

NETWORKS = '''
import torch
from torch import nn

from neurospike.hw import Operations, counts


def small(width: int = 4) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten())


class Sequences(nn.Module):
    """(T, B, 5) -> (T, B, 2); refuses a batch that stands elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 2, bias=False)

    def forward(self, x):
        if x.shape[1] != 2:
            raise ValueError("batch of\\n2 expected")
        return self.linear(x)


class Both(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 2, bias=False)

    def forward(self, a, b):
        return self.linear(a) + b


class Unknown(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x * self.own


class Odd(Unknown):
    def forward(self, x):
        return x - self.own


class Ruled(Unknown):
    def forward(self, x):
        return x / self.own


@counts(Ruled)
def ruled(call):
    return Operations(macs=call.values.numel())


def unknown() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), Unknown(), Odd(), Unknown())


def known() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4, bias=False), Ruled())


made = small(2)
number = 3


def text() -> str:
    return "no module"


def broken() -> nn.Module:
    raise RuntimeError("two\\nlines")
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets_of_users.py").write_text(NETWORKS)
    (tmp_path / "nets_that_fail.py").write_text("raise OSError('no disk')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "nets_of_users", raising=False)
    return tmp_path


def counted(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["energy", *arguments, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_a_factory_is_counted_on_one_random_sample(capsys: pytest.CaptureFixture[str]) -> None:
    found = counted(capsys, "nets_of_users:small", "--input", "3x8x10")
    assert found["inputs"] == [[1, 3, 8, 10]]
    assert found["parameters"] == 27 * 4
    assert found["macs"] == 8 * 10 * 27 * 4
    assert found["energy_pj"] == pytest.approx(8 * 10 * 27 * 4 * 4.6)


def test_arguments_batch_and_convention(capsys: pytest.CaptureFixture[str]) -> None:
    found = counted(
        capsys, "nets_of_users:small", "--set", "width=2", "--input", "3x4x4", "--samples", "5",
        "--convention", "neurobench",
    )  # fmt: skip
    assert found["inputs"] == [[5, 3, 4, 4]]
    assert found["parameters"] == 54
    assert found["convention"] == "neurobench"


def test_a_module_that_is_there_already(capsys: pytest.CaptureFixture[str]) -> None:
    assert counted(capsys, "nets_of_users:made", "--input", "3x2x2")["macs"] == 4 * 54


def test_the_batch_of_sequences_stands_second(capsys: pytest.CaptureFixture[str]) -> None:
    found = counted(
        capsys, "nets_of_users:Sequences", "--input", "7x5", "--batch-dim", "1", "--samples", "2"
    )
    assert found["inputs"] == [[7, 2, 5]]
    assert found["macs"] == 7 * 10


def test_several_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    found = counted(capsys, "nets_of_users:Both", "--input", "5", "--input", "2")
    assert found["inputs"] == [[1, 5], [1, 2]]
    assert found["macs"] == 10


def test_users_own_rules_hold(capsys: pytest.CaptureFixture[str]) -> None:
    assert counted(capsys, "nets_of_users:known", "--input", "4")["macs"] == 20


def test_text_shows_layers_and_the_document_goes_to_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["energy", "nets_of_users:small", "--input", "3x8x8", "--out", "n.json"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert out.startswith("nets_of_users:small: 108 parameters, random inputs 1x3x8x8\n")
    assert "Conv2d" in out
    assert json.loads((folder / "n.json").read_text())["macs"] == 64 * 108


BAD = {
    "unknown": ("unknown", "--input 4", "'Unknown' at 1; register one with @counts(Unknown). All "
                "without one: 1 Odd, 2 Unknown."),
    "no input": ("small", "", "--input: a module needs the shape of one sample"),
    "comma": ("small", "--input 3,8,8", "joined by x, such as 3x224x224; got '3,8,8'"),
    "zero": ("small", "--input 3x0x8", "whole numbers above 0"),
    "trailing": ("small", "--input 3x8x", "joined by x"),
    "batch": ("small", "--input 3x8x8 --batch-dim 4", "--batch-dim: must be 0 to 3"),
    "negative": ("small", "--input 3x8x8 --batch-dim -1", "--batch-dim: must be 0 to 3"),
    "samples": ("small", "--input 3x8x8 --samples 0", "--samples: must be 1 or more"),
    "shape": ("small", "--input 2x8x8", "refuses random inputs of (1, 2, 8, 8): RuntimeError"),
    "lines": ("Sequences", "--input 7x5", "ValueError: batch of 2 expected. --input is the shape"),
    "name": ("smal", "--input 3", "nets_of_users has no 'smal'"),
    "number": ("number", "--input 3", "must be a torch module, or give one when called; got int"),
    "text": ("text", "--input 3", "must give a torch module; got str"),
    "broken": ("broken", "--input 3", "calling it failed: RuntimeError: two lines"),
    "argument": ("small", "--input 3x8x8 --set depth=2", "unexpected keyword argument 'depth'"),
    "made": ("made", "--input 3x8x8 --set width=2", "is a module already; it takes no arguments"),
    "chip": ("small", "--input 3x8x8 --chip speck2f", "--chip: needs the checkpoint of a training"),
    "html": ("small", "--input 3x8x8 --html p.html", "--html: needs the checkpoint"),
    "pricing": ("small", "--input 3x8x8 --convention affine", "of a module must be one of exact,"),
}  # fmt: skip


def refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert message in captured.err


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_priced_is_one_line(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, options, message = BAD[case]
    arguments = ["energy", f"nets_of_users:{name}", *options.split(), "--out", "o.json"]
    refused(arguments, message, capsys)
    assert not (folder / "o.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_such_nets:small", "--input", "3"], "cannot import no_such_nets: ModuleNotFoundError"),
        (
            ["nets_that_fail:small", "--input", "3"],
            "cannot import nets_that_fail: OSError: no disk",
        ),
        (["run.safetensors", "--input", "3"], "--input: is for package.module:factory"),
        (["run.safetensors", "--set", "a=1"], "--set: is for package.module:factory"),
    ],
)
def test_targets_that_are_none(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(["energy", *arguments], message, capsys)
