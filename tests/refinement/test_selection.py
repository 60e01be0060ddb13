"""Selection rules combine, and say why."""

from __future__ import annotations

import numpy as np
import pytest

from swinx.refinement import (
    FillUnannotated,
    Fusion,
    HasAnnotatedTumor,
    LowDisagreement,
    MinimumConfidence,
    PlausibleVolume,
    PredictedSomewhere,
    Source,
    TumorHostChecked,
)
from swinx.refinement.policies.fusion import drop_classes
from swinx.refinement.policies.label_volumes import conflicts_ml, disagreement, volumes_ml
from swinx.refinement.policies.selection import select_cases


def report(**changes):
    return {
        "before_ml": {"14": 2.0},
        "after_ml": {"1": 1500.0, "3": 200.0},
        "annotated": [14],
        "pseudo": [1, 3],
        "known": [1, 3, 14],
        "disagreement": 0.1,
        "confidence": 0.9,
    } | changes


def test_all_rules_must_hold_and_each_gives_its_reason():
    reports = {
        "good": report(),
        "no_tumour": report(before_ml={"1": 10.0}),
        "tiny_liver": report(after_ml={"1": 20.0, "3": 200.0}),
        "both": report(before_ml={}, after_ml={"3": 9000.0}),
    }
    verdicts = select_cases(reports, [HasAnnotatedTumor(), PlausibleVolume()])
    assert list(verdicts) == list(reports)
    assert verdicts["good"] == (False, (), "")
    assert verdicts["no_tumour"] == (True, (), "no tumour is annotated")
    assert verdicts["tiny_liver"] == (False, (1,), "liver 20.0 ml, not 400..4000")
    assert verdicts["both"].drop_case
    assert verdicts["both"].drop_classes == (3,)
    assert verdicts["both"].reason == "no tumour is annotated; spleen 9000.0 ml, not 30..2500"


def test_an_implausible_volume_may_cost_the_whole_case_but_a_drawn_organ_is_not_judged():
    reports = {"a": report(after_ml={"1": 20.0}), "b": report(after_ml={"1": 20.0}, pseudo=[3], annotated=[1, 14])}
    verdicts = select_cases(reports, [PlausibleVolume(by="case")])
    assert (verdicts["a"].drop_case, verdicts["b"].drop_case) == (True, False)


def test_an_organ_that_the_border_of_the_scan_cuts_may_be_small_but_not_large():
    reports = {"cut": report(after_ml={"1": 20.0, "3": 9000.0}, at_border=[1, 3])}
    assert select_cases(reports, [PlausibleVolume()])["cut"].drop_classes == (3,)


def test_a_class_that_the_teacher_predicts_nowhere_is_not_known_to_be_absent():
    reports = {
        "a": report(pseudo=[1, 3, 5], after_ml={"1": 900.0}),
        "b": report(pseudo=[3, 5], after_ml={"3": 90.0}),
        "drawn": report(pseudo=[1], annotated=[5], after_ml={"5": 30.0}),
    }
    verdicts = select_cases(reports, [PredictedSomewhere()])
    assert {case: verdict.drop_classes for case, verdict in verdicts.items()} == {"a": (5,), "b": (5,), "drawn": ()}
    assert verdicts["a"].reason == "the teacher predicts no aorta in any case"
    assert not verdicts["a"].drop_case


def test_a_class_that_is_found_in_one_case_may_be_absent_in_another():
    reports = {"a": report(pseudo=[9], after_ml={"9": 5.0}), "b": report(pseudo=[9], after_ml={"1": 5.0})}
    assert all(not verdict.drop_classes for verdict in select_cases(reports, [PredictedSomewhere()]).values())


def test_the_quantile_keeps_that_share():
    reports = {f"case_{n:03d}": report(disagreement=n / 100) for n in range(100)}
    verdicts = select_cases(reports, [LowDisagreement(0.9)])
    dropped = [case for case, verdict in verdicts.items() if verdict.drop_case]
    assert dropped == [f"case_{n:03d}" for n in range(90, 100)]
    assert "is above 0.891, the 0.9 quantile" in verdicts["case_095"].reason


def test_by_class_only_the_class_on_which_rounds_disagree_is_dropped():
    reports = {
        f"case_{n}": report(pseudo=[1, 3], disagreement_by_class={"1": n / 10, "3": 0.1, "14": 0.9}) for n in range(4)
    }
    verdicts = select_cases(reports, [LowDisagreement(0.75, by="class")])
    assert {case: verdict.drop_classes for case, verdict in verdicts.items() if verdict.reason} == {"case_3": (1,)}
    assert not any(verdict.drop_case for verdict in verdicts.values())
    assert verdicts["case_3"].reason.startswith("disagreement on liver 0.3 is above")
    with pytest.raises(ValueError, match="by must be"):
        LowDisagreement(by="voxel")


