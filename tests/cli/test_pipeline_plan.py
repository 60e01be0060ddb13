"""What would end a step of the pipeline is said before the first step."""

from __future__ import annotations

import json

import pytest

from swinx.cli.pipeline_plan import plan_pipeline
from swinx.data import load_data_list


def a_list(folder, annotated=(1, 2), cases=12, **sections):
    folder.mkdir(exist_ok=True)
    entries = []
    for number in range(cases):
        (folder / f"c{number}.nii.gz").touch()
        entry = {"case": f"c{number}", "image": f"c{number}.nii.gz", "label": f"c{number}.nii.gz"}
        entries.append(entry | ({} if annotated is None else {"annotated": list(annotated)}))
    (folder / "datalist.json").write_text(json.dumps({"training": entries, **sections}))
    return folder / "datalist.json"


def test_a_list_of_training_cases_alone_has_what_every_step_needs(tmp_path):
    out = tmp_path / "out" / "datalist.json"
    notes, faults = plan_pipeline(a_list(tmp_path / "data"), out)
    assert faults == []
    assert "2 validation" in notes[0]
    assert "learns liver, right kidney from 10 complete cases, fold 0" in notes[1]
    assert len(load_data_list(out, "validation", need_label=True)) == 2


def test_a_second_plan_holds_out_the_same_cases(tmp_path):
    out = tmp_path / "out" / "datalist.json"
    listed = a_list(tmp_path / "data")
    plan_pipeline(listed, out, seed=1)
    first = out.read_text()
    plan_pipeline(listed, out, seed=1)
    assert out.read_text() == first


@pytest.mark.parametrize(
    ("options", "words", "fault"),
    [
        ({"annotated": None}, {}, "teacher: no case says which classes are annotated"),
        ({}, {"section": "testing"}, "evaluate: no case in 'testing'"),
        ({}, {"skip": ["teacher"]}, "refine: the teacher is skipped, and no model folder is given"),
        ({}, {"skip": ["train"]}, "SKIP=train: "),
        ({}, {"skip": ["evaluate"]}, "SKIP=evaluate: "),
        ({}, {"arguments": {"train": "--max_epoch 3"}}, "train: there is no setting max_epoch"),
        ({}, {"arguments": {"refine": "--epochs=3 --tracking settings.json"}}, "refine: there is no setting epochs"),
        ({}, {"arguments": {"pretrain": "--max_epochs 1.5"}}, "pretrain: max_epochs is 1.5"),
        ({}, {"skip": ["treacher"]}, "SKIP=treacher: no such step"),
    ],
)
def test_what_will_fail_is_foretold(tmp_path, options, words, fault):
    listed, out = a_list(tmp_path / "data", **options), tmp_path / "out" / "datalist.json"
    _, faults = plan_pipeline(listed, out, work_dir=tmp_path / "out", **words)
    assert len(faults) == 1
    assert faults[0].startswith(fault)


@pytest.mark.parametrize("skip", [["refine"], ["refine", "teacher"]])
def test_a_step_that_is_skipped_needs_nothing(tmp_path, skip):
    listed = a_list(tmp_path / "data", annotated=None)
    assert plan_pipeline(listed, tmp_path / "out" / "datalist.json", skip=skip)[1] == []


def test_a_teacher_of_the_users_own_is_taken(tmp_path):
    (tmp_path / "plans.json").write_text("{}")
    notes, faults = plan_pipeline(
        a_list(tmp_path / "data", annotated=None), tmp_path / "out.json", skip=["teacher"], teacher=tmp_path
    )
    assert faults == []
    assert f"teacher: {tmp_path}" in notes


def test_results_of_earlier_runs_stand_in_for_steps_that_are_left_out(tmp_path):
    for name in ("models/model.pt", "evaluation/scores.csv"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    listed = a_list(tmp_path / "data")
    for skip in (["train"], ["evaluate"], ["train", "evaluate"]):
        assert plan_pipeline(listed, tmp_path / "out.json", skip=skip, work_dir=tmp_path)[1] == []
    for skip in (["train", "evaluate", "report"], ["evaluate", "report"]):
        assert plan_pipeline(listed, tmp_path / "out.json", skip=skip, work_dir=tmp_path / "empty")[1] == []


def test_settings_of_components_and_of_skipped_steps_are_left_to_the_step(tmp_path):
    arguments = {"train": "--network_def#dropout 0.1 --window_hu '[-200, 300]'", "refine": "--nonsense 1"}
    listed = a_list(tmp_path / "data")
    assert plan_pipeline(listed, tmp_path / "out.json", skip=["refine", "teacher"], arguments=arguments)[1] == []
