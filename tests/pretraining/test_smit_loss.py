"""SmitLoss: a weighted sum that changes nothing, is the same however scans are split, and spares the teacher."""

from __future__ import annotations

import copy

import pytest
import torch

from swinx.networks import SwinEncoder
from swinx.pretraining import SmitLoss, SmitNetwork, SmitOutput, TeacherCentre, Temperatures
from swinx.pretraining.masking import enlarge_blocks

TEMPERATURES = Temperatures(patch=0.05, image=0.06)
SCANS, TOKENS, PROTOTYPES = 3, 8, 16


def random_output(seed: int, mask: torch.Tensor, views: torch.Tensor) -> SmitOutput:
    generator = torch.Generator().manual_seed(seed)
    number = len(views)
    draw = [torch.rand(shape, generator=generator) * 2 - 1 for shape in ((number, TOKENS, PROTOTYPES), (number, 1, 16))]
    return SmitOutput(
        patch_logits=draw[0].requires_grad_(),
        image_logits=draw[1].requires_grad_(),
        patch_tokens=torch.zeros(number, TOKENS, 4),
        image_token=torch.zeros(number, 4),
        token_mask=mask.flatten(1),
        reconstruction=torch.rand(views.shape, generator=generator).requires_grad_(),
    )


@pytest.fixture
def step() -> tuple[SmitOutput, SmitOutput, torch.Tensor, torch.Tensor]:
    """Student, teacher, views and mask of two views of three scans; four of eight blocks hidden in each."""
    generator = torch.Generator().manual_seed(0)
    views = torch.rand(2 * SCANS, 1, 8, 8, 8, generator=generator)
    order = torch.stack([torch.randperm(TOKENS, generator=generator) for _ in range(2 * SCANS)])
    mask = (order < TOKENS // 2).float().view(2 * SCANS, 1, 2, 2, 2)
    return random_output(1, mask, views), random_output(2, mask, views), views, mask


def moved(loss: SmitLoss) -> SmitLoss:
    """Give a loss centres that are not zero."""
    generator = torch.Generator().manual_seed(9)
    for centre in (loss.patch_centre, loss.image_centre):
        centre.centre.copy_(torch.rand(1, 1, PROTOTYPES, generator=generator) - 0.5)
    return loss


@pytest.mark.parametrize("weights", [(1.0, 0.1, 0.1), (0.0, 2.0, 3.0), (0.5, 0.0, 0.0)])
def test_the_total_is_the_weighted_sum_of_the_terms(step, weights):
    names = ("masked_prediction_weight", "patch_weight", "image_weight")
    terms = moved(SmitLoss(PROTOTYPES, **dict(zip(names, weights, strict=True))))(*step, TEMPERATURES)
    unweighted = moved(SmitLoss(PROTOTYPES))(*step, TEMPERATURES)
    assert terms[1:] == unweighted[1:], "the terms themselves are not weighted"
    expected = sum(weight * term for weight, term in zip(weights, terms[1:], strict=True))
    torch.testing.assert_close(terms.total, expected)
    assert min(terms[1:]) > 0


def test_default_weights_are_those_of_the_paper():
    assert SmitLoss().weights == (1.0, 0.1, 0.1)


def test_a_term_without_weight_gives_no_gradient(step):
    student, teacher, views, mask = step
    SmitLoss(PROTOTYPES, 1.0, 0.0, 0.0)(student, teacher, views, mask, TEMPERATURES).total.backward()
    assert student.reconstruction.grad.abs().max() > 0
    assert student.patch_logits.grad.abs().max() == 0
    assert student.image_logits.grad.abs().max() == 0


def test_forward_changes_neither_centres_nor_inputs_and_gives_the_same_twice(step):
    loss = moved(SmitLoss(PROTOTYPES)).train()
    buffers = {name: tensor.clone() for name, tensor in loss.state_dict().items()}
    before = [tensor.clone() for tensor in (*step[0], *step[1], *step[2:])]
    first, second = loss(*step, TEMPERATURES), loss(*step, TEMPERATURES)
    assert first == second
    assert all(torch.equal(loss.state_dict()[name], tensor) for name, tensor in buffers.items())
    after = (*step[0], *step[1], *step[2:])
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_the_teacher_gets_no_gradient(step):
    student, teacher, views, mask = step
    SmitLoss(PROTOTYPES)(student, teacher, views, mask, TEMPERATURES).total.backward()
    assert all(tensor.grad is None for tensor in teacher)
    assert all(tensor.grad.abs().max() > 0 for tensor in (student.patch_logits, student.image_logits))


def test_the_loss_of_all_scans_is_the_mean_of_the_losses_of_each_process(step):
    """First views come before second views, so a process with some scans holds their rows of both halves."""
    student, teacher, views, mask = step
    loss = moved(SmitLoss(PROTOTYPES))
    whole = loss(student, teacher, views, mask, TEMPERATURES)
    parts = []
    for scan in range(SCANS):
        rows = [scan, SCANS + scan]
        one, other = (SmitOutput(*(tensor[rows] for tensor in output)) for output in (student, teacher))
        parts.append(torch.stack(loss(one, other, views[rows], mask[rows], TEMPERATURES)))
    torch.testing.assert_close(torch.stack(parts).mean(dim=0), torch.stack(whole))
    gradient = torch.autograd.grad(whole.total, student.patch_logits, retain_graph=True)[0]
    torch.testing.assert_close(
        torch.autograd.grad(torch.stack(parts).mean(dim=0)[0], student.patch_logits)[0], gradient
    )


def test_the_order_of_the_scans_does_not_matter_but_that_of_the_halves_is_one_of_pairs(step):
    student, teacher, views, mask = step
    loss = moved(SmitLoss(PROTOTYPES))

    def of(rows):
        one, other = (SmitOutput(*(tensor[rows] for tensor in output)) for output in (student, teacher))
        return loss(one, other, views[rows], mask[rows], TEMPERATURES)

    whole = of(list(range(6)))
    torch.testing.assert_close(torch.stack(of([2, 0, 1, 5, 3, 4])), torch.stack(whole))
    torch.testing.assert_close(torch.stack(of([3, 4, 5, 0, 1, 2])), torch.stack(whole))
    mispaired = of([0, 3, 1, 4, 2, 5])
    assert abs(mispaired.image_distillation - whole.image_distillation) > 1e-3
    torch.testing.assert_close(mispaired.patch_distillation, whole.patch_distillation)


def test_each_temperature_belongs_to_its_own_term(step):
    loss = SmitLoss(PROTOTYPES)
    base, patch, image = (loss(*step, Temperatures(*pair)) for pair in ((0.04, 0.04), (0.07, 0.04), (0.04, 0.07)))
    assert patch.patch_distillation != base.patch_distillation
    assert patch.image_distillation == base.image_distillation
    assert image.image_distillation != base.image_distillation
    assert image.patch_distillation == base.patch_distillation


def test_each_centre_belongs_to_its_own_term(step):
    base = SmitLoss(PROTOTYPES)(*step, TEMPERATURES)
    for name, changed, kept in (("patch", 2, 3), ("image", 3, 2)):
        loss = SmitLoss(PROTOTYPES)
        getattr(loss, f"{name}_centre").centre[..., 0] = 1.0
        terms = loss(*step, TEMPERATURES)
        assert terms[changed] != base[changed]
        assert terms[kept] == base[kept]


def test_centres_are_saved_and_come_back(step, tmp_path):
    loss = SmitLoss(PROTOTYPES)
    loss.update_centres(step[1])
    assert set(loss.state_dict()) == {"patch_centre.centre", "image_centre.centre"}
    torch.save(loss.state_dict(), tmp_path / "loss.pt")
    again = SmitLoss(PROTOTYPES)
    again.load_state_dict(torch.load(tmp_path / "loss.pt", weights_only=True))
    assert again(*step, TEMPERATURES) == loss(*step, TEMPERATURES)
    assert again.patch_centre.centre.abs().max() > 0


def test_update_centres_is_the_centre_s_own_update_of_each(step):
    loss = moved(SmitLoss(PROTOTYPES, centre_momentum=0.75))
    expected = copy.deepcopy(loss)
    patch, image = TeacherCentre(PROTOTYPES, 0.75), TeacherCentre(PROTOTYPES, 0.75)
    patch.load_state_dict(expected.patch_centre.state_dict())
    image.load_state_dict(expected.image_centre.state_dict())
    for _ in range(2):
        loss.update_centres(step[1])
        patch.update(step[1].patch_logits)
        image.update(step[1].image_logits)
    assert torch.equal(loss.patch_centre.centre, patch.centre)
    assert torch.equal(loss.image_centre.centre, image.centre)
    assert not loss.patch_centre.centre.requires_grad
    by_hand = 0.75**2 * expected.image_centre.centre + (1 - 0.75**2) * step[1].image_logits.mean(dim=(0, 1))
    torch.testing.assert_close(loss.image_centre.centre, by_hand.detach())


def test_the_student_s_own_logits_do_not_move_the_centres(step):
    loss = SmitLoss(PROTOTYPES)
    loss(*step, TEMPERATURES).total.backward()
    assert loss.patch_centre.centre.abs().max() == 0
    assert loss.image_centre.centre.abs().max() == 0


def test_a_student_without_reconstruction_is_refused(step):
    student, *rest = step
    with pytest.raises(ValueError, match="no reconstruction"):
        SmitLoss(PROTOTYPES)(student._replace(reconstruction=None), *rest, TEMPERATURES)


def test_blocks_of_32_voxels_are_the_eight_blocks_of_16_that_they_hold():
    """The network's patch tokens stand for 16 voxels; a larger block hides several of them."""
    torch.manual_seed(0)
    encoder = SwinEncoder(embed_dim=4, num_heads=(1, 2, 2, 4), drop_path_rate=0.0)
    network = SmitNetwork(encoder, out_dim=PROTOTYPES, hidden_dim=16, bottleneck_dim=8).eval()
    generator = torch.Generator().manual_seed(1)
    views, coarse = torch.rand(2, 1, 64, 64, 64, generator=generator), torch.zeros(2, 1, 2, 2, 2)
    coarse[0, 0, 0, 1], coarse[1, 0, 1] = 1, 1
    loss, terms = SmitLoss(PROTOTYPES), []
    with torch.no_grad():
        teacher = network.distil(views)
        for mask in (coarse, enlarge_blocks(coarse, (4, 4, 4))):
            student = network.distil(views, mask)
            assert student.token_mask.sum(dim=1).tolist() == [16, 32]
            terms.append(loss(student, teacher, views, mask, TEMPERATURES))
    assert terms[0] == terms[1]
    hidden = torch.zeros_like(views)
    hidden[0, 0, :32, 32:], hidden[1, 0, 32:] = 1, 1
    by_hand = (student.reconstruction - views).abs()[hidden == 1].mean()
    torch.testing.assert_close(terms[0].masked_prediction, by_hand)


@pytest.mark.parametrize("setting", [{"out_dim": 0}, {"patch_weight": -1.0}, {"image_weight": float("nan")}])
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(ValueError, match="must be 1 or more, and the weights"):
        SmitLoss(**setting)
