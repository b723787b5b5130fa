"""``neurospike energy --chip`` as users call it, on networks that were never trained."""

import json
from pathlib import Path
from typing import Any

import pytest

from neurospike import hw
from neurospike.cli.main import main
from neurospike.train.sweeping.opening import open_checkpoint, read_subject
from tests.train.sweeping.checkpoints import clouds, tones
from tests.viz.chromium import Chromium, needs_chromium

Capture = pytest.CaptureFixture[str]
LOIHI = ["--chip", "loihi1_sanafe"]
SPECK = ["--chip", "speck2f"]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tones(tmp_path_factory.mktemp("sound") / "best.safetensors"))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(clouds(tmp_path_factory.mktemp("cloud") / "best.safetensors"))


def ran(capsys: Capture, *arguments: str) -> dict[str, Any]:
    assert main(["energy", *arguments, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_energy_is_the_mean_of_the_samples_with_its_interval(sound: str, capsys: Capture) -> None:
    document = ran(capsys, sound, "--samples", "3", *LOIHI, *SPECK)
    loihi, speck = document["chips"]
    chip = hw.load_chip("loihi1_sanafe")
    subject = read_subject(
        open_checkpoint(sound), {}, samples=3, steps=0, convention="per_activity"
    )
    network = hw.lower(subject.model, subject.inputs[0])
    placement = hw.place(network, chip)
    each = [
        hw.price(hw.emulate(network, x, placement), chip).energy_pj.nominal for x in subject.inputs
    ]
    mean = sum(each) / 3
    assert loihi["energy_pj"]["nominal"] == pytest.approx(mean)
    assert loihi["energy_pj"]["low"] <= mean <= loihi["energy_pj"]["high"]
    deviation = (sum((one - mean) ** 2 for one in each) / 2) ** 0.5
    assert loihi["energy_ci95_pj"] == pytest.approx(4.3027 * deviation / 3**0.5, rel=1e-3)
    assert loihi["placement"]["cores"] >= loihi["placement"]["lower_bound"] >= 1
    assert loihi["samples"] == document["samples"] == 3
    # Speck has no delays: it says so, and the other chip is priced all the same.
    assert "max_delay" in speck["refused"]
    names = [row["network"] for row in document["accuracy"]]
    assert names == ["torch, real numbers", "loihi1_sanafe, real numbers"]
    assert document["accuracy"][0]["accuracy"] == document["accuracy"][1]["accuracy"]


def test_processes_change_nothing(sound: str, capsys: Capture) -> None:
    arguments = [sound, "--samples", "4", *LOIHI, "--quantise", "--against", "quantised-twin"]
    assert ran(capsys, *arguments) == ran(capsys, *arguments, "--workers", "2")


def test_the_table_says_what_there_is_and_what_is_missing(
    sound: str, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "numbers.json"
    arguments = ["energy", sound, "--samples", "2", *LOIHI, *SPECK, "--quantise"]
    assert main([*arguments, "--against", "ann-twin", "--verify", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    for part in (
        "mean of 2 test samples, convention 'per_activity', integers",
        "does not fit",
        "speck2f: hw.place.network: must fit speck2f",
        "without a price, so not in it",
        "accuracy, loihi1_sanafe, 8-bit weights, 24-bit membranes",
        "quantised twin, skipping zeros",
        "ANN twin",
        "break-even density",
        "measured spike density",
        "Passed: at most 1 of a million differs",
        "Passed: spike for spike",
    ):
        assert part in text, part
    document = json.loads(out.read_text(encoding="utf-8"))
    assert document["verification"]["passed"]
    assert [one["name"] for one in document["against"]["entrants"]][-1] == "ANN twin"


@needs_chromium
def test_the_page_of_voxels_on_two_chips_is_alive(
    cloud: str, tmp_path: Path, capsys: Capture
) -> None:
    page = tmp_path / "chips.html"
    arguments = ["energy", cloud, "--samples", "2", *LOIHI, *SPECK, "--chip", "loihi2_candidate"]
    assert main([*arguments, "--against", "ann-twin", "--html", str(page), "--quantise"]) == 0
    assert f"page: {page}" in capsys.readouterr().out
    with Chromium(tmp_path / "profile") as browser:
        browser.open(page)
        tabs = browser.run('[...document.querySelectorAll("[role=tab]")].map(tab => tab.id)')
        assert tabs == [
            f"tab-{name}"
            for name in ("overview", "energy", "addressing", "cores", "spikes", "latency",
                         "accuracy", "opponents", "sources")
        ]  # fmt: skip
        for tab in tabs:
            browser.click(f"#{tab}")
            empty = """[...document.querySelectorAll(".plot")].filter(
                place => place.offsetParent !== null && !place.querySelector(".main-svg")).length"""
            assert browser.run(empty) == 0
        choices = '[...document.querySelectorAll("[data-choose]")].map(b => b.dataset.choose)'
        assert browser.run(choices) == ["loihi1_sanafe", "loihi2_candidate"]
        assert browser.complaints == []
        assert [one for one in browser.requests if not one.startswith("data:")] == [page.as_uri()]


def test_options_reach_the_emulation(cloud: str, capsys: Capture) -> None:
    arguments = [cloud, "--samples", "1", *LOIHI]
    counts = {}
    for options in (
        (),
        ("--mode", "graded"),
        ("--gate", "spike"),
        ("--generator", "rulebook"),
    ):
        (chip,) = ran(capsys, *arguments, *options)["chips"]
        counts[options] = {**chip["unpriced"], **{r["cause"]: r["count"] for r in chip["rows"]}}
    plain = counts[()]
    assert "graded_synops" in counts["--mode", "graded"]
    assert "marks" in counts["--gate", "spike"]
    assert "probes" in plain
    assert "probes" not in counts["--generator", "rulebook"]


def test_a_network_that_fits_no_chip_is_one_line_and_code_2(
    cloud: str, tmp_path: Path, capsys: Capture
) -> None:
    page = tmp_path / "chips.html"
    assert main(["energy", cloud, *SPECK, "--samples", "1", "--html", str(page)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "must fit speck2f" in said.err
    assert not page.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--html", "a.html"], "--html: needs a chip"),
        (["--quantise"], "--quantise: needs a chip"),
        (["--against", "ann-twin"], "--against: needs a chip"),
        (["--convention", "affine"], "without --chip must be one of exact, paper"),
        ([*LOIHI, "--convention", "paper"], "with --chip must be one of per_activity, affine"),
        ([*LOIHI, "--against", "goliath"], "must be one of ann-twin, quantised-twin"),
        ([*LOIHI, "--workers", "0"], "--workers: must be 1 or more"),
        ([*LOIHI, "--samples", "0"], "--samples: must be 1 or more"),
        (["--chip", "abacus"], "must be one of"),
        (["--out", "/dev/null/o.json"], "cannot be written"),
        ([*LOIHI, "--html", "/dev/null/o.html"], "cannot be written"),
        ([*LOIHI, "--dataset", "solids"], "must have the classes"),
        ([*LOIHI, "--convention", "affine"], "affine"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_code_2(
    sound: str, arguments: list[str], message: str, capsys: Capture
) -> None:
    assert main(["energy", sound, *arguments]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_without_a_chip_the_emulation_can_be_verified(sound: str, capsys: Capture) -> None:
    document = ran(capsys, sound, "--samples", "2", "--verify")
    assert document["verification"]["passed"]
    assert document["spiking"]["synops"] > 0
