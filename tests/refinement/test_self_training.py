"""Rounds of self-training: who teaches whom, on which data, and what is not done again. Runs are played by a script."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from swinx.errors import DataListError, RecordError, TrainingError
from swinx.refinement import run_rounds
from swinx.refinement.self_training import student_settings

ACTOR = '''
"""Stands in for `python -m monai.bundle run PART --config_file [...]`: writes what the bundle would write."""
import ast, json, os, sys
from pathlib import Path
part, files = sys.argv[4], ast.literal_eval(sys.argv[6])
changes = json.loads(Path(files[-1]).read_text())
out = Path(changes["output_dir"])
out.mkdir(parents=True, exist_ok=True)
play = Path(__file__).parent
with (play / "calls.jsonl").open("a") as stream:
    stream.write(json.dumps({"part": part, "files": files, "changes": changes, "more": sys.argv[7:]}) + chr(10))
bad = play / f"fail_{part}"
if bad.exists():
    sys.exit(int(bad.read_text()))
if part == "refine":
    failed = json.loads((play / "failed.json").read_text()) if (play / "failed.json").exists() else {}
    teacher = changes.get("teacher_checkpoint", "first teacher")
    (out / "datalist.json").write_text(json.dumps({"training": [teacher]}))
    (out / "manifest.json").write_text(json.dumps({"fingerprint": teacher, "failed": failed}))
    sys.exit(1 if failed else 0)
Path(changes["checkpoint"]).write_text("student of " + Path(changes["dataset_dir"], "datalist.json").read_text())
'''


@pytest.fixture
def stage(tmp_path):
    """Configuration files, a student's bundle and an actor that plays the runs."""
    (tmp_path / "actor.py").write_text(ACTOR)
    for name in ("refine", "teacher_bundle", "overlay", "low_disagreement"):
        (tmp_path / f"{name}.json").write_text("{}")
    configs = tmp_path / "student" / "configs"
    configs.mkdir(parents=True)
    (configs / "train.json").write_text('{"embed_dim": 48, "max_epochs": 100}')
    (configs / "inference.json").write_text('{"embed_dim": 48, "device": "$x", "output_dir": ".", "network": {}}')
    return tmp_path


def play(stage: Path, rounds: int = 3, **changes) -> Path:
    settings = {
        "dataset_dir": stage / "DATA",
        "teacher_dir": stage / "TEACHER",
        "refine_configs": [str(stage / "refine.json")],
        "student_bundle": stage / "student",
        "student_configs": [str(stage / "student" / "configs" / "train.json")],
        "student_overrides": {"embed_dim": 12, "max_epochs": 2},
        "student_teacher_config": str(stage / "teacher_bundle.json"),
        "launcher": [sys.executable, str(stage / "actor.py")],
    } | changes
    return run_rounds(rounds, stage / "out", **settings)


def calls(stage: Path) -> list[dict]:
    return [json.loads(line) for line in (stage / "calls.jsonl").read_text().splitlines()]


def names(call: dict) -> list[str]:
    return [Path(file).name for file in call["files"][:-1]]


def test_every_student_is_trained_on_its_round_and_teaches_the_next(stage):
    data_list = play(stage)
    assert data_list == stage / "out" / "round_3" / "refined" / "datalist.json"
    made = calls(stage)
    assert [call["part"] for call in made] == ["refine", "training", "refine", "training", "refine"]
    first, student, second, _, third = made
    assert "teacher_checkpoint" not in first["changes"]
    assert student["changes"]["dataset_dir"] == first["changes"]["output_dir"]
    assert second["changes"]["teacher_checkpoint"] == student["changes"]["checkpoint"]
    assert third["changes"]["teacher_checkpoint"] == made[3]["changes"]["checkpoint"]
    assert [names(call) for call in (first, second)] == [["refine.json"], ["refine.json", "teacher_bundle.json"]]
    assert all(call["changes"]["dataset_dir"] == str(stage / "DATA") for call in (first, second, third))


def test_every_round_is_compared_with_all_before_it(stage):
    play(stage)
    rounds = [call["changes"] for call in calls(stage) if call["part"] == "refine"]
    refined = [changes["output_dir"] for changes in rounds]
    assert [changes["previous_rounds"] for changes in rounds] == [[], refined[:1], refined[:2]]


def test_the_student_predicts_as_it_was_trained(stage):
    play(stage, rounds=2)
    *_, last = calls(stage)
    assert last["changes"]["teacher_overrides"] == {"embed_dim": 12}
    assert last["changes"]["teacher_bundle"] == str(stage / "student")


def test_the_label_map_of_the_first_teacher_is_not_the_students(stage):
    play(stage, rounds=2, refine_overrides={"label_map": "totalsegmentator"})
    first, _, second = calls(stage)
    assert first["changes"]["label_map"] == "totalsegmentator"
    assert second["changes"]["label_map"] is None


def test_one_overlay_may_be_given_by_its_name_alone(stage):
    play(stage, rounds=1, last_round=str(stage / "low_disagreement.json"), refine_configs=str(stage / "refine.json"))
    (only,) = calls(stage)
    assert names(only) == ["refine.json", "low_disagreement.json"]


