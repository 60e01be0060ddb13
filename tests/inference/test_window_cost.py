"""Settings that cost less, in order, and limits that are named with the need."""

from __future__ import annotations

from dataclasses import replace

import pytest

from swinx.inference import WindowSettings
from swinx.inference.windows.window_cost import Limits, WindowCost, cheaper_settings, choose_settings

WANTED = WindowSettings((96, 96, 96), overlap=0.5, margin=0.125, sw_batch_size=4)


def test_the_settings_that_are_wanted_come_first_and_windows_side_by_side_last():
    found = cheaper_settings(WANTED, skips_margins=True)
    assert found[0] == WANTED
    assert found[-1] == replace(WANTED, overlap=0.0, margin=0.0, sw_batch_size=1, half_logits=True)
    assert len(found) == len(set(found))


def test_memory_is_saved_before_margins_and_margins_before_overlap():
    found = cheaper_settings(WANTED, skips_margins=True)
    assert found[1] == replace(WANTED, sw_batch_size=1)
    assert found[2] == replace(WANTED, sw_batch_size=1, half_logits=True)
    assert found[3] == replace(WANTED, margin=0.25)
    overlaps = [settings.overlap for settings in found]
    assert overlaps == sorted(overlaps, reverse=True)


def test_margins_leave_no_gaps_and_are_kept_if_they_save_nothing():
    assert all(s.margin <= s.overlap / 2 for s in cheaper_settings(WANTED, skips_margins=True))
    kept = {s.margin for s in cheaper_settings(WANTED, skips_margins=False) if s.overlap >= 0.25}
    assert kept == {0.125}


def test_air_and_blending_stay_as_they_are():
    wanted = replace(WANTED, skip_air=True, mode="constant")
    assert all(s.skip_air and s.mode == "constant" for s in cheaper_settings(wanted, skips_margins=True))


def test_the_first_settings_within_all_limits_are_chosen():
    first, second, third = cheaper_settings(WANTED, skips_margins=True)[:3]
    costs = [
        (first, WindowCost(10, 90, 2000, 5000)),
        (second, WindowCost(10, 50, 2000, 3000)),
        (third, WindowCost(10, 40, 1000, 2000)),
    ]
    assert choose_settings(costs, Limits(max_gpu_mb=4096, max_seconds=60)) == costs[1]
    assert choose_settings(costs, Limits()) == costs[0]
    assert choose_settings(costs, Limits(max_ram_mb=500)) is None


def test_a_limit_of_the_gpu_is_kept_if_there_is_none():
    assert not Limits(max_gpu_mb=1).exceeded(WindowCost(10, 90, 2000))


def test_an_exceeded_limit_is_named_with_the_need():
    over = Limits(max_ram_mb=1000, max_seconds=60).exceeded(WindowCost(10, 90.4, 2000))
    assert over == ["max_ram_mb 1000 (needs about 2000)", "max_seconds 60 (needs about 90)"]


def test_a_small_need_is_told_above_its_limit():
    over = Limits(max_seconds=0.01).exceeded(WindowCost(1, 0.3456, 500))
    assert over == ["max_seconds 0.01 (needs about 0.35)"]
    over = Limits(max_seconds=0.01).exceeded(WindowCost(1, 0.0102, 500))
    assert over == ["max_seconds 0.01 (needs about 0.01)"]
    assert str(WindowCost(1, 0.3456, 500)) == "1 windows, 0.35 s, 500 MB of RAM"


@pytest.mark.parametrize("value", [0, -1, "60 s"])
def test_a_limit_that_is_none_is_refused_by_name(value):
    with pytest.raises(ValueError, match="max_seconds must be a number above 0"):
        Limits(max_seconds=value)
