"""Plans that cost less, in order, and limits that are told with what they would take."""

from __future__ import annotations

import pytest

from swinx.inference.windows.window_plan import Limits, WindowCost, WindowPlan, cheaper_plans, choose_plan

WANTED = WindowPlan(overlap=0.5, margin=0.125, sw_batch_size=4, half_scores=False)


def test_the_plan_that_is_wanted_comes_first_and_windows_side_by_side_last():
    plans = cheaper_plans(WANTED, skips_margins=True)
    assert plans[0] == WANTED
    assert plans[-1] == WindowPlan(0.0, 0.0, 1, True)
    assert len(plans) == len(set(plans))


def test_memory_is_saved_before_margins_and_margins_before_overlap():
    plans = cheaper_plans(WANTED, skips_margins=True)
    assert plans[1] == WindowPlan(0.5, 0.125, 1, False)
    assert plans[2] == WindowPlan(0.5, 0.125, 1, True)
    assert plans[3] == WindowPlan(0.5, 0.25, 4, False)
    overlaps = [plan.overlap for plan in plans]
    assert overlaps == sorted(overlaps, reverse=True)


def test_margins_leave_no_gaps_and_are_kept_where_they_save_nothing():
    assert all(plan.margin <= plan.overlap / 2 for plan in cheaper_plans(WANTED, skips_margins=True))
    kept = {plan.margin for plan in cheaper_plans(WANTED, skips_margins=False) if plan.overlap >= 0.25}
    assert kept == {0.125}


def test_the_first_plan_within_all_limits_is_chosen():
    first, second, third = cheaper_plans(WANTED, skips_margins=True)[:3]
    costs = [
        (first, WindowCost(10, 90, 2000, 5000)),
        (second, WindowCost(10, 50, 2000, 3000)),
        (third, WindowCost(10, 40, 1000, 2000)),
    ]
    assert choose_plan(costs, Limits(max_gpu_mb=4096, max_seconds=60)) == costs[1]
    assert choose_plan(costs, Limits()) == costs[0]
    assert choose_plan(costs, Limits(max_ram_mb=500)) is None


def test_a_limit_of_the_gpu_is_kept_where_there_is_none():
    assert not Limits(max_gpu_mb=1).exceeded(WindowCost(10, 90, 2000))


def test_what_is_over_is_told_with_the_need():
    over = Limits(max_ram_mb=1000, max_seconds=60).exceeded(WindowCost(10, 90.4, 2000))
    assert over == ["max_ram_mb 1000 (needs about 2000)", "max_seconds 60 (needs about 90)"]


@pytest.mark.parametrize("value", [0, -1, "60 s"])
def test_a_limit_that_is_none_is_refused_by_name(value):
    with pytest.raises(ValueError, match="max_seconds must be a number above 0"):
        Limits(max_seconds=value)
