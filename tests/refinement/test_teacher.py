"""What every teacher promises, and a teacher in a network's place."""

from __future__ import annotations

import sys

import pytest
import torch
from monai.data import MetaTensor, list_data_collate

from support.bundles import run
from swinx.errors import CaseError
from swinx.refinement import Prediction, Teacher, TeacherNetwork
from swinx.refinement.teachers.teacher import check_scan


class Echo:
    """A teacher that labels what is bright and remembers how the case was called."""

    name, classes, fingerprint = "echo", (1,), "0"

    def predict(self, case: str, image: MetaTensor) -> Prediction:
        """Label what is above 100 HU."""
        self.case, self.affine = case, image.affine
        return Prediction((image.as_tensor() > 100).to(torch.uint8), [f"{case} was seen"])


@pytest.mark.parametrize("case", [None, ["bertha"]])
def test_a_teacher_in_a_networks_place_gets_the_scan_and_its_name(scan, case, caplog):
    caplog.set_level("INFO")
    teacher = Echo()
    assert isinstance(teacher, Teacher)
    batch = list_data_collate([{"image": scan}])
    output = TeacherNetwork(teacher)(batch["image"], case=case)
    assert teacher.case == (case[0] if case else "anna")
    torch.testing.assert_close(teacher.affine, scan.affine)
    assert torch.equal(output.as_tensor()[0, 0], (scan.as_tensor()[0] > 100).to(torch.uint8))
    torch.testing.assert_close(output[0].affine, scan.affine)
    assert f"echo: {teacher.case}: {teacher.case} was seen" in caplog.text


def test_two_scans_at_once_are_refused(scan):
    batch = list_data_collate([{"image": scan}, {"image": scan}])
    with pytest.raises(ValueError, match=r"give one scan with metadata, not MetaTensor \(2, 1, 16, 14, 9\)"):
        TeacherNetwork(Echo())(batch["image"])


@pytest.mark.parametrize("labels", [torch.zeros(1, 2, 2, 2), torch.zeros(2, 2, 2, dtype=torch.uint8)])
def test_a_prediction_is_uint8_maps_and_nothing_else(labels):
    with pytest.raises(ValueError, match=r"must be uint8 \(N, X, Y, Z\)"):
        Prediction(labels)


def test_a_scan_has_one_channel_and_three_dimensions():
    with pytest.raises(CaseError, match=r"anna: expected one channel in three dimensions, found shape \(2, 3, 3, 3\)"):
        check_scan("anna", MetaTensor(torch.zeros(2, 3, 3, 3)))


@pytest.mark.slow
def test_teachers_can_be_imported_where_nnunet_is_not():
    forget = "for name in [name for name in sys.modules if name.startswith(('swinx', 'nnunet'))]: del sys.modules[name]"
    use = "import swinx.refinement; swinx.refinement.NnUNetTeacher"
    program = "\n".join(["import sys", forget, "sys.modules['nnunetv2'] = None", use])
    done = run([sys.executable, "-c", program])
    assert done.returncode == 0, done.stderr[-3000:]
