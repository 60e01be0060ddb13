"""PartialDiceCELoss: what nobody annotated costs nothing, and complete labels give MONAI's loss."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor
from monai.losses import DiceCELoss

from swinx.training import PartialDiceCELoss, PartialTarget

SIZE = (5, 4, 3)


def batch(seed: int, cases: int = 2, classes: int = 5, spread: float = 3.0, dtype=torch.float32):
    """Logits and complete labels that hold every class."""
    generator = torch.Generator().manual_seed(seed)
    logits = spread * torch.randn(cases, classes, *SIZE, generator=generator, dtype=torch.float64)
    label = torch.randint(0, classes, (cases, 1, *SIZE), generator=generator)
    label.view(cases, -1)[:, :classes] = torch.arange(classes)
    return logits.to(dtype).requires_grad_(), label


def value_and_gradient(loss, logits, target):
    value = loss(logits, target)
    return value.detach(), torch.autograd.grad(value, logits)[0]


def weights_of(*rows):
    return torch.tensor(rows, dtype=torch.float32)


@given(
    seed=st.integers(0, 10_000),
    cases=st.integers(1, 3),
    classes=st.integers(2, 15),
    spread=st.sampled_from([0.1, 3.0, 60.0]),
    include_background=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_complete_labels_give_monai_s_loss_and_gradient(seed, cases, classes, spread, include_background):
    logits, label = batch(seed, cases, classes, spread)
    own, monai = (
        value_and_gradient(loss, logits, target)
        for loss, target in (
            (PartialDiceCELoss(include_background), PartialTarget(label, torch.ones(cases, classes))),
            (DiceCELoss(include_background, to_onehot_y=True, softmax=True), label),
        )
    )
    torch.testing.assert_close(own[0], monai[0], rtol=2e-6, atol=1e-7)
    torch.testing.assert_close(own[1], monai[1], rtol=1e-5, atol=1e-8)


def test_the_terms_are_weighted_as_in_monai_s_loss():
    logits, label = batch(0)
    expected = DiceCELoss(to_onehot_y=True, softmax=True, lambda_dice=0.3, lambda_ce=2.0)(logits, label)
    torch.testing.assert_close(PartialDiceCELoss(lambda_dice=0.3, lambda_ce=2.0)(logits, label), expected)


def test_a_label_map_alone_counts_as_complete():
    logits, label = batch(1)
    assert PartialDiceCELoss()(logits, label) == PartialDiceCELoss()(logits, PartialTarget(label, torch.ones(2, 5)))


def test_a_common_weight_of_all_classes_cancels():
    logits, label = batch(2)
    half = PartialDiceCELoss()(logits, PartialTarget(label, torch.full((2, 5), 0.5)))
    torch.testing.assert_close(half, PartialDiceCELoss()(logits, label))


@pytest.mark.parametrize("factors", [None, [2.0, 1.0, 9.0, 4.0, 3.0]])
@pytest.mark.parametrize("include_background", [True, False])
def test_gradient_of_an_unannotated_class_under_background_is_zero(include_background, factors):
    """Moving probability between background and the class, all others fixed, changes the loss to no order."""
    logits, label = batch(3, dtype=torch.float64)
    label[label == 2] = 0
    where = torch.zeros_like(logits, dtype=torch.bool)[:, :1] | (label == 0)
    loss = PartialDiceCELoss(include_background, cross_entropy_weight=factors)
    target = PartialTarget(label, weights_of([1, 1, 0, 1, 1]).repeat(2, 1))
    value, gradient = value_and_gradient(loss, logits, target)
    probabilities = logits.detach().softmax(dim=1)
    along = gradient[:, 2:3] * probabilities[:, :1] - gradient[:, :1] * probabilities[:, 2:3]
    assert gradient[:, :1][where].abs().max() > 1e-4, "or the test could not fail"
    assert along[where].abs().max() < 1e-12

    joint = probabilities[:, :1] + probabilities[:, 2:3]
    moved = probabilities.clone()
    moved[:, :1], moved[:, 2:3] = 1e-9 * joint, (1 - 1e-9) * joint
    moved = torch.where(where, moved, probabilities)
    torch.testing.assert_close(loss(moved.log(), target), value, rtol=1e-12, atol=1e-12)
    complete = PartialTarget(label, torch.ones(2, 5))
    assert loss(moved.log(), complete) > 1.5 * loss(logits, complete), "or nothing was moved"


def test_being_sure_of_an_unannotated_class_costs_nothing_but_being_sure_of_an_annotated_one_does():
    label = torch.zeros(1, 1, *SIZE, dtype=torch.long)
    target = PartialTarget(label, weights_of([1, 1, 0]))
    for sure_of, free in ((0, True), (2, True), (1, False)):
        logits = torch.zeros(1, 3, *SIZE)
        logits[:, sure_of] = 50.0
        logits.requires_grad_()
        value, gradient = value_and_gradient(PartialDiceCELoss(include_background=False), logits, target)
        assert (value < 1e-6) == free
        assert (gradient.abs().max() < 1e-6) == free


def test_annotated_classes_are_learned_where_others_are_not_annotated():
    logits, label = batch(4)
    target = PartialTarget(label, weights_of([1, 1, 0, 0, 0]).repeat(2, 1))
    _, gradient = value_and_gradient(PartialDiceCELoss(), logits, target)
    of_class = gradient[:, 1:2][label == 1]
    assert (of_class < 0).all(), "its logit must rise in every voxel drawn"


def test_the_loss_is_that_of_the_merged_problem():
    """By hand: a softmax over the joint class and the annotated ones, with the joint class as label 0."""
    logits, label = batch(5, classes=4, dtype=torch.float64)
    partial = PartialDiceCELoss()(logits, PartialTarget(label, weights_of([1, 0, 1, 0], [1, 0, 1, 0])))
    probabilities = logits.softmax(dim=1)
    merged = torch.stack([probabilities[:, [0, 1, 3]].sum(dim=1), probabilities[:, 2]], dim=1).log()
    expected = DiceCELoss(to_onehot_y=True, softmax=True)(merged, (label == 2).long())
    torch.testing.assert_close(partial, expected, check_dtype=False, rtol=1e-6, atol=1e-7)


def test_cases_of_a_batch_may_have_different_annotated_classes():
    logits, label = batch(6)
    rows = weights_of([1, 1, 0, 0, 1], [1, 0, 1, 1, 0])
    _, gradient = value_and_gradient(PartialDiceCELoss(lambda_dice=0), logits, PartialTarget(label, rows))
    alone = [
        value_and_gradient(PartialDiceCELoss(lambda_dice=0), logits, PartialTarget(label, rows[[index, index]]))
        for index in (0, 1)
    ]
    for index in (0, 1):
        torch.testing.assert_close(gradient[index], alone[index][1][index])
    assert not torch.allclose(gradient[0], alone[1][1][0])


def test_unknown_voxels_count_for_nothing():
    logits, label = batch(7)
    hole = torch.zeros_like(label, dtype=torch.bool)
    hole[:, :, 1:3] = True
    target = PartialTarget(label.masked_fill(hole, 255), torch.ones(2, 5))
    value, gradient = value_and_gradient(PartialDiceCELoss(), logits, target)
    assert (gradient.movedim(1, 0)[:, hole[:, 0]] == 0).all()
    noise = logits + 5 * hole * torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
    assert PartialDiceCELoss()(noise, target) == value
    cut, label_cut = (torch.cat([x[:, :, :1], x[:, :, 3:]], dim=2) for x in (logits, label))
    torch.testing.assert_close(value, DiceCELoss(to_onehot_y=True, softmax=True)(cut, label_cut))


@pytest.mark.parametrize("include_background", [True, False])
@pytest.mark.parametrize("unknown", [True, False])
def test_a_case_that_knows_nothing_gives_zero_and_no_gradient(include_background, unknown):
    logits, label = batch(8, spread=30.0)
    rows = torch.ones(2, 5) if unknown else weights_of([1, 0, 0, 0, 0]).repeat(2, 1)
    target = PartialTarget(torch.full_like(label, 255) if unknown else label, rows)
    value, gradient = value_and_gradient(PartialDiceCELoss(include_background), logits, target)
    assert value.abs() < 1e-6
    assert gradient.isfinite().all()
    assert gradient.abs().max() < 1e-6


def test_a_case_of_unknown_voxels_does_not_change_the_loss_of_the_other():
    logits, label = batch(9)
    unknown = torch.cat([label[:1], torch.full_like(label[1:], 255)])
    value = PartialDiceCELoss()(logits, PartialTarget(unknown, torch.ones(2, 5)))
    torch.testing.assert_close(value, PartialDiceCELoss()(logits[:1], label[:1]))


def test_a_voxel_drawn_of_an_unannotated_class_counts_as_background_or_unannotated():
    logits, label = batch(10)
    rows = weights_of([1, 1, 0, 1, 0]).repeat(2, 1)
    drawn, blank = (PartialTarget(x, rows) for x in (label, label.masked_fill((label == 2) | (label == 4), 0)))
    assert PartialDiceCELoss()(logits, drawn) == PartialDiceCELoss()(logits, blank)
    assert PartialDiceCELoss()(logits, drawn).isfinite()


@pytest.mark.parametrize("term", [{"lambda_dice": 0.0}, {"lambda_ce": 0.0}], ids=["cross-entropy", "dice"])
def test_a_pseudo_class_pulls_less_the_lower_its_weight(term):
    logits, label = batch(11)
    pulls = []
    for weight in (1.0, 0.5, 0.1):
        rows = weights_of([1, 1, weight, 1, 1]).repeat(2, 1)
        _, gradient = value_and_gradient(PartialDiceCELoss(**term), logits, PartialTarget(label, rows))
        pulls.append(-gradient[:, 2:3][label == 2].mean())
    assert pulls == sorted(pulls, reverse=True)
    assert pulls[0] > 3 * pulls[2] > 0


def test_the_cross_entropy_of_weighted_classes_is_torch_s():
    logits, label = batch(12)
    weights = torch.tensor([1.0, 0.3, 1.0, 0.7, 0.2])
    own = PartialDiceCELoss(lambda_dice=0)(logits, PartialTarget(label, weights.repeat(2, 1)))
    torch.testing.assert_close(own, torch.nn.functional.cross_entropy(logits, label[:, 0], weight=weights))


def test_factors_of_classes_are_torch_s_and_leave_the_dice_as_it_is():
    logits, label = batch(3)
    factors, complete = [0.2, 1.0, 3.0, 0.0, 5.0], PartialTarget(label, torch.ones(2, 5))
    entropy = PartialDiceCELoss(lambda_dice=0.0, cross_entropy_weight=factors)(logits, complete)
    expected = torch.nn.CrossEntropyLoss(weight=torch.tensor(factors))(logits, label[:, 0])
    torch.testing.assert_close(entropy, expected)
    dice = PartialDiceCELoss(lambda_ce=0.0, cross_entropy_weight=factors)(logits, complete)
    torch.testing.assert_close(dice, PartialDiceCELoss(lambda_ce=0.0)(logits, complete))
    with pytest.raises(ValueError, match="3 cross_entropy_weight for 5 classes"):
        PartialDiceCELoss(cross_entropy_weight=factors[:3])(logits, complete)
    with pytest.raises(ValueError, match="cross_entropy_weight"):
        PartialDiceCELoss(cross_entropy_weight=[1.0, -1.0])


def test_gradients_agree_with_differences():
    logits, label = batch(13, cases=2, classes=4, dtype=torch.float64)
    label[0, 0, 0] = 255
    target = PartialTarget(label, weights_of([1, 1, 0, 0.5], [1, 0, 1, 1]))
    assert torch.autograd.gradcheck(lambda x: PartialDiceCELoss(False)(x, target), logits)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single_precision(dtype):
    logits, label = batch(14, spread=20.0)
    label[0, 0, 0] = 255
    target = PartialTarget(label, weights_of([1, 1, 0, 0.5, 0], [1, 0, 1, 1, 1]))
    half = logits.detach().to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value, gradient = value_and_gradient(PartialDiceCELoss(), half, target)
    assert value.dtype == torch.float32
    assert gradient.isfinite().all()
    assert value == PartialDiceCELoss()(half.detach().float(), target)


@pytest.mark.parametrize("spread", [1e4, 1e30])
def test_huge_logits_do_not_overflow(spread):
    logits, label = batch(15, spread=spread)
    target = PartialTarget(label, weights_of([1, 0, 0, 1, 1], [1, 1, 1, 0, 1]))
    value, gradient = value_and_gradient(PartialDiceCELoss(), logits, target)
    assert value.isfinite()
    assert gradient.isfinite().all()


def test_metadata_of_scans_do_not_travel_into_the_loss():
    logits, label = batch(16)
    target = PartialTarget(MetaTensor(label.float()), MetaTensor(torch.ones(2, 5)))
    value = PartialDiceCELoss()(MetaTensor(logits), target)
    assert type(value) is torch.Tensor
    assert value == PartialDiceCELoss()(logits, label)


@pytest.mark.parametrize(
    ("label", "weights"),
    [
        pytest.param((2, 1, 5, 4, 2), (2, 5), id="label-size"),
        pytest.param((2, 5, 5, 4, 3), (2, 5), id="one-hot-label"),
        pytest.param((2, 1, 5, 4, 3), (5,), id="weights-without-batch"),
        pytest.param((2, 1, 5, 4, 3), (2, 4), id="weights-of-fewer-classes"),
    ],
)
def test_shapes_that_do_not_fit_are_named(label, weights):
    logits, _ = batch(17)
    with pytest.raises(ValueError, match="class weights"):
        PartialDiceCELoss()(logits, PartialTarget(torch.zeros(label), torch.ones(weights)))


def test_ids_that_are_no_class_are_named():
    logits, label = batch(18)
    label[0, 0, 0, 0, 0] = 5
    with pytest.raises(ValueError, match=r"outside 0..4 that are not 255: \[5\]"):
        PartialDiceCELoss()(logits, label)


def test_a_negative_weight_of_a_term_is_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        PartialDiceCELoss(lambda_ce=-1.0)


def test_the_dice_of_a_batch_is_monai_s_and_a_patch_without_a_class_does_not_count_alone():
    logits, label = batch(11, cases=3)
    label[0][label[0] == 3] = 1
    own = value_and_gradient(PartialDiceCELoss(batch_dice=True), logits, label)
    monai = value_and_gradient(DiceCELoss(to_onehot_y=True, softmax=True, batch=True), logits, label)
    torch.testing.assert_close(own[0], monai[0])
    torch.testing.assert_close(own[1], monai[1])


def test_a_class_that_no_case_of_a_batch_annotates_does_not_count_in_its_dice():
    logits, label = batch(12)
    label[label == 4] = 0
    target = PartialTarget(label, weights_of([1, 1, 1, 1, 0]).repeat(2, 1))
    together = torch.cat([logits[:, :1].logaddexp(logits[:, 4:]), logits[:, 1:4]], dim=1)
    expected = DiceCELoss(to_onehot_y=True, softmax=True, batch=True)(together, label)
    torch.testing.assert_close(PartialDiceCELoss(batch_dice=True)(logits, target), expected)
