"""Streets from nothing to energy, cut down: generated, trained on, evaluated, counted."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neurospike import models
from neurospike.cli.main import app

SETTINGS = [
    'data.arguments={task="detect", scans={train=8, val=2, test=3}}',
    "training.validate_every=1",
    "training.epochs=1",
    "model.arguments.channels=[8, 8, 16]",
    "model.arguments.out_channels=8",
    "model.arguments.bev_channels=[8, 16]",
    "model.arguments.bev_layers=[1, 1]",
    "model.arguments.up_channels=16",
    "detect.least_score=0.005",
]


@pytest.fixture(scope="module", params=[True, False], ids=["spiking", "relu"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("open3d")
    home, out = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("run")
    settings = [*SETTINGS, f"model.arguments.spiking={str(request.param).lower()}"]
    options = [word for setting in settings for word in ("--set", setting)]
    said = CliRunner().invoke(
        app,
        ["train", "streets-detect", "--out", str(out), *options],
        env={"HOME": str(home)},
        catch_exceptions=False,
    )
    assert said.exit_code == 0, said.output
    assert "AP, best validation" in said.output
    return out


def test_streets_are_learnt_evaluated_and_counted(run: Path) -> None:
    best = str(run / "best.safetensors")
    result = json.loads((run / "result.json").read_text())
    assert (result["recipe"], result["score"]) == ("streets-detect", "AP")
    assert result["test_samples"] == 3
    runner = CliRunner()
    said = runner.invoke(app, ["evaluate", best, "--no-unary", "--json"], catch_exceptions=False)
    found = json.loads(said.output)
    assert found["accuracy"] == pytest.approx(result["test_accuracy"], abs=1e-6)
    assert set(found["details"]["ap"]) == {"Car", "Pedestrian", "Cyclist"}
    said = runner.invoke(app, ["energy", best, "--samples", "1", "--json"], catch_exceptions=False)
    counted = json.loads(said.output)
    spiking, twin = counted["spiking"], counted["twin"]
    assert twin["macs"] > 0
    # Two steps of training leave BatchNorm far from what it will know: few spikes, or none.
    if models.read_info(best).arguments["spiking"]:
        assert 0 < spiking["energy_pj"] < twin["energy_pj"]
    else:
        assert spiking["energy_pj"] == pytest.approx(twin["energy_pj"])
