"""Random smooth fields: unit variance, the asked grain, and nothing but the generator decides."""

from __future__ import annotations

import numpy as np
import pytest

from swinx.cohorts.smooth_fields import correlated_noise, smooth_displacement, smooth_field

SHAPE, SPACING_MM = (40, 30, 20), (2.0, 3.0, 5.0)


def _neighbour_correlation(field: np.ndarray, axis: int, step: int) -> float:
    here = np.take(field, range(field.shape[axis] - step), axis=axis).ravel()
    there = np.take(field, range(step, field.shape[axis]), axis=axis).ravel()
    return float(np.corrcoef(here, there)[0, 1])


def test_the_same_generator_state_gives_the_same_field():
    first, second = (smooth_field(np.random.default_rng(3), SHAPE, SPACING_MM, 15.0) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_field_has_unit_variance_over_draws():
    rng = np.random.default_rng(0)
    draws = np.stack([smooth_field(rng, SHAPE, SPACING_MM, 12.0) for _ in range(40)])
    assert abs(draws.mean()) < 0.1
    assert 0.9 < draws.std() < 1.1


def test_smoothness_is_in_mm_whatever_the_voxel_size():
    rng = np.random.default_rng(1)
    field = np.mean(
        [
            [_neighbour_correlation(f, axis, step) for axis, step in ((0, 15), (1, 10), (2, 6))]  # 30 mm each
            for f in (smooth_field(rng, (60, 40, 24), SPACING_MM, 30.0) for _ in range(30))
        ],
        axis=0,
    )
    assert np.ptp(field) < 0.15, "the correlation over 30 mm must not depend on the axis"
    close = np.mean([_neighbour_correlation(smooth_field(rng, SHAPE, SPACING_MM, 30.0), 0, 1) for _ in range(5)])
    assert close > 0.98


def test_a_displacement_has_three_independent_components_of_the_asked_size():
    displacement = smooth_displacement(np.random.default_rng(5), (60, 60, 60), (4.0, 4.0, 4.0), 5.0, 20.0)
    assert displacement.shape == (3, 60, 60, 60)
    np.testing.assert_allclose(displacement.std(axis=(1, 2, 3)), 5.0, rtol=0.2)
    assert np.abs(np.corrcoef(displacement.reshape(3, -1)) - np.eye(3)).max() < 0.2


def test_correlated_noise_has_unit_deviation_and_correlated_neighbours():
    white, grainy = (correlated_noise(np.random.default_rng(2), (32, 32, 32), sigma) for sigma in (0.0, 1.0))
    for noise in (white, grainy):
        assert abs(noise.std() - 1) < 1e-4
        assert abs(noise.mean()) < 1e-4
    assert abs(_neighbour_correlation(white, 0, 1)) < 0.03
    assert _neighbour_correlation(grainy, 0, 1) > 0.6


def test_a_node_spacing_of_zero_is_refused():
    with pytest.raises(ValueError, match="node spacing 0 mm"):
        smooth_field(np.random.default_rng(0), SHAPE, SPACING_MM, 0)
