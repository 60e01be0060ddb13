"""Rounds of self-training by the documented command: a folder of predictions teaches first, then the student."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from support.bundles import ROOT, SMALL, bundle_command
from support.refinement import REFINEMENT, files_of, flawed_teacher, partial_cohort
from support.warm_programs import run_with_children
from swinx.data import load_data_list

pytestmark = pytest.mark.slow

STUDENT = SMALL | {"pixdim": [6.0, 6.0, 6.0], "max_epochs": 1}


def rounds(cohort: Path, teacher: Path, out: Path, number: int = 2):
    """The documented command line, with a small student."""
    command = bundle_command(
        "refine",
        "rounds",
        configs=REFINEMENT,
        rounds=number,
        dataset_dir=cohort,
        teacher_dir=teacher,
        output_dir=out,
        refine_configs=[
            f"{REFINEMENT}/inference.json",
            f"{REFINEMENT}/refine.json",
            f"{REFINEMENT}/teacher_folder.json",
        ],
        last_round=[f"{REFINEMENT}/low_disagreement.json"],
        refine_overrides={"progress": False, "check_volumes": False},  # students of one epoch are no anatomists
        student_overrides=STUDENT,
    )
    return run_with_children(command, ROOT)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    root = tmp_path_factory.mktemp("rounds")
    cohort = partial_cohort(root / "cohort", labelled=3, unlabelled=1)
    return cohort, flawed_teacher(cohort, root / "teacher"), root / "out"


@pytest.fixture(scope="module")
def finished(places) -> Path:
    ended = rounds(*places)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert f"train from: {places[2]}/round_2/refined/datalist.json" in ended.stdout
    return places[2]


def test_the_student_teaches_the_second_round(finished):
    first, second = (json.loads((finished / f"round_{k}/refined/manifest.json").read_text()) for k in (1, 2))
    assert first["settings"]["teacher"]["fingerprint"] != second["settings"]["teacher"]["fingerprint"]
    assert second["settings"]["teacher_name"] == "swinx_seg"
    assert second["settings"]["previous"] == [first["fingerprint"]]


def test_rounds_disagree_in_numbers_and_the_last_is_selected_by_them(finished):
    first, second = (pd.read_csv(finished / f"round_{k}/refined/cases.csv", index_col="case") for k in (1, 2))
    assert first["disagreement"].isna().all()
    assert second["disagreement"].notna().all()
    left_out = second[~second["selected"]]
    assert left_out["reason"].str.contains("the 0.962 quantile").all()
    assert left_out.index.tolist() == [second["disagreement"].idxmax()]
    trained = {item["case"] for item in load_data_list(finished / "round_2/refined/datalist.json", "training")}
    assert trained == set(second[second["selected"]].index)


def test_the_same_command_again_does_nothing_twice(finished, places):
    before = files_of(finished)
    model = (finished / "round_1/student/model.pt").stat().st_mtime_ns
    again = rounds(*places)
    assert again.returncode == 0, again.stderr[-3000:]
    assert "is trained already" in again.stderr + again.stdout + (finished / "rounds.log").read_text()
    assert files_of(finished) == before
    assert (finished / "round_1/student/model.pt").stat().st_mtime_ns == model
