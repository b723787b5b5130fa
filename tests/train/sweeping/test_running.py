import json
from pathlib import Path
from typing import Any

import pytest

from neurospike.errors import ArgumentError, DataError
from neurospike.hw import load_chip
from neurospike.train.sweeping.folder import FAILED, MEASURED, UNFIT, Point, SweepFolder
from neurospike.train.sweeping.fronts import fronts, half_width, pareto_front, wilson
from neurospike.train.sweeping.grid import Axes, Job, Trained, plan, points_of
from neurospike.train.sweeping.measuring import blank_point
from neurospike.train.sweeping.pages import document, table, write_pages
from neurospike.train.sweeping.running import load_chips, measure_all

CHIPS = {name: load_chip(name) for name in ("loihi1_sanafe", "speck2f")}
DIGESTS = dict.fromkeys(CHIPS, "0")
ABOUT = {"checkpoint": "a", "name": "toy", "samples": 10, "convention": "per_activity"}


class Toy:
    """Stands in for the emulator: more bits cost more and are right more often."""

    def __init__(self) -> None:
        self.seen: list[Job] = []
        self.breaks_at: int | None = None
        self.stops_after: int | None = None

    def __call__(self, _subject: Any, job: Job) -> list[Point]:
        if len(self.seen) == self.stops_after:
            raise KeyboardInterrupt
        self.seen.append(job)
        bits = job.setting.weight_bits or 32
        if bits == self.breaks_at:
            raise ArgumentError("toy.bits: broken; got them.")
        return [self.point(chip, job, bits) for chip in job.chips]

    @staticmethod
    def point(chip: str, job: Job, bits: int) -> Point:
        point = blank_point(chip, job.setting)
        if chip == "speck2f" and bits > 8:
            return {**point, "status": UNFIT, "reason": "weight_bits: at most 8"}
        share = min(bits, 8) / 10
        energy = {"low": 90.0 * bits, "nominal": 100.0 * bits, "high": 110.0 * bits}
        return {
            **point,
            "status": MEASURED,
            "accuracy": share,
            "accuracy_low": share - 0.1,
            "accuracy_high": share + 0.1,
            "energy_pj": {**energy, "evidence": "estimated"},
            "latency_s": None,
            "sensitive_to": "synop",
            "unpriced": ["probes", "marks"],
            "cores": 1,
        }


def jobs_of(*bits: Any) -> list[Job]:
    return plan(Axes(weight_bits=bits, membrane_bits=(16,)), CHIPS, Trained(1, 4))


def folder_at(path: Path, **changed: Any) -> SweepFolder:
    return SweepFolder(path, {**ABOUT, **changed}, DIGESTS)


def measured(path: Path, jobs: list[Job], toy: Toy) -> list[Point]:
    return measure_all(jobs, None, folder_at(path), task=toy, workers=1)


def test_equal_settings_are_emulated_once_for_all_chips() -> None:
    jobs = plan(
        Axes(weight_bits=("chip", 8, "float"), membrane_bits=(16, 24)), CHIPS, Trained(1, 4)
    )
    assert [job.setting.key for job in jobs] == [
        "T1-D4-w8-m16-x1.0",
        "T1-D4-w8-m24-x1.0",
        "T1-D4-float-x1.0",
    ]
    assert all(job.chips == ("loihi1_sanafe", "speck2f") for job in jobs)
    own = plan(Axes(), CHIPS, Trained(None, None))
    assert [(job.setting.key, job.chips) for job in own] == [
        ("w8-m24-x1.0", ("loihi1_sanafe",)),
        ("w8-m16-x1.0", ("speck2f",)),
    ]


def test_an_interrupted_sweep_goes_on_where_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    jobs = jobs_of(2, 4, 6, 16)
    toy = Toy()
    toy.stops_after = 2
    with pytest.raises(KeyboardInterrupt):
        measured(tmp_path, jobs, toy)
    assert len(list((tmp_path / "points").iterdir())) == 4
    assert "4 of 8 points are kept; the same command goes on" in caplog.text
    # A damaged file, as a disk that was full leaves it, counts as none.
    damaged = tmp_path / "points" / "speck2f-T1-D4-w2-m16-x1.0.json"
    damaged.write_text(damaged.read_text()[:20])
    later = Toy()
    points = measured(tmp_path, jobs, later)
    assert [(j.setting.weight_bits, j.chips) for j in later.seen] == [
        (2, ("speck2f",)),
        (6, tuple(CHIPS)),
        (16, tuple(CHIPS)),
    ]
    assert points == measured(tmp_path / "unbroken", jobs, Toy())
    nothing = Toy()
    measured(tmp_path, jobs, nothing)
    assert not nothing.seen


def test_more_values_measure_only_what_is_new(tmp_path: Path) -> None:
    measured(tmp_path, jobs_of(2, 4), Toy())
    more = Toy()
    points = measured(tmp_path, jobs_of(4, 6), more)
    assert [job.setting.weight_bits for job in more.seen] == [6]
    assert [point["setting"]["weight_bits"] for point in points] == [4, 4, 6, 6]


def test_a_point_that_fails_is_kept_with_its_reason_and_tried_again(tmp_path: Path) -> None:
    toy = Toy()
    toy.breaks_at = 4
    jobs = jobs_of(2, 4, 6)
    points = measured(tmp_path, jobs, toy)
    assert [p["status"] for p in points] == [MEASURED] * 2 + [FAILED] * 2 + [MEASURED] * 2
    assert points[2]["reason"] == "toy.bits: broken; got them."
    again = Toy()
    assert all(p["status"] == MEASURED for p in measured(tmp_path, jobs, again))
    assert [job.setting.weight_bits for job in again.seen] == [4]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"samples": 20}, "holds a sweep with samples 10; got 20. Choose another folder"),
        ({"checkpoint": "b"}, 'holds a sweep with checkpoint "a"; got "b"'),
    ],
)
def test_another_sweep_is_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    folder_at(tmp_path)
    before = (tmp_path / "sweep.json").read_text()
    with pytest.raises(ArgumentError, match=message):
        folder_at(tmp_path, **changed)
    assert (tmp_path / "sweep.json").read_text() == before