def test_a_case_that_only_one_round_has_is_left_out_and_the_others_are_judged():
    reports = {f"case_{n}": report(disagreement=n / 10) for n in range(4)} | {"new": report(disagreement=None)}
    verdicts = select_cases(reports, [LowDisagreement(0.75)])
    assert [case for case, verdict in verdicts.items() if verdict.drop_case] == ["case_3", "new"]
    assert "not known" in verdicts["new"].reason


@pytest.mark.parametrize(
    "make",
    [
        lambda: MinimumConfidence(80),
        lambda: PlausibleVolume(ranges_ml={"1": [10, 1]}),
        lambda: PlausibleVolume(ranges_ml={"99": [1, 10]}),
        lambda: FillUnannotated(tumor="no"),
        lambda: TumorHostChecked(reach_mm=-5),
        lambda: TumorHostChecked(hosts=(14,)),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_once(make):
    with pytest.raises(ValueError, match=r"must|ranges_ml"):
        make()


def test_confidence_below_the_minimum_costs_the_case():
    verdicts = select_cases(
        {"sure": report(), "unsure": report(confidence=0.5), "empty": report(confidence=None)}, [MinimumConfidence()]
    )
    assert [verdict.drop_case for verdict in verdicts.values()] == [False, True, False]


@pytest.mark.parametrize(
    ("rule", "changes", "message"),
    [
        (LowDisagreement(), {"disagreement": None}, "none of the 1 cases has a disagreement"),
        (MinimumConfidence(), {"confidence": None}, "no case has a confidence"),
    ],
)
def test_a_rule_that_cannot_judge_says_what_it_needs(rule, changes, message):
    with pytest.raises(ValueError, match=message):
        select_cases({"a": report(**changes)}, [rule])


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="quantile must be above 0 and at most 1, not 0"):
        LowDisagreement(0)
    with pytest.raises(ValueError, match="by must be 'class' or 'case', not 'voxel'"):
        PlausibleVolume("voxel")


def test_a_dropped_class_becomes_unknown_where_a_network_said_it_and_stays_where_it_was_drawn():
    label, source = np.array([[[1, 1, 3]]], dtype=np.uint8), np.array([[[1, 2, 2]]], dtype=np.uint8)
    dropped = drop_classes(Fusion(label, source, (1, 3)), [1])
    assert dropped.label.ravel().tolist() == [1, 255, 3]
    assert dropped.source.ravel().tolist() == [Source.ANNOTATED, Source.UNKNOWN, Source.PSEUDO]
    assert dropped.known == (3,)
    assert label.ravel().tolist() == [1, 1, 3], "the argument stays"


def test_disagreement_counted_by_hand():
    first, second, third = (np.array([[row]], dtype=np.uint8) for row in ([1, 1, 0, 0], [1, 2, 2, 0], [1, 2, 2, 2]))
    assert disagreement([first, second]) == pytest.approx(2 / 3)
    assert disagreement([first, second, third]) == pytest.approx((2 / 3 + 1 / 4) / 2)
    assert disagreement([first, second], value=1) == pytest.approx(1)
    empty = np.zeros_like(first)
    assert disagreement([empty, empty]) == 0
    assert disagreement([first, empty]) == 1
    unknown = np.array([[[1, 255, 0, 0]]], dtype=np.uint8)
    assert disagreement([first, unknown]) == 0
    with pytest.raises(ValueError, match="cannot disagree"):
        disagreement([first])


def test_conflicts_and_volumes_are_in_ml_on_an_oblique_grid(oblique):
    truth, pseudo = np.array([[[1, 0, 0, 2]]], dtype=np.uint8), np.array([[[1, 3, 0, 1]]], dtype=np.uint8)
    unit = abs(np.linalg.det(oblique[:3, :3])) / 1000
    table = conflicts_ml(truth, pseudo, oblique)
    assert table == {
        0: {3: pytest.approx(unit, abs=1e-4)},
        1: {1: pytest.approx(unit, abs=1e-4)},
        2: {1: pytest.approx(unit, abs=1e-4)},
    }
    assert volumes_ml(pseudo, oblique) == {1: pytest.approx(2 * unit, abs=1e-4), 3: pytest.approx(unit, abs=1e-4)}
