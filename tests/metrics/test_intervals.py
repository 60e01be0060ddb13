"""mean_interval: Student's interval over patients, its coverage measured by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from swinx.metrics import MINIMUM_PATIENTS, mean_interval, patient_codes


def coverage(draw, true_mean: float, cases: int, draws: int = 1500) -> float:
    """Share of simulated cohorts whose interval holds the true mean."""
    rng = np.random.default_rng(cases)
    found = [mean_interval(draw(rng, cases), np.arange(cases)) for _ in range(draws)]
    return float(np.mean([low <= true_mean <= high for low, high, _ in found]))


@pytest.mark.parametrize("cases", [8, 12, 20])
@pytest.mark.parametrize(("a", "b"), [(18, 2), (9, 1), (4, 1)])
def test_nominally_95_percent_hold_the_mean_of_skewed_scores_in_90_percent_or_more(a, b, cases):
    assert coverage(lambda rng, n: rng.beta(a, b, n), a / (a + b), cases) >= 0.9


@pytest.mark.parametrize("patients", [8, 20])
def test_variants_of_one_patient_do_not_make_the_interval_narrow(patients):
    """Five variants of each patient, whose scores hardly differ."""

    def draw(rng, count):
        return np.clip(np.repeat(rng.beta(9, 1, count), 5) + rng.normal(0, 0.01, 5 * count), 0, 1)

    rng = np.random.default_rng(patients)
    codes = np.repeat(np.arange(patients), 5)
    found = [mean_interval(draw(rng, patients), codes) for _ in range(1000)]
    naive = [mean_interval(draw(rng, patients), np.arange(5 * patients)) for _ in range(1000)]
    assert np.mean([low <= 0.9 <= high for low, high, _ in found]) >= 0.88
    assert np.mean([low <= 0.9 <= high for low, high, _ in naive]) < 0.7


def test_one_score_and_one_case_a_patient_give_students_interval():
    values = np.random.default_rng(0).beta(9, 2, 15)
    expected = stats.t.interval(0.9, 14, values.mean(), stats.sem(values))
    low, high, patients = mean_interval(values, np.arange(15), confidence=0.9)
    assert (low, high) == pytest.approx(expected)
    assert patients == 15


def test_the_mean_of_complete_scores_has_the_interval_of_the_case_means():
    values = np.random.default_rng(1).beta(9, 2, (12, 5))
    assert mean_interval(values, np.arange(12)) == pytest.approx(mean_interval(values.mean(axis=1), np.arange(12)))


@pytest.mark.parametrize("missing", [0.3, 0.6, 0.75])
def test_the_interval_of_an_average_holds_where_classes_are_missing_in_many_cases(missing):
    rng = np.random.default_rng(0)
    means = rng.uniform(0.6, 0.95, 14)
    held = []
    for _ in range(600):
        values = rng.beta(12 * means, 12 * (1 - means), (9, 14))
        values[rng.random(values.shape) < missing] = math.nan
        low, high, patients = mean_interval(values, np.arange(9))
        if patients >= MINIMUM_PATIENTS:
            held.append(low <= means[~np.isnan(values).all(axis=0)].mean() <= high)
    assert len(held) > 500
    assert np.mean(held) >= 0.9


def test_classes_of_one_patient_each_have_no_interval():
    values = np.full((9, 9), math.nan)
    np.fill_diagonal(values, 0.9)
    assert math.isnan(mean_interval(values, np.arange(9))[0])


def test_cases_without_a_score_change_nothing():
    values = np.random.default_rng(2).random(12)
    with_gaps = np.concatenate([values, [math.nan] * 3])
    assert mean_interval(with_gaps, np.arange(15)) == pytest.approx(mean_interval(values, np.arange(12)))


def test_copies_of_every_case_change_nothing():
    values = np.random.default_rng(3).random(10)
    copies = mean_interval(np.repeat(values, 4), np.repeat(np.arange(10), 4))
    assert copies == pytest.approx(mean_interval(values, np.arange(10)))


@pytest.mark.parametrize("patients", range(1, MINIMUM_PATIENTS))
def test_fewer_than_eight_patients_give_no_interval_however_many_cases_they_have(patients):
    values = np.random.default_rng(4).random(patients * 6)
    low, high, found = mean_interval(values, np.repeat(np.arange(patients), 6))
    assert math.isnan(low)
    assert math.isnan(high)
    assert found == patients


def test_an_interval_stays_within_the_range_of_scores():
    low, high, _ = mean_interval([1.0] * 7 + [0.0], np.arange(8))
    assert 0 <= low < high == 1


def test_patients_are_told_apart_by_name():
    assert len(set(patient_codes(["a", "b", "c"]).tolist())) == 3
    codes = patient_codes(["a", "b", "anna"], {"a": "anna", "b": "anna"}).tolist()
    assert codes[0] == codes[1] != codes[2], "a case called like a patient is no case of that patient"
