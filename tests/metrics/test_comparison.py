"""compare_tables: paired, case-matched, with an effect size."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from swinx.metrics import ORGAN_AVERAGE, compare_tables, rank_biserial, score_columns


def tables(cases: int = 10, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    values = np.random.default_rng(seed).random((2, cases, len(score_columns()))).round(4)
    index = pd.Index([f"case{i}" for i in range(cases)], name="case")
    first, second = (pd.DataFrame(part, index=index, columns=list(score_columns())) for part in values)
    return first, second


def test_six_gains_of_six_have_the_smallest_p_that_six_cases_allow():
    a, _ = tables(6)
    b = a.copy()
    b["liver_dsc"] += [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]
    row = compare_tables(a, b).loc["liver"]
    assert row["dsc_p"] == pytest.approx(2 / 2**6), "all signs equal: 2 of 64 sign patterns are as extreme"
    assert row["dsc_effect"] == 1
    assert row["dsc_difference"] == pytest.approx(0.035)
    assert row["dsc_mean_b"] - row["dsc_mean_a"] == pytest.approx(0.035)


def test_p_values_are_those_of_scipy():
    a, b = tables(15)
    result = compare_tables(a, b)
    expected = stats.wilcoxon((b["spleen_nsd"] - a["spleen_nsd"]).to_numpy()).pvalue
    assert result.loc["spleen", "nsd_p"] == pytest.approx(expected)


def test_cases_are_matched_by_name_not_by_position():
    a, b = tables()
    shuffled = b.sample(frac=1, random_state=np.random.default_rng(1).bit_generator)
    assert shuffled.index.tolist() != b.index.tolist()
    pd.testing.assert_frame_equal(compare_tables(a, shuffled), compare_tables(a, b))


def test_only_cases_of_both_tables_count():
    a, b = tables()
    result = compare_tables(a.drop("case0"), b.drop("case9"))
    assert result.loc["liver", "dsc_cases"] == 8
    pd.testing.assert_frame_equal(result, compare_tables(a.iloc[1:9], b.iloc[1:9]))


def test_undefined_scores_leave_the_pair_out():
    a, b = tables()
    a.loc["case1", "tumor_dsc"] = math.nan
    b.loc["case2", "tumor_dsc"] = math.nan
    result = compare_tables(a, b)
    assert result.loc["tumor", "dsc_cases"] == 8
    assert result.loc["tumor", "nsd_cases"] == 10
    assert result.loc["tumor", "dsc_left_out"] == 2
    assert result.loc[ORGAN_AVERAGE, "dsc_cases"] == 10


def test_an_undefined_organ_costs_its_value_and_not_its_case():
    a, b = tables()
    a.loc["case0", "gallbladder_dsc"] = b.loc["case0", "gallbladder_dsc"] = math.nan
    b.loc["case1", "spleen_dsc"] = math.nan
    organs = [name for name in score_columns() if name.endswith("_dsc") and not name.startswith("tumor")]
    row = compare_tables(a, b).loc[ORGAN_AVERAGE]
    assert (row["dsc_cases"], row["dsc_values"], row["dsc_left_out"]) == (10, 128, 2)
    a.loc["case1", "spleen_dsc"] = math.nan
    assert row["dsc_mean_a"] == pytest.approx(a[organs].mean(axis=1).mean())
    assert row["dsc_mean_b"] == pytest.approx(b[organs].mean(axis=1).mean())
    assert row["dsc_difference"] == pytest.approx(row["dsc_mean_b"] - row["dsc_mean_a"])


def test_a_cohort_in_which_every_case_lacks_some_organ_is_compared():
    a, b = tables(13)
    organs = [name for name in score_columns() if name.endswith("_dsc")][:13]
    for number, name in enumerate(organs):
        a.iloc[number, a.columns.get_loc(name)] = math.nan
    row = compare_tables(a, b).loc[ORGAN_AVERAGE]
    assert (row["dsc_cases"], row["dsc_left_out"]) == (13, 13)
    assert 0 < row["dsc_p"] <= 1


def test_variants_of_one_patient_are_one_pair():
    a, b = tables(6)
    b["liver_dsc"] = a["liver_dsc"] + [0.01, 0.02, 0.03, 0.04, 0.05, 0.06]
    variants = [pd.concat([t.rename(index=lambda case, n=n: f"{case}_{n}") for n in range(4)]) for t in (a, b)]
    patients = {case: case.split("_")[0] for case in variants[0].index}
    row = compare_tables(*variants, patients).loc["liver"]
    assert (row["dsc_cases"], row["dsc_patients"]) == (24, 6)
    assert row["dsc_p"] == pytest.approx(2 / 2**6)
    assert row["dsc_difference"] == pytest.approx(0.035)
    assert compare_tables(*variants).loc["liver", "dsc_p"] < 0.001


def test_a_class_that_no_pair_has_is_undefined():
    a, b = tables()
    a["tumor_dsc"] = math.nan
    row = compare_tables(a, b).loc["tumor"]
    assert row["dsc_cases"] == 0
    assert math.isnan(row["dsc_p"])
    assert math.isnan(row["dsc_p_adjusted"])
    assert math.isnan(row["dsc_effect"])


def test_equal_tables_show_no_effect():
    a, _ = tables()
    result = compare_tables(a, a.copy())
    assert (result["dsc_p"] == 1).all()
    assert (result["dsc_effect"] == 0).all()


def test_swapping_the_tables_turns_the_sign_and_keeps_p():
    a, b = tables()
    there, back = compare_tables(a, b), compare_tables(b, a)
    np.testing.assert_allclose(there["nsd_effect"], -back["nsd_effect"])
    np.testing.assert_allclose(there["nsd_p"], back["nsd_p"])


def test_adjusted_p_values_are_never_smaller_and_only_for_the_14_classes():
    result = compare_tables(*tables())
    assert (result["dsc_p_adjusted"].iloc[:14] >= result["dsc_p"].iloc[:14]).all()
    np.testing.assert_allclose(
        result["dsc_p_adjusted"].iloc[:14], stats.false_discovery_control(result["dsc_p"].iloc[:14])
    )
    assert result["dsc_p_adjusted"].iloc[14:].isna().all()


@pytest.mark.parametrize(
    ("differences", "effect"),
    [
        pytest.param([1, 2, 3], 1.0, id="all-better"),
        pytest.param([-1, -2, -3], -1.0, id="all-worse"),
        pytest.param([1, 2, -3], 0.0, id="ranks-1-and-2-against-3"),
        pytest.param([0, 0, -3, 4, 5], 4 / 6, id="zeros-dropped"),
        pytest.param([1, -1], 0.0, id="tie"),
        pytest.param([0, 0], 0.0, id="no-difference"),
    ],
)
def test_rank_biserial_by_hand(differences, effect):
    assert rank_biserial(differences) == pytest.approx(effect)


def test_tables_that_cannot_be_matched_are_refused():
    a, b = tables()
    with pytest.raises(ValueError, match="no case in common"):
        compare_tables(a, b.rename(index=lambda name: f"other_{name}"))
    with pytest.raises(ValueError, match=r"second table has these cases more than once: \['case0'\]"):
        compare_tables(a, pd.concat([b, b.iloc[:1]]))
