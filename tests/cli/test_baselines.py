"""``neurospike baselines``: a row a family, as text and as JSON."""

import json
import sys

import pytest

from neurospike.baselines import registry
from neurospike.cli.main import main

SOME = ("ann-twin:delay_net", "ast", "hornet", "pointnet", "swin", "vit")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_KNOWN", {name: registry.find(name) for name in SOME})


def test_json_holds_sizes_and_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers")
    assert main(["baselines", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert list(rows) == list(SOME)
    assert rows["swin"]["published"]["parameters"] == rows["swin"]["published"]["built"]
    assert rows["swin"]["published"]["built"] == 28_288_354
    assert rows["swin"]["image_sizes"] == "multiples of 32"
    assert rows["hornet"]["image_sizes"] == "from 32, cpu 16"
    assert rows["ast"]["published"]["image_size"] == [128, 1024]
    assert rows["ast"]["cpu"]["in_channels"] == 1
    assert rows["pointnet"]["takes"] == "points"
    assert rows["hornet"]["extra"] is None
    assert rows["vit"]["extra"] == "baselines"
    assert all(0.2e6 < row["cpu"]["parameters"] < 2e6 for row in rows.values())
    twin = rows["ann-twin:delay_net"]
    assert twin["published"]["parameters"] == twin["cpu"]["parameters"] == 214_016


def test_text_has_a_line_a_family(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setitem(sys.modules, "transformers.models.swin", None)
    assert main(["baselines"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in SOME:
        assert sum(f" {name} " in line for line in lines) == 1, name
    swin = next(line for line in lines if " swin " in line)
    assert "28.29 M" in swin  # known without the library; the small size is not
    assert "arXiv:2103.14030" in swin
    assert "not installed: pip install 'neurospike[baselines]'" in lines
    assert any(line.startswith("timm:NAME") for line in lines)
