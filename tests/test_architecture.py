"""The arrows of the layout: who may import whom."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LEAVES = {"errors", "files"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "files": set(),
    "functional": set(),
    "kernels": {"functional"},
    "sparse": {"kernels"},
    "metrics": {"kernels"},
    "nn": {"functional", "sparse", "kernels"},
    "encoders": {"nn", "sparse", "kernels", "functional"},
    "models": {"nn", "sparse", "encoders", "kernels"},
    "baselines": {"models", "nn", "sparse", "encoders", "kernels"},
    "datasets": set(),
    "viz": set(),
    "hw": {"nn", "sparse", "kernels", "viz"},
    "interop": {"nn", "hw"},
    "runtime": {"nn", "encoders"},
    "testing": {"nn", "sparse", "kernels", "functional"},
    "train": {"models", "baselines", "metrics", "datasets", "encoders", "nn", "viz", "hw"},
}
ANYTHING_BUT = {"bench": {"cli", "testing"}, "cli": {"testing"}, "__main__": {"testing"}}


def modules() -> list[tuple[str, Path]]:
    inside = [(p.relative_to(ROOT / "neurospike"), p) for p in ROOT.glob("neurospike/**/*.py")]
    beside = [
        (p.relative_to(ROOT), p) for top in ("hw", "datasets") for p in ROOT.glob(f"{top}/**/*.py")
    ]
    return [(relative.parts[0].removesuffix(".py"), path) for relative, path in inside + beside]


def imported_parts(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            found |= {f"{base}.{a.name}" for a in node.names} if base == "neurospike" else {base}
    return {name.split(".")[1] for name in found if re.match(r"neurospike\.\w", name)}


@pytest.mark.parametrize("part", sorted([*MAY_IMPORT, *ANYTHING_BUT]))
def test_part_imports_only_what_the_layout_allows(part: str) -> None:
    for owner, path in modules():
        if owner != part:
            continue
        others = imported_parts(path) - {part, *LEAVES, "__version__"}
        if part in MAY_IMPORT:
            assert others <= MAY_IMPORT[part], f"{path}: {others - MAY_IMPORT[part]}"
        else:
            assert not others & ANYTHING_BUT[part], f"{path}: {others}"


def test_every_part_is_under_a_rule() -> None:
    parts = {owner for owner, _ in modules()} - {"__init__"}
    assert parts <= {*MAY_IMPORT, *ANYTHING_BUT}


def test_every_folder_of_code_is_packaged() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    named = set(project["tool"]["setuptools"]["packages"])
    inside = {
        ".".join(p.parent.relative_to(ROOT).parts) for p in ROOT.glob("neurospike/**/__init__.py")
    }
    beside = {
        ".".join(("neurospike", *p.parent.relative_to(ROOT).parts))
        for top in ("hw", "datasets")
        for p in ROOT.glob(f"{top}/**/__init__.py")
    }
    assert named == inside | beside


def test_imports_are_absolute() -> None:
    for _, path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}:{node.lineno}"
