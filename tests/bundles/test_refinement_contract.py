"""The refinement bundle's configurations agree with each other and satisfy MONAI's properties."""

from __future__ import annotations

import json

import pytest
from monai.bundle import ConfigWorkflow

from support.bundles import ROOT
from support.refinement import REFINEMENT, flawed_teacher, partial_cohort
from swinx.labels import CLASS_NAMES

FOLDER = ROOT / REFINEMENT


def content(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text())


@pytest.mark.slow
def test_monai_misses_no_property_of_the_inference(tmp_path, monkeypatch):
    cohort = partial_cohort(tmp_path / "cohort", labelled=1, unlabelled=0, validation=0)
    monkeypatch.chdir(ROOT)
    workflow = ConfigWorkflow(
        config_file=[str(FOLDER / "inference.json"), str(FOLDER / "teacher_folder.json")],
        meta_file=str(FOLDER / "metadata.json"),
        workflow_type="inference",
        dataset_dir=str(cohort / "imagesTr2200" / "FLARE23_0001_0000.nii.gz"),
        teacher_dir=str(flawed_teacher(cohort, tmp_path / "teacher")),
        output_dir=str(tmp_path / "out"),
    )
    workflow.initialize()
    missing = workflow.check_properties() or []
    assert missing == []


def test_one_case_is_refined_as_all_are():
    refine, inference = content("refine"), content("inference")
    repeated = ["teacher", "policy", "filters", "preprocessing", "postprocessing", "records", "evaluator", "inferer"]
    for name in [*repeated, "settings", "network_def", "bundle_root", "teacher_dir", "folds", "label_map"]:
        assert refine[name] == inference[name], name


def test_the_paper_s_policy_is_the_default():
    policy = content("refine")["policy"]
    assert policy["_target_"] == "swinx.refinement.FillUnannotated"
    assert content("refine")["selection"] == []


def test_sides_are_put_right_before_the_second_piece_of_an_organ_is_removed():
    names = [step["_target_"].rpartition(".")[2] for step in content("refine")["filters"]]
    assert names.index("Laterality") < names.index("LargestComponent")


def test_overlays_change_only_what_they_are_for():
    refine = content("refine")
    for name in ("teacher_folder", "teacher_bundle"):
        assert set(content(name)) - {"teacher_bundle", "teacher_checkpoint", "teacher_overrides"} <= set(refine)
    assert content("multi_gpu_refine")["run"] == refine["run"]
    assert content("multi_gpu_refine")["finalize"] == ["$idist.finalize()", *refine["finalize"]]


def test_metadata_tell_the_classes_and_the_version():
    metadata = content("metadata")
    assert metadata["version"] in metadata["changelog"]
    channels = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
    assert [channels[str(index)] for index in range(15)] == list(CLASS_NAMES)
