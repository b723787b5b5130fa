"""``neurospike chips``."""

import json
from pathlib import Path

import pytest

from neurospike import hw
from neurospike.cli.main import main


def test_list_names_every_chip(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chips", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == hw.list_chips()
    assert main(["chips", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert list(listed) == hw.list_chips()
    assert listed["loihi1_sanafe"]["cores"] == 128
    assert listed["horowitz45"]["evidence"] == {"estimated": 18}


def test_show_prints_numbers_with_their_sources(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["chips", "show", "loihi1_sanafe"]) == 0
    out = capsys.readouterr().out
    for text in ("synop_dense", "35.5 (23.6 .. 35.5)", "derived", "Davies et al. 2018, Table 2"):
        assert text in out
    assert "\x1b" not in out


def test_show_json_is_the_whole_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chips", "show", "speck2f", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["limits"]["kernel_words"]["value"][5] == 65536
    assert document["prices"]["synop"]["evidence"] == "estimated"
    assert "synop_dense" not in document["prices"]


def test_show_checks_a_file_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chip = hw.load_chip("odin")
    path = tmp_path / "mine.toml"
    path.write_text(f'name = "mine"\ntitle = "{chip.title}"\n', "utf-8")
    assert main(["chips", "show", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"neurospike: {path}: node: is missing")
    assert len(captured.err.splitlines()) == 1


def test_unknown_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chips", "show", "loihi9"]) == 2
    assert "must be one of horowitz45" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["list", "show"])
def test_help_has_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["chips", verb, "--help"]) == 0
    assert f"Example: neurospike chips {verb}" in capsys.readouterr().out
