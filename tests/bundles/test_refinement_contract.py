"""The refinement bundle's configurations agree with each other and satisfy MONAI's properties."""

from __future__ import annotations

import json

import pytest
from monai.bundle import ConfigParser, ConfigWorkflow

from support.bundles import ROOT, run_bundle
from support.refinement import REFINEMENT, flawed_teacher, partial_cohort
from swinx.labels import FLARE23

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


def merged(*names: str) -> dict:
    return ConfigParser.load_config_files([str(FOLDER / f"{name}.json") for name in names])


def test_one_case_is_refined_as_all_are():
    overlay = content("refine")
    for name in [
        "teacher",
        "policy",
        "filters",
        "preprocessing",
        "postprocessing",
        "records",
        "inferer",
        "settings",
        "dataloader",
        "evaluator",
    ]:
        assert name not in overlay, name
    assert overlay["+dataloader"] == overlay["+evaluator"] == {"_mode_": "callable"}
    assert merged("inference", "refine")["handlers"][:2] == content("inference")["handlers"]


def test_the_paper_s_policy_is_the_default():
    configuration = merged("inference", "refine")
    assert configuration["policy"]["_target_"] == "swinx.refinement.FillUnannotated"
    assert configuration["selection"] == []


def test_sides_are_put_right_before_the_second_piece_of_an_organ_is_removed():
    names = [step["_target_"].rpartition(".")[2] for step in content("inference")["filters"]]
    assert names.index("Laterality") < names.index("LargestComponent")


def test_overlays_change_only_what_they_are_for():
    refine = merged("inference", "refine")
    for name in ("teacher_folder", "teacher_bundle"):
        assert set(content(name)) - {"teacher_bundle", "teacher_checkpoint", "teacher_overrides", "+imports"} <= set(
            refine
        )
    assert "run" not in content("multi_gpu_refine")
    assert content("multi_gpu_refine")["finalize"] == ["$idist.finalize()", *refine["finalize"]]


@pytest.mark.slow
def test_the_overlay_alone_ends_with_the_right_command():
    finished = run_bundle("refine", "refine", configs=REFINEMENT)
    assert finished.returncode == 1
    last = finished.stderr.strip().splitlines()[-1]
    files = f"['{REFINEMENT}/inference.json','{REFINEMENT}/refine.json']"
    assert last.endswith(f'stopped: refine.json is an overlay; give --config_file "{files}"'), last
    assert "Traceback" not in finished.stderr


def test_metadata_tell_the_classes_and_the_version():
    metadata = content("metadata")
    assert metadata["version"] in metadata["changelog"]
    channels = metadata["network_data_format"]["outputs"]["pred"]["channel_def"]
    assert [channels[str(index)] for index in range(15)] == list(FLARE23.names)
