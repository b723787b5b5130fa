"""The demonstration, cut down: everything that it promises is in its folder."""

import json
from pathlib import Path
from typing import Any

from neurospike.train import Recipe, load_recipe, parse_recipe, run_demo


def reduced(name: str, data: dict[str, Any], model: dict[str, Any]) -> Recipe:
    content = load_recipe(name).model_dump(mode="json")
    content["data"]["arguments"] = data
    content["model"]["arguments"] |= model
    content["training"] |= {"epochs": 1, "batch_size": 8}
    if content["voxels"]:
        content["voxels"]["size"] = 0.15
    return parse_recipe(content, origin="test")


def test_both_halves_land_in_one_page(tmp_path: Path) -> None:
    lines: list[str] = []
    result = run_demo(
        tmp_path,
        say=lines.append,
        recipe=reduced("demo", {"size": 24, "points": 128}, {}),
        sound_recipe=reduced("spoken-tones", {"size": 24}, {"hidden": 8}),
        progress=False,
    )
    assert [line[:3] for line in lines] == ["1/6", "2/6", "3/6", "4/6", "5/6", "6/6"]
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "Words of tones" in page
    assert page.count("<figure") == 6
    assert "http" not in page.split("<main", 1)[1]
    assert json.loads((tmp_path / "result.json").read_text())["sound_parameters"] == (
        result.sound_parameters
    )
    assert result.sound_synops > 0
    assert result.sound_twin_macs > 0
    for chip in (result.chip, result.sound_chip):
        assert 0 < chip.low_pj <= chip.energy_pj <= chip.high_pj < chip.total_pj
        assert chip.cores >= chip.least_cores >= 1
        assert Path(chip.page).is_file()
    assert "energy on Loihi 1" in page