def test_the_last_round_has_its_own_overlays(stage):
    play(stage, last_round=[str(stage / "low_disagreement.json")])
    first, _, second, _, third = map(names, calls(stage))
    assert "low_disagreement.json" in third
    assert "low_disagreement.json" not in first + second


def test_one_round_trains_no_student(stage):
    play(stage, rounds=1)
    assert [call["part"] for call in calls(stage)] == ["refine"]


def test_a_finished_training_is_not_done_again(stage):
    play(stage)
    play(stage)
    assert [call["part"] for call in calls(stage)[5:]] == ["refine", "refine", "refine"]


def test_more_rounds_go_on_from_those_that_are_there(stage):
    play(stage, rounds=2)
    play(stage, rounds=3)
    assert [call["part"] for call in calls(stage)[3:]] == ["refine", "refine", "training", "refine"]


def test_an_interrupted_training_goes_on_and_one_on_other_data_begins_anew(stage):
    (stage / "fail_training").write_text("9")
    with pytest.raises(TrainingError, match="training ended with exit code 9"):
        play(stage)
    (stage / "fail_training").unlink()
    play(stage)
    trainings = [call for call in calls(stage) if call["part"] == "training"]
    assert [call["more"] for call in trainings[:2]] == [["--resume", "False"], ["--resume", "True"]]
    (stage / "refine.json").write_text("{}")
    play(stage, student_overrides={"embed_dim": 12, "max_epochs": 3})
    assert [call["more"][1] for call in calls(stage) if call["part"] == "training"][-2:] == ["False", "False"]


def test_a_model_that_was_exchanged_is_trained_again(stage):
    play(stage, rounds=2)
    (stage / "out/round_1/student/model.pt").write_text("another")
    play(stage, rounds=2)
    assert (stage / "out/round_1/student/model.pt").read_text().startswith("student of")


def test_bad_cases_do_not_end_a_round_and_are_named_at_the_end(stage, caplog):
    (stage / "failed.json").write_text('{"anna": "scan is empty"}')
    play(stage, rounds=2)
    assert len(calls(stage)) == 3
    assert "failed in some round: anna: scan is empty" in caplog.text


def test_a_refinement_that_breaks_off_ends_the_rounds(stage):
    (stage / "fail_refine").write_text("3")
    with pytest.raises(TrainingError, match="exit code 3 before it was complete"):
        play(stage)


@pytest.mark.parametrize("rounds", [0, -1, 1.5, True, "2"])
def test_impossible_numbers_of_rounds(stage, rounds):
    with pytest.raises(ValueError, match="whole number, 1 or more"):
        play(stage, rounds=rounds)


def test_a_configuration_that_is_not_there_is_named_before_anything_runs(stage):
    with pytest.raises(DataListError, match=r"nowhere\.json: no such configuration file"):
        play(stage, last_round=["nowhere.json"])
    assert not (stage / "calls.jsonl").exists()


def test_an_override_that_is_a_component_is_refused_with_the_way_out(stage):
    with pytest.raises(ValueError, match="put anything else into a configuration"):
        play(stage, refine_overrides={"policy": object()})


@pytest.mark.parametrize("given", ["refine_overrides", "student_overrides"])
@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        ({"rate": "$__import__('os')"}, "{given}: rate is .*make a program"),
        ({"policy": {"_target_": "os.getcwd"}}, "{given}: policy has the name '_target_'"),
        ({"policy::_target_": "os.getcwd"}, "no override of policy::_target_ is taken"),
        ({"run": []}, "no override of run is taken"),
        ({"imports": ["x"]}, "no override of imports is taken"),
    ],
)
def test_an_override_that_would_be_evaluated_is_refused_before_anything_runs(stage, given, overrides, reason):
    with pytest.raises(RecordError, match=reason.format(given=given)) as refused:
        play(stage, **{given: overrides})
    assert len(str(refused.value).splitlines()) == 1
    assert not (stage / "calls.jsonl").exists()


def test_folders_whose_names_hold_marks_are_handed_on(stage):
    play(stage, refine_overrides={"dataset_dir": "/data/a@b/50%/$c"})


def test_settings_of_a_student_leave_out_paths_expressions_and_components(stage):
    configs = stage / "student" / "configs"
    (configs / "inference.json").write_text(
        json.dumps({"embed_dim": 48, "overlap": 0.5, "device": "$d", "output_dir": "o", "network": {}, "pixdim": [1]})
    )
    overlay = {"embed_dim": 16, "device": "$gpu", "output_dir": "o", "network": {"_target_": "x"}, "max_epochs": 1}
    (stage / "overlay.json").write_text(json.dumps(overlay | {"pixdim": [2, 2, 2]}))
    found = student_settings(
        configs / "inference.json", [configs / "train.json", stage / "overlay.json"], {"overlap": 0.25}
    )
    assert found == {"embed_dim": 16, "pixdim": [2, 2, 2], "overlap": 0.25}