def test_a_changed_chip_is_refused_and_a_new_one_joins(tmp_path: Path) -> None:
    SweepFolder(tmp_path, ABOUT, {"a": "1"})
    SweepFolder(tmp_path, ABOUT, {"b": "2"})
    with pytest.raises(ArgumentError, match="another version of chip a"):
        SweepFolder(tmp_path, ABOUT, {"b": "2", "a": "3"})
    assert json.loads((tmp_path / "sweep.json").read_text())["chips"] == {"a": "1", "b": "2"}
    (tmp_path / "sweep.json").write_text("{")
    with pytest.raises(DataError, match=r"sweep\.json: damaged"):
        SweepFolder(tmp_path, ABOUT, {"a": "1"})


def test_the_front_holds_what_no_other_beats(tmp_path: Path) -> None:
    points = measured(tmp_path, jobs_of(2, 8, 16), Toy())
    of = fronts(points)
    assert of["loihi1_sanafe"] == [f"loihi1_sanafe-T1-D4-w{w}-m16-x1.0" for w in (2, 8)]
    assert of["speck2f"] == [f"speck2f-T1-D4-w{w}-m16-x1.0" for w in (2, 8)]
    # Two points of one energy and accuracy are both on the front.
    assert len(pareto_front(points)) == 4


def test_intervals_of_shares_and_means() -> None:
    low, high = wilson(0, 10)
    assert low == 0
    assert high == pytest.approx(0.2775, abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    assert half_width([1.0]) == 0
    # Quantiles of Student's t as tables print them; the standard error is 1 in each.
    for count, quantile in ((2, 12.706), (3, 4.303), (6, 2.571), (11, 2.228), (101, 1.984)):
        spread = ((count - 1) / 2) ** 0.5 * count**0.5
        values = [spread, -spread] + [0.0] * (count - 2)
        assert half_width(values) == pytest.approx(quantile, rel=2e-3)


def test_pages_hold_every_point_and_every_reason(tmp_path: Path) -> None:
    points = measured(tmp_path, jobs_of(2, 4, 8, 16), Toy())
    found = document(ABOUT, points)
    made = write_pages(found, tmp_path)
    assert [path.name for path in made] == ["pareto.json", "pareto.png", "pareto.html"]
    assert json.loads(made[0].read_text()) == found
    page = made[2].read_text()
    assert page.count("loihi1_sanafe") >= 4
    assert "weight_bits: at most 8" in page
    assert "http" not in page.replace("http-equiv", "")
    text = table(found).splitlines()
    assert text[0].split()[:4] == ["chip", "T", "D", "weights"]
    assert "speck2f-T1-D4-w16-m16-x1.0: does not fit: weight_bits: at most 8" in text
    assert sum(line.endswith("*") for line in text) == 6
    assert "speck2f: estimated; no price for marks, probes" in text
    few = table(found, most=6).splitlines()
    assert len(few) == len(text)
    assert "and 1 points that others of their chip beat" in few


def test_a_sweep_without_a_result_has_a_page_without_a_figure(tmp_path: Path) -> None:
    toy = Toy()
    toy.breaks_at = 2
    made = write_pages(document(ABOUT, measured(tmp_path, jobs_of(2), toy)), tmp_path)
    assert [path.name for path in made] == ["pareto.json", "pareto.html"]
    assert "toy.bits: broken" in made[1].read_text()


BAD: dict[str, tuple[Axes, Trained, str]] = {
    "no D": (Axes(max_spikes=(2,)), Trained(1, None), "no integer neurons"),
    "no T": (Axes(steps=(2,)), Trained(None, 4), "makes no time steps"),
    "zero steps": (Axes(steps=(0,)), Trained(1, 4), "steps: must be 1 or more; got 0"),
    "one bit": (Axes(weight_bits=(1,)), Trained(1, 4), "weight_bits: must be 2 or more; got 1"),
    "no bits": (Axes(membrane_bits=()), Trained(1, 4), "membrane_bits: must have a value"),
    "threshold": (Axes(thresholds=(1.0, -2.0)), Trained(1, 4), "factors above 0.*got -2"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_axes_are_refused(case: str) -> None:
    axes, trained, message = BAD[case]
    with pytest.raises(ArgumentError, match=message):
        plan(axes, CHIPS, trained)


def test_a_chip_that_states_no_width_needs_numbers() -> None:
    chips = {"horowitz45": load_chip("horowitz45")}
    with pytest.raises(ArgumentError, match="horowitz45, which does not"):
        plan(Axes(), chips, Trained(1, 4))
    keys = points_of(plan(Axes(weight_bits=("float",)), chips, Trained(1, 4)))
    assert keys == ["horowitz45-T1-D4-float-x1.0"]


def test_chips_have_names_of_their_own(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    shipped = Path(__file__).resolve().parents[3] / "hw" / "chips" / "speck2f.toml"
    own.write_text(shipped.read_text("utf-8"), "utf-8")
    assert list(load_chips(["speck2f", "speck2f"])) == ["speck2f"]
    with pytest.raises(ArgumentError, match="two called speck2f"):
        load_chips(["speck2f", own])
    with pytest.raises(ArgumentError, match="got none"):
        load_chips([])
