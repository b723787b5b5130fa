"""A page of scenes in a real browser: it draws, and asks nobody for anything."""

import shutil
from pathlib import Path

import numpy as np

from neurospike import viz
from tests.viz.chromium import Chromium, needs_chromium


@needs_chromium
def test_scenes_are_drawn_and_nothing_is_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(-30, 30, (500, 2)), rng.normal(-1.7, 0.1, (500, 2))], 1)
    boxes = viz.scene_boxes([[10.0, 2, -0.9, 4, 1.6, 1.5, 0.3]], ["Car"], [0.9])
    scenes = [
        viz.scan_scene(points, detected=boxes, title="boxes"),
        viz.scan_scene(points, point_labels=np.arange(500) % 2, classes=("car", "road")),
    ]
    page = viz.scene_page("Scenes", scenes, tmp_path / "page.html", tables={"Boxes": [{"a": 1}]})
    profile = tmp_path / "profile"
    with Chromium(profile) as browser:
        browser.open(page)
        browser.wait("document.querySelectorAll('.plot canvas').length >= 2")
        names = browser.run(
            "[...document.querySelectorAll('.plot')].map(p => p.data.map(t => t.name))"
        )
        # Without a graphics card Chromium warns of its own way to draw.
        own = ("WebGL", "willReadFrequently", "GPU stall", "GL Driver")
        complaints = [c for c in browser.complaints if not any(word in c for word in own)]
        requests = [url for url in browser.requests if not url.startswith(("file:", "blob:"))]
    shutil.rmtree(profile, ignore_errors=True)
    assert names[0][1:] == ["points", "Car"]
    assert names[1][1:] == ["car", "road"]
    assert not complaints
    assert not [url for url in requests if not url.startswith("data:")]
