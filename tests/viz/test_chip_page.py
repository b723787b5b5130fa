"""The page of a chip in a real browser: it renders, reacts, is silent and asks for nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurospike import viz
from neurospike.errors import ArgumentError, DataError
from neurospike.viz._chip_figures import energy_figure

from .chip_pages import chip, page
from .chromium import Chromium, needs_chromium

TABS = ("Overview", "Energy", "Addressing", "Cores", "Spikes", "Latency", "Accuracy",
        "Opponents", "Sources")  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return viz.chip_page(page(), tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture(scope="module")
def browser(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as found:
        found.open(written)
        yield found
        assert found.complaints == []
        assert [a for a in found.requests if not a.startswith("data:")] == [written.as_uri()]


def show(browser: Chromium, tab: str) -> int:
    """Open a tab; give the number of figures that it shows."""
    browser.click(f"#tab-{tab.lower()}")
    return int(
        browser.run(
            """[...document.querySelectorAll(".plot")].filter(
                place => place.offsetParent !== null
                    && place.querySelector(".main-svg").getBoundingClientRect().width > 300
            ).length"""
        )
    )


def test_bars_add_up_to_the_total() -> None:
    one = chip("a", 1.0)
    spec = energy_figure(one["rows"], one["energy"])
    assert len(spec["data"]) == 3
    drawn = sum(sum(trace["x"]) for trace in spec["data"])
    assert drawn == pytest.approx(one["energy"]["nominal"] / 1e6)
    for button in spec["layout"]["updatemenus"][0]["buttons"]:
        end = button["label"].split(":")[0]
        drawn = sum(sum(column) for column in button["args"][0]["x"])
        assert drawn == pytest.approx(one["energy"][end] / 1e6)


@needs_chromium
def test_every_tab_shows_its_own_part(browser: Chromium) -> None:
    for tab, figures in zip(TABS, (1, 1, 1, 1, 1, 1, 0, 0, 0), strict=True):
        assert show(browser, tab) == figures, tab
        open_panels = browser.run(
            """[...document.querySelectorAll("[role=tabpanel]")]
                .filter(panel => !panel.hidden).map(panel => panel.id)"""
        )
        assert open_panels == [tab.lower()]
        text = browser.run(f'document.getElementById("{tab.lower()}").innerText')
        assert len(text.strip()) > 40, tab
    assert browser.run('document.querySelector("h1").innerText') == "A <small> network"


@needs_chromium
def test_bars_say_what_they_are(browser: Chromium) -> None:
    show(browser, "Energy")
    bar = 'section[data-chip="loihi"] .plot .trace.bars .point path'
    browser.hover(bar)
    hover = browser.wait('document.querySelector(".hoverlayer .hovertext")?.textContent')
    assert "stem.conv" in hover
    assert "synops: 960 nJ (768 nJ to 1.15 µJ)" in hover
    assert "40,000 counted, simulated" in hover


@needs_chromium
def test_buttons_choose_low_and_high(browser: Chromium) -> None:
    show(browser, "Energy")
    place = 'document.querySelector("section[data-chip=loihi] .plot")'
    first = browser.run(f"{place}.data[0].x[0]")
    buttons = browser.run(
        f'[...{place}.querySelectorAll(".updatemenu-button")].map(b => b.textContent)'
    )
    assert [text.split(":")[0] for text in buttons] == ["low", "nominal", "high"]
    browser.click("section[data-chip=loihi] .plot .updatemenu-button:last-child")
    high = browser.wait(f"{place}.data[0].x[0] > {first} && {place}.data[0].x[0]")
    assert high == pytest.approx(1.2 * first)


@needs_chromium
def test_choosing_a_chip_shows_its_parts_alone(browser: Chromium) -> None:
    show(browser, "Energy")
    names = browser.run('[...document.querySelectorAll("[data-choose]")].map(b => b.innerText)')
    assert names == ["loihi", "other"]  # what does not fit has nothing to show
    browser.click('[data-choose="other"]')
    shown = """[...document.querySelectorAll("#energy section[data-chip]")]
        .filter(part => part.offsetParent !== null).map(part => part.dataset.chip)"""
    assert set(browser.run(shown)) == {"other"}
    assert browser.run(
        'document.querySelectorAll("#energy section[data-chip=other] .main-svg").length'
    )
    browser.click('[data-choose="loihi"]')
    assert set(browser.run(shown)) == {"loihi"}


@needs_chromium
def test_cores_can_be_coloured_by_each_layer(browser: Chromium) -> None:
    show(browser, "Cores")
    place = 'document.querySelector("section[data-chip=loihi] .plot")'.replace(
        "section", "#cores section"
    )
    assert browser.run(f"{place}.data.map(trace => trace.visible)") == [True, False]
    browser.hover("#cores section[data-chip=loihi] .plot .hm image")
    hover = browser.wait('document.querySelector("#cores .hoverlayer .hovertext")?.textContent')
    assert re.search(r"core \d.*of 1,024 neurons", hover)
    browser.click("#cores section[data-chip=loihi] .updatemenu-header")
    browser.wait(f'{place}.querySelectorAll(".updatemenu-dropdown-button").length === 2')
    browser.click("#cores section[data-chip=loihi] .updatemenu-dropdown-button:last-child")
    browser.wait(f"{place}.data[1].visible === true && {place}.data[0].visible === false")


@needs_chromium
def test_sources_can_be_filtered(browser: Chromium) -> None:
    show(browser, "Sources")
    visible = """[...document.querySelectorAll("#sources section[data-chip=loihi] tbody tr")]
        .filter(row => !row.hidden).map(row => row.cells[0].innerText)"""
    assert browser.run(visible) == ["synop_conv", "packet_out"]
    browser.run(
        """(() => { const box = document.querySelector("#sources [data-chip=loihi] .filter");
            box.value = "PACKET"; box.dispatchEvent(new Event("input")); return true; })()"""
    )
    assert browser.run(visible) == ["packet_out"]


@needs_chromium
def test_no_button_sends_a_figure_away(browser: Chromium) -> None:
    show(browser, "Energy")
    titles = """[...document.querySelectorAll(".modebar-btn")].map(
        button => button.getAttribute("data-title"))"""
    found = browser.run(titles)
    assert found
    assert not [title for title in found if re.search("share|cloud|plotly", title, re.I)]


@needs_chromium
def test_arrows_walk_the_tabs(browser: Chromium) -> None:
    show(browser, "Overview")
    browser.run('document.getElementById("tab-overview").focus()')
    right, left = "ArrowRight", "ArrowLeft"
    for name, panel in ((right, "energy"), (left, "overview"), (left, "sources")):
        for kind in ("keyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key=name, code=name)
        assert browser.run(f'!document.getElementById("{panel}").hidden')


def test_text_cannot_leave_its_place(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    assert "A &lt;small&gt; network" in text
    data = re.search(r'<script type="application/json" id="figures">(.*?)</script>', text, re.S)
    assert data is not None
    drawings = json.loads(data.group(1))
    assert drawings["figure-1"]["data"][0]["y"][-1] == "head &lt;&amp;&gt;"
    assert not re.search(r'<(script|link|img)[^>]+(src|href)=["\']?http', text)


def test_parts_that_are_missing_have_no_tab(tmp_path: Path) -> None:
    bare = {"title": "bare", "chips": [{"name": "a", "title": "A", "refused": "too big"}]}
    text = viz.chip_page(bare, tmp_path / "a.html").read_text(encoding="utf-8")
    assert re.findall(r'role="tab" id="tab-([\w-]+)"', text) == ["overview"]
    assert "does not fit: too big" in text


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="one chip or more"):
        viz.chip_page({"title": "none", "chips": []}, tmp_path / "a.html")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        viz.chip_page({"title": "a", "chips": [chip("a", 1.0)]}, tmp_path / "file" / "a.html")
