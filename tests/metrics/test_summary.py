"""summarise: means, spreads, averages and intervals, against pandas and by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from swinx.labels import FLARE23
from swinx.metrics import ALL_CLASSES, ORGAN_AVERAGE, score_column, score_columns, summarise


def random_table(cases: int = 12, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).random((cases, len(score_columns())))
    return pd.DataFrame(
        values, index=pd.Index([f"case{i}" for i in range(cases)], name="case"), columns=score_columns()
    )


def test_means_and_spreads_of_classes_are_those_of_pandas():
    table = random_table()
    table.iloc[:3, 0] = math.nan
    summary = summarise(table)
    for name in FLARE23.names[1:]:
        for metric in ("dsc", "nsd"):
            column, statistic = table[score_column(name, metric)], getattr(summary[name], metric)
            assert statistic.mean == pytest.approx(column.mean())
            assert statistic.sd == pytest.approx(column.std())
            assert statistic.cases == column.count()


def test_rows_are_the_classes_then_both_averages():
    names = [row.name for row in summarise(random_table()).rows]
    assert names == [*FLARE23.names[1:], ORGAN_AVERAGE, ALL_CLASSES]


def test_the_organ_average_leaves_out_the_tumor_and_the_average_does_not():
    table = random_table()
    table["tumor_dsc"] = 0.0
    summary = summarise(table)
    organs = [summary[name].dsc.mean for name in FLARE23.names[1:14]]
    assert summary[ORGAN_AVERAGE].dsc.mean == pytest.approx(sum(organs) / 13)
    assert summary[ALL_CLASSES].dsc.mean == pytest.approx(sum(organs) / 14)


def test_spread_of_an_average_is_the_spread_between_cases():
    table = random_table()
    per_case = table[[score_column(name, "nsd") for name in FLARE23.names[1:14]]].mean(axis=1)
    assert summarise(table)[ORGAN_AVERAGE].nsd.sd == pytest.approx(per_case.std())


def test_undefined_scores_are_left_out_and_counted():
    table = random_table(cases=4)
    table.loc[["case0", "case2"], ["gallbladder_dsc", "gallbladder_nsd"]] = math.nan
    row = summarise(table)["gallbladder"]
    assert row.left_out == 2
    assert row.dsc.mean == pytest.approx(
        (table.loc["case1", "gallbladder_dsc"] + table.loc["case3", "gallbladder_dsc"]) / 2
    )
    assert summarise(table)["liver"].left_out == 0


def test_a_class_that_no_case_has_is_undefined_and_spares_the_averages():
    table = random_table(cases=3)
    table[["tumor_dsc", "tumor_nsd"]] = math.nan
    summary = summarise(table)
    tumor = summary["tumor"].dsc
    assert tumor.cases == 0
    assert all(math.isnan(value) for value in (tumor.mean, tumor.sd, tumor.low, tumor.high))
    assert summary[ALL_CLASSES].dsc.mean == pytest.approx(summary[ORGAN_AVERAGE].dsc.mean)


def test_one_case_has_a_mean_but_no_spread_and_no_interval():
    summary = summarise(random_table(cases=1))
    liver = summary["liver"].dsc
    assert not math.isnan(liver.mean)
    assert all(math.isnan(value) for value in (liver.sd, liver.low, liver.high))


@pytest.mark.parametrize("cases", [2, 5, 7])
def test_fewer_than_eight_cases_have_no_interval(cases):
    for row in summarise(random_table(cases)).rows:
        assert math.isnan(row.dsc.low)
        assert math.isnan(row.nsd.high)


def test_eight_cases_of_one_patient_have_no_interval():
    table = random_table(8)
    summary = summarise(table, patients=dict.fromkeys(table.index, "anna"))
    assert summary.patients == summary["liver"].dsc.patients == 1
    assert summary["liver"].dsc.cases == 8
    assert math.isnan(summary["liver"].dsc.low)
    assert not math.isnan(summarise(table)["liver"].dsc.low)


def test_intervals_of_classes_and_averages_are_those_over_patients():
    table = random_table(30)
    patients = {case: f"p{number % 10}" for number, case in enumerate(table.index)}
    summary = summarise(table, patients)
    organs = [score_column(name, "dsc") for name in FLARE23.names[1:14]]
    for name, columns in (("liver", ["liver_dsc"]), (ORGAN_AVERAGE, organs)):
        means = table[columns].mean(axis=1).groupby(patients).mean()
        expected = stats.t.interval(0.95, 9, means.mean(), stats.sem(means))
        found = summary[name].dsc
        assert (found.low, found.high) == pytest.approx(expected)
        assert (found.cases, found.patients) == (30, 10)


def test_a_class_that_no_reference_has_is_shown_and_not_averaged():
    """With the challenge's rule it scores 1 in every case."""
    table = random_table(9)
    table[["gallbladder_dsc", "gallbladder_nsd"]] = 1.0
    summary = summarise(table, referenced=set(range(1, 15)) - {9})
    assert summary["gallbladder"].dsc.mean == 1
    assert summary.not_averaged == ("gallbladder",)
    others = [summary[name].dsc.mean for name in FLARE23.names[1:14] if name != "gallbladder"]
    assert summary[ORGAN_AVERAGE].dsc.mean == pytest.approx(np.mean(others))
    assert summarise(table)[ORGAN_AVERAGE].dsc.mean > summary[ORGAN_AVERAGE].dsc.mean


def test_a_wider_confidence_gives_a_wider_interval():
    narrow, wide = (summarise(random_table(), confidence=level)["liver"].dsc for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_equal_cases_have_no_spread_and_no_interval():
    table = random_table(cases=1)
    table = pd.concat([table] * 9, ignore_index=True)
    for row in summarise(table).rows:
        assert row.dsc.sd == pytest.approx(0)
        assert row.dsc.high - row.dsc.low == pytest.approx(0)


def test_nothing_to_summarise_is_refused():
    with pytest.raises(ValueError, match="no scored case"):
        summarise(random_table(cases=0))
    with pytest.raises(ValueError, match=r"confidence 95 must lie between 0 and 1"):
        summarise(random_table(), confidence=95)


def test_an_unknown_row_is_a_key_error():
    with pytest.raises(KeyError, match="uterus"):
        summarise(random_table())["uterus"]
