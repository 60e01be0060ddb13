"""The screen of strong.json: its arms are parts of the overlay, its effects those that were put in, and it goes on."""

from __future__ import annotations

import importlib
import itertools
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from monai.bundle import ConfigParser

from support.bundles import CONFIGS, ROOT
from support.warm_programs import run_with_children


@pytest.fixture
def screen_design(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("screen_design")


def over_training(*overlays):
    """The configuration that lies over train.json, with all changes done."""
    parser = ConfigParser()
    parser.read_config([str(ROOT / CONFIGS / "train.json"), *map(str, overlays)])
    return parser.config


def of_arm(screen_design, arm, folder):
    (folder / "overlay.json").write_text(json.dumps(screen_design.overlay(frozenset(arm))))
    return over_training(folder / "overlay.json")


def test_all_parts_together_are_strong_json(screen_design, tmp_path):
    assert of_arm(screen_design, screen_design.FACTORS, tmp_path) == over_training(ROOT / CONFIGS / "strong.json")


def test_no_part_is_train_json_with_bounded_gradients_and_two_patches(screen_design, tmp_path):
    expected = over_training()
    expected |= {"positive_patches": 1, "negative_patches": 1, "max_gradient_norm": 5.0}
    expected["train"]["handlers"] += [{"_target_": "swinx.training.GradientClipping", "max_norm": "@max_gradient_norm"}]
    assert of_arm(screen_design, [], tmp_path) == expected


def test_each_part_alone_changes_something_and_no_two_the_same(screen_design, tmp_path):
    found = [of_arm(screen_design, arm, tmp_path) for arm in ([], *([name] for name in screen_design.FACTORS))]
    assert all(one != other for one, other in itertools.combinations(found, 2))


def test_every_step_has_two_patches_whatever_the_arm(screen_design, tmp_path):
    for arm in screen_design.design(screen_design.FACTORS):
        found = of_arm(screen_design, arm, tmp_path)
        assert found["positive_patches"] + found["negative_patches"] == 2


def test_a_part_that_is_none_is_refused(screen_design):
    with pytest.raises(ValueError, match="mixup: none of augmentation, centres"):
        screen_design.overlay(frozenset({"mixup"}))


@pytest.mark.parametrize("count", [1, 2, 4, 5, 6])
def test_each_factor_is_on_in_half_of_the_arms_and_no_pair_of_factors_is_mixed_with_one(screen_design, count):
    factors = screen_design.FACTORS[:count]
    arms = screen_design.design(factors)
    assert len(set(arms)) == len(arms) == min(2**count, 16)
    signs = np.array([[1 if name in arm else -1 for name in factors] for arm in arms])
    assert (signs.sum(axis=0) == 0).all()
    assert (signs.T @ signs == len(arms) * np.eye(count)).all()
    for a, b in itertools.combinations(range(count), 2):
        assert (signs.T @ (signs[:, a] * signs[:, b]) == 0).all()


def test_effects_are_those_that_were_put_in_by_seed_and_case_though_pairs_interact(screen_design):
    factors, seeds, cases = screen_design.FACTORS, (3, 4), ("a", "b", "c")
    random = np.random.default_rng(0)
    true = {name: random.normal(0, 3, (2, 3)) for name in factors}
    scores = {}
    for arm in screen_design.design(factors):
        total = 50 + sum((true[name] if name in arm else 0 * true[name]) for name in factors)
        total = total + 5 * np.prod([1 if name in arm else -1 for name in ("ema", "norm")])
        for row, seed in enumerate(seeds):
            scores[arm, seed] = dict(zip(cases, total[row], strict=True))
    found = screen_design.contrasts(scores, factors, seeds)
    for name in factors:
        np.testing.assert_allclose(found[name], true[name])


def test_eight_pairs_can_decide_six_parts_by_holm(screen_design):
    """More claims, or fewer pairs, could never be certain, however large the gains."""
    verdict = importlib.import_module("gain_verdict")
    gains = {name: np.full((8, 20), 5.0) + np.arange(8)[:, None] / 10 for name in screen_design.FACTORS}
    assert {claim.verdict for claim in verdict.judge(gains).values()} == {"helps"}
    assert "helps" not in {claim.verdict for claim in verdict.judge(gains | {"seventh": gains["ema"]}).values()}


@pytest.fixture
def study(screen_design, monkeypatch, tmp_path):  # noqa: ARG001, its path is that of the programs
    """The program with trainings that take no time.

    The mean of the weights gains 5 points, group norm costs 3, and the others gain half a point each.
    """
    program = importlib.import_module("strong_screen")
    trained = []

    def train(folder, files, *_):
        if len(trained) == program.fail_after:
            raise KeyboardInterrupt
        trained.append(folder.name)
        assert json.loads((folder / "overlay.json").read_text()) == json.loads(Path(files[-1]).read_text())

    def score(model, items, settings):
        random = np.random.default_rng(settings["seed"])
        arm = model.parent.name.rpartition("_")[0]
        gained = 5 * ("ema" in arm) - 3 * (settings["norm"] == "group")
        gained += 0.5 * len({"augmentation", "centres", "deep_supervision", "batch_dice"} & set(arm.split("+")))
        return {item["case"]: float(50 + gained + random.normal(0, 0.1)) for item in items}

    def write_lists(_folder, _cohort, seeds, labels):
        items = {name: [{"case": f"{name}_{number}"} for number in range(4)] for name in ("unseen", "test")}
        return SimpleNamespace(training={(count, seed): "list" for count in labels for seed in seeds}, **items)

    def run(*words):
        trained.clear()
        words = [str(word) for word in (*words, "--work", tmp_path / "work", "--out", tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", ["strong_screen.py", *words])
        program.main()
        return list(trained)

    for name, replacement in (("train", train), ("score", score), ("write_lists", write_lists)):
        monkeypatch.setattr(program, name, replacement)
    monkeypatch.setattr(program, "fail_after", -1, raising=False)
    return SimpleNamespace(run=run, program=program, record=lambda stage: record_in(tmp_path / "out", stage))


def record_in(folder, stage):
    (path,) = folder.glob(f"strong_{stage}_*.json")
    return json.loads(path.read_text())


def test_what_gains_is_kept_and_pairs_with_other_seeds_and_cases_judge_every_part(study):
    factors = {"augmentation", "ema", "norm"}
    assert len(study.run("--factors", *factors, "--pairs", 8)) == 8 * 2 + 5 * 8
    screen, pairs = study.record("screen"), study.record("pairs")
    assert screen["effects"]["ema"]["mean"] == pytest.approx(5)
    assert screen["effects"]["norm"]["mean"] == pytest.approx(-3)
    assert screen["kept"] == [name for name in study.program.FACTORS if name != "norm"]
    assert set(pairs["with_a_part_over_without"]) == factors
    verdicts = {name: claim["verdict"] for name, claim in pairs["with_a_part_over_without"].items()}
    assert verdicts == dict.fromkeys(verdicts, "does not") | {"ema": "helps"}
    assert pairs["with_a_part_over_without"]["norm"]["mean"] == pytest.approx(-3)
    (whole,) = pairs["whole"].values()
    assert whole["mean"] == pytest.approx(7)
    assert not set(screen["seeds"]) & set(pairs["seeds"])
    cases = [set().union(*record["by_case"].values()) for record in (screen, pairs)]
    assert not cases[0] & cases[1], "no test case decides what is kept"


def test_a_screen_that_was_cut_off_has_a_record_and_goes_on(study, monkeypatch):
    words = ("--factors", "ema", "norm")
    monkeypatch.setattr(study.program, "fail_after", 3)
    with pytest.raises(KeyboardInterrupt):
        study.run(*words)
    assert study.record("screen")["trainings"] == {"done": 3, "of": 8}
    monkeypatch.setattr(study.program, "fail_after", -1)
    assert len(study.run(*words)) == 5
    assert study.record("screen")["trainings"] == {"done": 8, "of": 8}
    assert study.run(*words) == []
    monkeypatch.setattr(study.program, "SMALL", study.program.FULL)
    assert study.run(*words, "--small") != [], "in a folder of its own"


def test_a_set_that_is_given_needs_no_screen(study):
    trained = study.run("--kept", "ema", "--factors", "ema", "norm", "--pairs", 1)
    assert sorted(trained) == ["ema+norm_2", "ema_2", "none_2"]
    assert study.record("pairs")["with_a_part_over_without"]["ema"]["p"] is None, "one seed has none"


@pytest.mark.slow
def test_a_part_is_screened_by_trainings_of_the_bundle(tmp_path):
    words = ["--small", "--factors", "ema", "--seeds", 1, "--work", tmp_path / "work", "--out", tmp_path / "out"]
    done = run_with_children([sys.executable, ROOT / "benchmarks" / "strong_screen.py", *words], ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    record = record_in(tmp_path / "out", "screen_small")
    assert record["trainings"] == {"done": 2, "of": 2}
    assert {"augmentation", "centres", "deep_supervision", "batch_dice", "norm"} <= set(record["kept"])
    assert ("ema" in record["kept"]) == (record["effects"]["ema"]["mean"] > 0)
    assert len(list((tmp_path / "work").rglob("model.pt"))) == 2
