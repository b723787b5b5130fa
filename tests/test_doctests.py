"""Every example in a docstring runs, under the names that users import."""

import doctest
import importlib
import pkgutil

import pytest

import neurospike

OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def module_names() -> list[str]:
    found = [neurospike.__name__]
    for part in neurospike.__all__:
        package = importlib.import_module(f"neurospike.{part}")
        found.append(package.__name__)
        if hasattr(package, "__path__"):
            prefix = f"{package.__name__}."
            found += [m.name for m in pkgutil.walk_packages(package.__path__, prefix)]
    return found


@pytest.mark.parametrize("name", module_names())
def test_examples_run(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "triton":  # an extra; only kernels for a GPU import it
            raise
        pytest.skip("triton is not installed")
    failed, _ = doctest.testmod(module, optionflags=OPTIONS)
    assert failed == 0
