"""Merging unannotated classes into the background keeps all other probabilities."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swinx.training.partial.partial_dice_ce import merge_unannotated_labels, merge_unannotated_logits


def logits_of(seed: int, spread: float = 5.0):
    generator = torch.Generator().manual_seed(seed)
    return spread * torch.randn(3, 6, 4, 3, 2, generator=generator, dtype=torch.float64)


def weights_of(annotated: list[set[int]], classes: int = 6):
    return torch.tensor([[float(k == 0 or k in ids) for k in range(classes)] for ids in annotated])


@given(seed=st.integers(0, 999), annotated=st.lists(st.sets(st.integers(1, 5)), min_size=3, max_size=3))
@settings(max_examples=40, deadline=None)
def test_probabilities_of_unannotated_classes_go_to_the_background_and_no_others_change(seed, annotated):
    logits, weights = logits_of(seed), weights_of(annotated)
    before, after = logits.softmax(dim=1), merge_unannotated_logits(logits, weights).softmax(dim=1)
    for case, ids in enumerate(annotated):
        rest = [k for k in range(1, 6) if k not in ids]
        torch.testing.assert_close(after[case, 0], before[case, [0, *rest]].sum(dim=0))
        torch.testing.assert_close(after[case, sorted(ids)], before[case, sorted(ids)])
        assert (after[case, rest] == 0).all()


def test_a_complete_case_beside_a_partial_one_keeps_its_bits_and_its_gradient():
    logits = logits_of(1, spread=40.0).float().requires_grad_()
    merged = merge_unannotated_logits(logits, weights_of([{1, 2, 3, 4, 5}, {2}, {1, 2, 3, 4, 5}]))
    assert torch.equal(merged[[0, 2]], logits[[0, 2]])
    along = torch.randn(merged[0].shape, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((merged[0] * along).sum(), logits)
    assert torch.equal(gradient[0], along)
    assert (gradient[1:] == 0).all()


def test_logits_are_not_changed_in_place():
    logits = logits_of(2)
    before = logits.clone()
    merge_unannotated_logits(logits, weights_of([set(), {1}, {2}]))
    assert torch.equal(logits, before)


def test_labels_of_unannotated_classes_become_background_case_by_case():
    label = torch.tensor([0, 1, 2, 5, 255]).repeat(3, 1)[:, None]
    merged = merge_unannotated_labels(label, weights_of([set(), {1, 5}, {1, 2, 5}]))
    assert merged[:, 0].tolist() == [[0, 0, 0, 0, 255], [0, 1, 0, 5, 255], [0, 1, 2, 5, 255]]
    assert merged.dtype == label.dtype
