"""Entropies, agreement, rank and spread, on matrices that can be reckoned by hand."""

from __future__ import annotations

import math

import pytest
import torch

from swinx.pretraining import agreement, effective_rank, entropy_of_mean, mean_entropy, relative_spread

FUNCTIONS = [entropy_of_mean, mean_entropy, effective_rank, relative_spread]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_both_entropies_see_what_kind_of_collapse_it_is():
    uniform = torch.full((6, 8), 1 / 8)
    one_prototype = torch.eye(8)[torch.zeros(6, dtype=torch.long)]
    apart = torch.eye(8)[:6]
    assert (entropy_of_mean(uniform), mean_entropy(uniform)) == pytest.approx((math.log(8), math.log(8)))
    assert (entropy_of_mean(one_prototype), mean_entropy(one_prototype)) == (0, 0)
    assert (entropy_of_mean(apart), mean_entropy(apart)) == pytest.approx((math.log(6), 0))


def test_the_entropy_of_the_mean_exceeds_the_mean_entropy_by_at_most_the_logarithm_of_the_rows():
    for temperature in (0.01, 0.1, 1.0, 10.0):
        probabilities = (noise(5, 40) / temperature).softmax(dim=1)
        information = entropy_of_mean(probabilities) - mean_entropy(probabilities)
        assert 0 < information <= math.log(5) + 1e-9


def test_entropies_and_agreement_do_not_depend_on_the_order_of_the_rows_or_prototypes():
    one, other = noise(7, 5), noise(7, 5, seed=1)
    rows, columns = torch.arange(6, -1, -1), torch.tensor([2, 0, 1, 4, 3])
    for function in (entropy_of_mean, mean_entropy):
        assert function(one.softmax(1)) == pytest.approx(function(one.softmax(1)[rows][:, columns]))
    assert agreement(one, other) == agreement(one[rows][:, columns], other[rows][:, columns])


def test_agreement_counts_rows_with_the_same_largest_logit():
    student = torch.tensor([[0.1, 0.9], [0.9, 0.1], [0.0, -1.0], [2.0, 3.0]])
    teacher = torch.tensor([[0.4, 0.5], [0.4, 0.5], [9.0, 8.0], [2.0, 1.0]])
    assert agreement(student, teacher) == 0.5
    assert agreement(student, student * 7 + 3) == 1


def test_the_rank_of_orthogonal_rows_is_their_number_whatever_the_scale_or_rotation():
    rows = torch.zeros(4, 9, dtype=torch.float64)
    rows[:, :4] = torch.eye(4)
    rotation = torch.linalg.qr(noise(9, 9))[0]
    for matrix in (rows, rows * 1e-9, rows @ rotation, (rows @ rotation).T):
        assert effective_rank(matrix) == pytest.approx(4, rel=1e-4)


def test_the_rank_of_unequal_singular_values_is_that_of_the_paper_s_formula():
    share = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64) + 1e-7
    assert effective_rank(torch.diag(torch.tensor([7.0, 2.0, 1.0]))) == pytest.approx(
        math.exp(-sum(p * math.log(p) for p in share.tolist()))
    )


def test_a_common_mean_hides_the_rank_unless_it_is_subtracted():
    rows = 500 + noise(64, 16)
    assert effective_rank(rows) < 1.5
    assert effective_rank(rows, centred=True) > 12
    assert effective_rank(rows, centred=True) == pytest.approx(effective_rank(rows + 7, centred=True))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_rows_that_differ_by_rounding_alone_have_no_rank(dtype):
    rows = noise(1, 32).expand(100, 32).to(dtype)
    nudged = (rows.double() * (1 + torch.finfo(dtype).eps * noise(100, 32).clamp(-1, 1) / 2)).to(dtype)
    for matrix in (rows, nudged):
        assert effective_rank(matrix, centred=True) == pytest.approx(1, abs=1e-3)
        assert effective_rank(matrix) == pytest.approx(1, abs=1e-3)


def test_spread_is_the_distance_from_the_mean_over_its_norm():
    rows = torch.tensor([[3.0, 5.0], [3.0, 3.0]])
    assert relative_spread(rows) == pytest.approx(1 / 5)
    assert relative_spread(rows * 1000) == pytest.approx(1 / 5)
    assert relative_spread(rows[:1].expand(9, 2)) == 0
    assert relative_spread(torch.tensor([[1.0], [-1.0]])) == math.inf


@pytest.mark.parametrize("function", [*FUNCTIONS, lambda rows: effective_rank(rows, centred=True)])
def test_without_rows_or_with_a_nan_there_is_no_number(function):
    assert math.isnan(function(torch.zeros(0, 4)))
    assert math.isnan(function(torch.tensor([[0.5, 0.5], [math.nan, 0.5]])))


def test_agreement_with_a_nan_is_no_number():
    assert math.isnan(agreement(torch.zeros(0, 4), torch.zeros(0, 4)))
    bad = torch.tensor([[math.nan, 0.0]])
    assert math.isnan(agreement(bad, bad))


def test_a_single_row_has_entropy_and_rank_but_nothing_to_differ_from():
    row = torch.tensor([[0.25, 0.75]])
    assert entropy_of_mean(row) == pytest.approx(mean_entropy(row))
    assert effective_rank(row) == pytest.approx(1)
    assert math.isnan(effective_rank(row, centred=True))
    assert math.isnan(relative_spread(row))


def test_half_precision_is_summed_in_double_precision():
    logits = noise(400, 64) + 3
    probabilities = logits.softmax(dim=1)
    assert entropy_of_mean(probabilities.half()) == pytest.approx(entropy_of_mean(probabilities), rel=1e-3)
    assert mean_entropy(probabilities.half()) == pytest.approx(mean_entropy(probabilities), rel=1e-3)
    assert effective_rank(logits.half()) == pytest.approx(effective_rank(logits), rel=1e-2)
    assert relative_spread(logits.half()) == pytest.approx(relative_spread(logits), rel=1e-3)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_three_dimensions_are_refused(function):
    with pytest.raises(ValueError, match=r"\(2, 3, 4\).*one row per token"):
        function(torch.zeros(2, 3, 4))


def test_student_and_teacher_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="differ"):
        agreement(torch.zeros(2, 3), torch.zeros(3, 3))
