"""Reports of single samples add up to the report of all of them."""

from dataclasses import replace

import pytest

from neurospike import hw
from neurospike.errors import ArgumentError
from neurospike.hw.report_mean import mean_report

from .tally.cases import Case, dense_net


def test_the_mean_of_single_samples_is_the_report_of_both() -> None:
    cases = [Case(dense_net(), seed=seed) for seed in (0, 1)]
    placement = cases[0].placement()
    one, other = (hw.replay(case.network, case.spikes, placement) for case in cases)
    together = {name: [case.spikes[name] for case in cases] for name in cases[0].spikes}
    both = hw.price(hw.replay(cases[0].network, together, placement), "loihi1_sanafe")
    mean = mean_report([hw.price(trace, "loihi1_sanafe") for trace in (one, other)])
    assert mean.samples == 2
    for name in ("energy_pj", "latency_s", "static_pj", "power_w"):
        a, b = getattr(mean, name), getattr(both, name)
        assert (a.low, a.nominal, a.high) == pytest.approx((b.low, b.nominal, b.high))
        assert a.evidence == b.evidence
    assert mean.unpriced == pytest.approx(both.unpriced)
    assert mean.sensitivity == pytest.approx(both.sensitivity)
    rows = {(row.element, row.cause, row.price): row.count for row in both.rows}
    assert {(row.element, row.cause, row.price): row.count for row in mean.rows} == (
        pytest.approx(rows)
    )


def test_reports_of_two_chips_have_no_mean() -> None:
    case = Case(dense_net())
    trace = hw.replay(case.network, case.spikes)
    reports = [hw.price(trace, name) for name in ("loihi1_sanafe", "horowitz45")]
    with pytest.raises(ArgumentError, match="one chip and one convention"):
        mean_report(reports)
    with pytest.raises(ArgumentError, match="one chip and one convention"):
        mean_report([])
    unknown = replace(reports[0], latency_s=None)
    assert mean_report([reports[0], unknown]).latency_s is None
