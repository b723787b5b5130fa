"""docs/chips.md: its tables are those of the files, its example is a chip."""

import importlib.util
import re
from pathlib import Path

from neurospike import hw

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "chips.md"


def test_tables_are_those_of_the_files() -> None:
    spec = importlib.util.spec_from_file_location("chips_page", ROOT / "tools" / "chips_page.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    text = PAGE.read_text("utf-8")
    assert tool.page(text) == text, "run: python tools/chips_page.py"


def test_the_example_is_a_chip(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "my_chip.toml"
    path.write_text(example, "utf-8")
    chip = hw.load_chip(path)
    assert chip.name == "my_chip"
    assert chip.prices.synop.range == (4.0, 5.0, 7.5)
