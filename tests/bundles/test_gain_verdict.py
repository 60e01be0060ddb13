"""The verdict of the pretraining's gain: the three words, intervals that know both spreads, Holm's correction."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from support.bundles import ROOT


@pytest.fixture
def verdict(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("gain_verdict")


def differences(mean, spread_of_seeds, spread_of_cases, seeds=8, cases=20):
    random = np.random.default_rng(1)
    rows = random.normal(0, spread_of_seeds, (seeds, 1)) + random.normal(0, spread_of_cases, (seeds, cases))
    return rows - rows.mean() + mean


@pytest.mark.parametrize(
    ("mean", "spread", "word"),
    [(5, 1, "helps"), (0.2, 0.5, "does not"), (-4, 1, "does not"), (3, 6, "undecided"), (1.5, 2, "undecided")],
)
def test_a_gain_helps_does_not_or_is_undecided(verdict, mean, spread, word):
    claim = verdict.judge({"pretrained": differences(mean, spread, 2)})["pretrained"]
    assert claim.verdict == word, claim
    assert (claim.decided_by is not None) <= (word == "undecided")


def test_an_undecided_gain_names_more_seeds_than_there_were(verdict):
    claim = verdict.judge({"pretrained": differences(3, 6, 2)})["pretrained"]
    assert 8 < claim.decided_by < 100


def test_the_interval_has_the_spread_of_trainings_not_of_scans_alone(verdict):
    """Of 8 seeds that differ by 3 points, 20 scans each make a mean no surer than 8 numbers do."""
    rows = differences(0, 3, 0.1)
    low, high = verdict.bootstrap_interval(rows)
    of_seeds = rows.mean(axis=1).std() / np.sqrt(8)
    assert high - low == pytest.approx(2 * 1.96 * of_seeds, rel=0.2)
    over_scans = verdict.bootstrap_interval(rows.reshape(1, -1))
    assert over_scans[1] - over_scans[0] < 0.6 * (high - low)


def test_p_values_are_those_of_all_sign_flips(verdict):
    assert verdict.sign_flip_p([1.0, 2.0, 3.0, 4.0]) == pytest.approx(2 / 16)
    assert verdict.sign_flip_p([1.0, -1.0, 2.0, -2.0]) == pytest.approx(1.0)
    assert np.isnan(verdict.sign_flip_p([1.0]))


def test_with_few_seeds_no_gain_is_certain_however_large(verdict):
    claim = verdict.judge({"pretrained": differences(30, 1, 1, seeds=3)})["pretrained"]
    assert claim.verdict == "undecided"


def test_holm_counts_all_claims(verdict):
    claims = verdict.judge({name: differences(5, 1, 1) for name in ("a", "b", "c")})
    assert claims["a"].p_holm == pytest.approx(3 * claims["a"].p)
    assert verdict.holm({"a": 0.01, "b": float("nan")})["a"] == pytest.approx(0.02)
