"""Schedules of the teacher: the published numbers, over the whole run and not within an epoch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swinx.pretraining import MomentumSchedule, Temperatures, TemperatureSchedule
from swinx.pretraining.schedules import linear_ramp


@pytest.mark.parametrize(("first", "epochs"), [pytest.param(30, 100, id="patch"), pytest.param(0, 100, id="image")])
def test_temperatures_are_the_published_ones(first, epochs):
    """Constant for ``first`` epochs, then ``numpy.linspace(0.04, 0.07, 30)``, then constant."""
    rest = epochs - first - 30
    published = np.concatenate([np.full(first, 0.04), np.linspace(0.04, 0.07, 30), np.full(rest, 0.07)])
    ours = [linear_ramp(epoch, 0.04, 0.07, first=first, length=30) for epoch in range(epochs)]
    np.testing.assert_allclose(ours, published, rtol=1e-12)


def test_a_patch_temperature_of_the_first_epochs_is_exactly_the_start():
    assert {linear_ramp(epoch, 0.04, 0.07, first=30, length=30) for epoch in range(31)} == {0.04}
    assert linear_ramp(59, 0.04, 0.07, first=30, length=30) == 0.07


@given(st.integers(0, 200), st.integers(0, 50), st.integers(0, 50), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_ramp_stays_between_its_ends(epoch, first, length, start, end):
    low, high = sorted((start, end))
    assert low - 1e-12 <= linear_ramp(epoch, start, end, first, length) <= high + 1e-12


@pytest.mark.parametrize("length", [0, 1])
def test_a_ramp_without_length_is_a_step(length):
    assert [linear_ramp(epoch, 1.0, 2.0, first=2, length=length) for epoch in range(4)] == [1, 1, 2, 2]


@pytest.mark.parametrize("bad", [(-1, 0, 3), (0, -1, 3), (0, 0, -3)])
def test_negative_epochs_are_refused(bad):
    epoch, first, length = bad
    with pytest.raises(ValueError, match="must not be negative"):
        linear_ramp(epoch, 0.04, 0.07, first, length)


@pytest.mark.parametrize(
    ("total", "start"), [(1, 0.0), (2, 0.0), (7, 0.0), (24, 0.5), (1000, 0.988), (3000, 0.996), (333_500, 0.996)]
)
def test_momentum_starts_by_the_length_of_the_run_never_falls_and_ends_just_under_one(total, start):
    values = np.array([MomentumSchedule().at(step, total) for step in range(total)])
    assert values[0] == pytest.approx(start, abs=1e-12)
    assert (np.diff(values) >= 0).all()
    assert values[-1] < 1 or total == 1
    assert 1 - values[-1] <= (1 - start) * (np.pi / (2 * total)) ** 2 * 1.001


@pytest.mark.parametrize("total", [1, 5, 48, 96, 720, 3000, 50_000])
def test_a_run_of_any_length_leaves_nothing_of_the_first_weights_in_the_teacher(total):
    left = np.prod([MomentumSchedule().at(step, total) for step in range(total)])
    assert left <= 0.003


def test_a_lower_momentum_that_was_given_is_kept():
    assert MomentumSchedule(0.9).at(0, 5000) == pytest.approx(0.9)


def test_momentum_is_half_way_in_the_middle_of_the_run_and_not_of_an_epoch():
    epochs, steps = 10, 300
    assert MomentumSchedule().at(5 * steps, epochs * steps) == pytest.approx(0.998)
    starts = [MomentumSchedule().at(epoch * steps, epochs * steps) for epoch in range(epochs)]
    assert len(set(starts)) == epochs, "each epoch goes on where the one before ended"
    assert all(one < other for one, other in itertools.pairwise(starts))


@given(st.integers(3000, 100_000), st.data())
def test_momentum_of_a_run_of_3000_steps_or_more_equals_the_published_formula(total, data):
    step = data.draw(st.integers(0, total - 1))
    published = 1.0 + 0.5 * (0.996 - 1.0) * (1 + np.cos(np.pi * step / total))
    assert MomentumSchedule().at(step, total) == pytest.approx(published, rel=1e-12)


@pytest.mark.parametrize(("iteration", "total"), [(10, 10), (11, 10), (-1, 10), (0, 0)])
def test_a_step_outside_the_run_is_refused(iteration, total):
    with pytest.raises(ValueError, match=f"iteration {iteration} is not one of the {total}"):
        MomentumSchedule().at(iteration, total)


def test_patch_and_image_temperatures_share_a_ramp_that_begins_later_for_patches():
    schedule = TemperatureSchedule(0.04, 0.07, ramp_epochs=4, patch_delay_epochs=2, image_delay_epochs=0)
    at = [schedule.at(epoch) for epoch in range(8)]
    assert at[0] == Temperatures(patch=0.04, image=0.04)
    assert [temperatures.patch for temperatures in at[2:]] == [temperatures.image for temperatures in at[:6]]
    assert at[-1] == Temperatures(patch=0.07, image=0.07)


def test_the_momentum_of_a_step_depends_on_the_step_and_the_length_of_the_run_alone():
    assert MomentumSchedule(0.9).at(300, 1000) == pytest.approx(0.9 + 0.1 * (1 - np.cos(0.3 * np.pi)) / 2)
    assert MomentumSchedule(0.9, end=0.95).at(999, 1000) < 0.95


@pytest.mark.parametrize("settings", [{"start": 0.0}, {"end": -0.1}, {"ramp_epochs": -1}, {"image_delay_epochs": -2}])
def test_temperatures_that_are_not_positive_and_negative_epochs_are_refused(settings):
    with pytest.raises(ValueError, match=r"must be positive, and epochs .* not negative"):
        TemperatureSchedule(**settings)


@pytest.mark.parametrize("ends", [(-0.1, 1.0), (0.9, 1.1)])
def test_a_momentum_outside_its_range_is_refused(ends):
    with pytest.raises(ValueError, match=r"momentum must be in \[0, 1\]"):
        MomentumSchedule(*ends)
