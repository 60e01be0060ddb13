"""run_probe and compare_encoders: perfect features score 1, features that say nothing score chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from swinx.pretraining.probe.linear_probe import PROBES, VoxelFeatures, compare_cases, compare_encoders, run_probe

CLASSES = (1, 5, 9, 14)


def voxels(features: np.ndarray, classes: np.ndarray, cases: int = 2) -> VoxelFeatures:
    names = np.array([f"case_{number % cases}" for number in range(len(classes))])
    return VoxelFeatures(features.astype(np.float32), classes, names)


def labels(per_class: int = 60) -> np.ndarray:
    return np.repeat(CLASSES, per_class).astype(np.int64)


def one_hot(classes: np.ndarray) -> np.ndarray:
    return (classes[:, None] == np.array(CLASSES)).astype(float)


def noisy(seed: int, noise: float, per_class: int = 60) -> VoxelFeatures:
    classes = labels(per_class)
    return voxels(one_hot(classes) + np.random.default_rng(seed).normal(0, noise, (len(classes), 4)), classes)


@pytest.mark.parametrize("kind", PROBES)
def test_features_equal_to_the_label_score_1(kind):
    perfect = voxels(one_hot(labels()), labels())
    scores = run_probe(perfect, perfect, kind)
    assert scores.balanced_accuracy == scores.macro_f1 == 1
    assert scores.recall == scores.f1 == (1, 1, 1, 1)
    assert scores.confusion == tuple(tuple(60 * int(row == column) for column in range(4)) for row in range(4))
    assert scores.case_accuracy == {"case_0": 1, "case_1": 1}
    assert scores.converged


@pytest.mark.parametrize("kind", PROBES)
def test_a_constant_feature_scores_chance(kind):
    constant = voxels(np.full((240, 3), 2.5), labels())
    assert run_probe(constant, constant, kind).balanced_accuracy == pytest.approx(1 / 4)


@pytest.mark.parametrize("kind", PROBES)
def test_noise_scores_about_chance_on_other_voxels(kind):
    random = np.random.default_rng(0)
    fit, test = (voxels(random.normal(size=(800, 6)), labels(200)) for _ in range(2))
    assert run_probe(fit, test, kind).balanced_accuracy == pytest.approx(1 / 4, abs=0.06)


@pytest.mark.parametrize("kind", PROBES)
def test_shift_and_scale_of_a_feature_do_not_matter(kind):
    fit, test = noisy(0, 0.4), noisy(1, 0.4)
    moved = [replace(v, features=v.features * [1000, 1, 0.01, 1] + [0, 50, 0, -7]) for v in (fit, test)]
    assert run_probe(*moved, kind).recall == pytest.approx(run_probe(fit, test, kind).recall, abs=0.02)


@pytest.mark.parametrize("kind", PROBES)
def test_the_same_voxels_give_the_same_figures(kind):
    assert run_probe(noisy(0, 0.5), noisy(1, 0.5), kind) == run_probe(noisy(0, 0.5), noisy(1, 0.5), kind)


def test_a_rare_class_weighs_as_much_as_a_common_one():
    random = np.random.default_rng(0)
    classes = np.array([1] * 1000 + [5] * 50)
    blurred = voxels((classes[:, None] == 5) + random.normal(0, 0.7, (1050, 1)), classes)
    common, rare = run_probe(blurred, blurred, "linear").recall
    assert rare > 0.6
    assert common > 0.6


def test_the_scores_are_those_counted_by_hand():
    fit = voxels(one_hot(labels()), labels())
    # Of four voxels of class 1 one looks like class 5; of one voxel each of classes 5, 9 and 14 all are right.
    true = np.array([1, 1, 1, 1, 5, 9, 14])
    looks = np.array([1, 1, 1, 5, 5, 9, 14])
    names = np.array(["a", "a", "b", "b", "b", "b", "b"])
    scores = run_probe(fit, VoxelFeatures(one_hot(looks), true, names), "linear")
    assert scores.recall == (0.75, 1, 1, 1)
    assert scores.f1 == pytest.approx((6 / 7, 2 / 3, 1, 1))
    assert scores.balanced_accuracy == pytest.approx(3.75 / 4)
    assert scores.confusion[0] == (3, 1, 0, 0)
    assert scores.case_accuracy == {"a": 1, "b": pytest.approx((0.5 + 3) / 4)}


def test_what_cannot_be_probed_is_refused():
    fit = noisy(0, 0.1)
    with pytest.raises(ValueError, match="'deep' is not one of"):
        run_probe(fit, fit, "deep")
    with pytest.raises(ValueError, match=r"fit has the classes \[1\] .* two or more"):
        run_probe(fit.of_classes([1]), fit.of_classes([1]))
    with pytest.raises(ValueError, match=r"\[1, 5\] and test \[1, 9\]"):
        run_probe(fit.of_classes([1, 5]), fit.of_classes([1, 9]))
    broken = replace(fit, features=np.where(np.arange(4) == 2, np.nan, fit.features))
    with pytest.raises(ValueError, match="test voxels hold NaN"):
        run_probe(fit, broken)


def test_the_comparison_is_that_of_the_encoders_means():
    clear, blurred, worse = (run_probe(noisy(0, noise), noisy(1, noise)) for noise in (0.1, 0.6, 0.9))
    found = compare_encoders(clear, [blurred, worse])
    random, accuracies = found["random"], [blurred.balanced_accuracy, worse.balanced_accuracy]
    assert random["balanced_accuracy"]["mean"] == pytest.approx(np.mean(accuracies))
    assert random["balanced_accuracy"]["sd"] == pytest.approx(np.std(accuracies, ddof=1))
    assert random["macro_f1"]["mean"] == pytest.approx((blurred.macro_f1 + worse.macro_f1) / 2)
    assert random["recall"][2]["mean"] == pytest.approx((blurred.recall[2] + worse.recall[2]) / 2)
    assert found["chance"] == 1 / 4
    assert found["paired"]["cases"] == 2
    assert found["paired"]["mean"] == pytest.approx(clear.balanced_accuracy - np.mean(accuracies), abs=1e-9)


def test_an_encoder_does_not_differ_from_itself():
    scores = run_probe(noisy(0, 0.5), noisy(1, 0.5))
    found = compare_encoders(scores, [scores])
    assert found["paired"] == {"cases": 2, "patients": 2, "mean": 0, "effect": 0, "p": 1}
    assert found["random"]["balanced_accuracy"]["sd"] is None


def test_the_difference_of_two_cases_by_hand():
    found = compare_cases({"a": 0.25, "b": 0.5}, {"a": 0.5, "b": 0.75, "c": 1.0})
    assert found == {"cases": 2, "patients": 2, "mean": 0.25, "effect": 1, "p": 0.5}


def test_one_case_more_on_one_side_is_left_out_and_none_in_common_refused():
    assert compare_cases({"a": 0.2, "b": 0.9}, {"b": 0.8, "c": 0.1})["mean"] == pytest.approx(-0.1)
    with pytest.raises(ValueError, match="no case in common"):
        compare_cases({"a": 0.2}, {"b": 0.2})


def test_probes_of_other_classes_are_not_compared():
    all_four = run_probe(noisy(0, 0.1), noisy(1, 0.1))
    two = run_probe(noisy(0, 0.1).of_classes([1, 5]), noisy(1, 0.1).of_classes([1, 5]))
    with pytest.raises(ValueError, match="all of the same classes"):
        compare_encoders(all_four, [two])
    with pytest.raises(ValueError, match="at least one random encoder"):
        compare_encoders(all_four, [])


def test_variants_of_one_patient_are_one_pair_of_the_test():
    first = {f"{patient}_{variant}": 0.5 for patient in "abcdef" for variant in range(5)}
    second = {case: score + 0.01 * (1 + "abcdef".index(case[0])) for case, score in first.items()}
    found = compare_cases(first, second, {case: case[0] for case in first})
    assert (found["cases"], found["patients"]) == (30, 6)
    assert found["p"] == pytest.approx(2 / 2**6)
    assert compare_cases(first, second)["p"] < 0.001
    assert found["mean"] == compare_cases(first, second)["mean"]
