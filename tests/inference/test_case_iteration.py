"""CaseIteration: one bad case, wherever it fails, costs no other case."""

from __future__ import annotations

import logging

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.engines import SupervisedEvaluator

from support.geometry import oblique_affine
from support.inference import BRIGHT_HU, segment, write_scan
from swinx.inference import CaseIteration


def dice(one: torch.Tensor, two: torch.Tensor) -> float:
    return float(2 * (one & two).sum() / (one.sum() + two.sum()))


@pytest.fixture
def cases(tmp_path):
    """Good scans around one that cannot be read, one the network gives up on, and one that cannot be saved."""
    affine = oblique_affine("LPS")
    for seed, case in enumerate(["first", "between", "unsaved", "last"]):
        write_scan(tmp_path / "scans" / f"{case}.nii.gz", affine, seed)
    write_scan(tmp_path / "scans" / "heavy.nii.gz", affine, hu=300)
    broken = write_scan(tmp_path / "scans" / "broken.nii.gz", affine)
    broken.write_bytes(broken.read_bytes()[:500])
    (tmp_path / "out" / "unsaved.nii.gz").mkdir(parents=True)
    order = ["first", "broken", "heavy", "between", "unsaved", "last"]
    return [{"case": case, "image": str(tmp_path / "scans" / f"{case}.nii.gz")} for case in order]


@pytest.mark.parametrize("num_workers", [0, 1])
def test_bad_cases_are_named_and_all_others_finish(tmp_path, cases, num_workers):
    records = segment(cases, tmp_path / "out", num_workers)
    assert [record["case"] for record in records.done] == ["first", "between", "last"]
    reasons = {failure["case"]: failure["reason"] for failure in records.failed}
    assert list(reasons) == ["broken", "heavy", "unsaved"]
    assert "broken.nii.gz" in reasons["broken"]
    assert reasons["heavy"] == "RuntimeError: out of memory on device"
    assert f"cannot write {tmp_path / 'out' / 'unsaved.nii.gz'}" in reasons["unsaved"]
    written = sorted(path.name for path in (tmp_path / "out").glob("*.nii.gz") if path.is_file())
    assert written == ["between.nii.gz", "first.nii.gz", "last.nii.gz"]
    assert not list((tmp_path / "out").glob(".*")), "nothing half-written"


def test_a_case_after_a_bad_one_is_segmented_as_if_alone(tmp_path, cases):
    segment(cases, tmp_path / "out")
    segment(cases[-1:], tmp_path / "alone")
    assert (tmp_path / "out" / "last.nii.gz").read_bytes() == (tmp_path / "alone" / "last.nii.gz").read_bytes()


def test_the_prediction_is_that_of_the_network_on_the_grid_of_the_scan(tmp_path, cases):
    segment(cases[:1], tmp_path / "out")
    scan, prediction = nib.load(cases[0]["image"]), nib.load(tmp_path / "out" / "first.nii.gz")
    np.testing.assert_array_equal(prediction.affine, scan.affine)
    assert prediction.get_data_dtype() == np.uint8
    bright = np.asarray(scan.dataobj) > BRIGHT_HU
    assert dice(torch.as_tensor(np.asarray(prediction.dataobj) == 1), torch.as_tensor(bright)) > 0.85


def test_an_unforeseen_error_leaves_its_traceback_in_the_log_and_a_bad_file_does_not(tmp_path, cases, caplog):
    with caplog.at_level(logging.INFO):
        segment(cases, tmp_path / "out")
    traced = [record for record in caplog.records if record.exc_info]
    assert [record.getMessage() for record in traced] == ["case heavy failed"]


def test_an_interrupt_by_the_user_is_no_bad_case():
    def interrupted(*_):
        raise KeyboardInterrupt

    network = torch.nn.Identity()
    network.register_forward_pre_hook(interrupted)
    image = torch.zeros(1, 1, 4, 4, 4)
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=[{"case": ["a"], "image": image}],
        network=network,
        iteration_update=CaseIteration(),
    )
    with pytest.raises(KeyboardInterrupt):
        evaluator.run()
