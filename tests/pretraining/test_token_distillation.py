"""The distillation losses equal the published ones over seven calls, centres included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from swinx.pretraining import (
    ImageTokenDistillationLoss,
    PatchTokenDistillationLoss,
    SmitLoss,
    TeacherCentre,
    TemperatureSchedule,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "smit_small.npz"


def replay(path: Path) -> None:
    """Run the calls that a file of golden vectors holds, and compare losses and centres."""
    golden = np.load(path)
    calls = sum(name.endswith("_epoch") for name in golden.files)
    assert calls > 0, f"{path} holds no calls"
    weights = SmitLoss().weights[1:]
    temperatures = TemperatureSchedule()
    dim = golden["0_student_cls"].shape[-1]
    image_centre, patch_centre = TeacherCentre(dim, momentum=0.9), TeacherCentre(dim, momentum=0.9)
    image_loss, patch_loss = ImageTokenDistillationLoss(), PatchTokenDistillationLoss()
    for call in range(calls):
        student, patches, teacher, teacher_patches, mask = (
            torch.from_numpy(golden[f"{call}_{name}"])
            for name in ("student_cls", "student_patch", "teacher_cls", "teacher_patch", "mask")
        )
        at = temperatures.at(int(golden[f"{call}_epoch"]))
        for centre, name in ((image_centre, "cls"), (patch_centre, "patch")):
            before = golden[f"{call}_center_{name}_before"].ravel()
            np.testing.assert_allclose(centre.centre.numpy().ravel(), before, rtol=1e-5, atol=1e-7)
        itd = image_loss(student, teacher, image_centre.centre, at.image)
        mpd = patch_loss(patches, teacher_patches, patch_centre.centre, at.patch, mask)
        np.testing.assert_allclose(weights[1] * itd.item(), golden[f"{call}_itd_weighted"], rtol=1e-5)
        np.testing.assert_allclose(weights[0] * mpd.item(), golden[f"{call}_mpd_weighted"], rtol=1e-5)
        image_centre.update(teacher)
        patch_centre.update(teacher_patches)
        for centre, name in ((image_centre, "cls"), (patch_centre, "patch")):
            after = golden[f"{call}_center_{name}_after"].ravel()
            np.testing.assert_allclose(centre.centre.numpy().ravel(), after, rtol=1e-5, atol=1e-7)


def test_seven_calls_equal_the_published_losses():
    replay(GOLDEN)


def logits(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_the_teacher_gets_no_gradient_and_the_centre_stays():
    student, teacher, centre = logits(4, 8, 16).requires_grad_(), logits(4, 8, 16).requires_grad_(), TeacherCentre(16)
    PatchTokenDistillationLoss()(student, teacher, centre.centre, 0.04, torch.ones(4, 8)).backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert centre.centre.abs().max() == 0


def test_visible_patch_tokens_get_no_gradient():
    student, mask = logits(4, 8, 16).requires_grad_(), torch.zeros(4, 8)
    mask[:, :3] = 1
    PatchTokenDistillationLoss()(student, logits(4, 8, 16).flip(0), torch.zeros(1, 1, 16), 0.04, mask).backward()
    assert student.grad is not None
    assert student.grad[:, 3:].abs().max() == 0
    assert student.grad[:, :3].abs().amax(dim=-1).min() > 0


def test_nothing_hidden_is_zero():
    loss = PatchTokenDistillationLoss()(logits(2, 8, 4), logits(2, 8, 4), torch.zeros(1, 1, 4), 0.04, torch.zeros(2, 8))
    assert loss == 0


def test_image_tokens_are_compared_across_views_not_within():
    """A student that repeats the teacher's other view is near the minimum; one that repeats its own view is not."""
    teacher = 10 * torch.eye(4)
    loss = ImageTokenDistillationLoss()
    across = loss(teacher.roll(2, dims=0), teacher, torch.zeros(1, 4), 0.04)
    within = loss(teacher, teacher, torch.zeros(1, 4), 0.04)
    assert across < 1e-3 < within


@pytest.mark.parametrize("mask", [torch.ones(4, 7), torch.ones(3, 8)])
def test_masks_of_other_tokens_are_refused(mask):
    with pytest.raises(ValueError, match="do not fit together"):
        PatchTokenDistillationLoss()(logits(4, 8, 16), logits(4, 8, 16), torch.zeros(1, 1, 16), 0.04, mask)


def test_an_odd_number_of_views_is_refused():
    with pytest.raises(ValueError, match="two views"):
        ImageTokenDistillationLoss()(logits(3, 1, 4), logits(3, 1, 4), torch.zeros(1, 1, 4), 0.04)


def test_centre_of_another_size_is_refused():
    with pytest.raises(ValueError, match="do not end in"):
        TeacherCentre(4).update(logits(2, 5))


def test_a_centre_survives_a_step_that_overflowed():
    centre = TeacherCentre(4)
    centre.update(logits(2, 5, 4))
    before = centre.centre.clone()
    overflow = logits(2, 5, 4)
    overflow[0, 0, 0] = float("inf")
    centre.update(overflow)
    assert torch.equal(centre.centre, before)
    centre.update(logits(2, 5, 4) + 1)
    assert not torch.equal(centre.centre, before)


@pytest.mark.parametrize("temperature", [0.0, -0.1, float("nan")])
def test_a_temperature_that_is_none_is_refused(temperature):
    for kind in (ImageTokenDistillationLoss, PatchTokenDistillationLoss):
        with pytest.raises(ValueError, match="student_temperature must be above 0"):
            kind(temperature)
