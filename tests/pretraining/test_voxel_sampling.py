"""draw_class_voxels and certain_classes: only what a partial annotation makes certain is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from swinx.pretraining.probe.voxel_sampling import case_generator, certain_classes, draw_class_voxels


@pytest.fixture
def labels() -> np.ndarray:
    array = np.zeros((6, 5, 4), np.uint8)
    array[1:5, 1:4, 1:3] = 1
    array[0, 0, :3] = 5
    return array


def test_every_voxel_carries_the_class_it_was_drawn_for(labels):
    voxels, classes = draw_class_voxels(labels, [0, 1, 5], 7, np.random.default_rng(0))
    assert labels[tuple(voxels.T)].tolist() == classes.tolist()
    assert np.bincount(classes).tolist() == [7, 7, 0, 0, 0, 3]
    assert len(np.unique(voxels, axis=0)) == len(voxels)


def test_classes_not_asked_for_and_classes_absent_are_left_out(labels):
    _, classes = draw_class_voxels(labels, [5, 9], 100, np.random.default_rng(0))
    assert classes.tolist() == [5, 5, 5]


def test_a_map_without_the_classes_gives_an_empty_draw(labels):
    voxels, classes = draw_class_voxels(labels, [9], 10, np.random.default_rng(0))
    assert voxels.shape == (0, 3)
    assert classes.shape == (0,)


def test_each_voxel_of_a_class_is_drawn_about_equally_often(labels):
    drawn = [draw_class_voxels(labels, [1], 6, np.random.default_rng(seed))[0] for seed in range(400)]
    counts = np.unique(np.concatenate(drawn), axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert abs(counts - 100).max() < 45  # five standard deviations


def test_the_draw_depends_on_seed_and_case_alone(labels):
    def draw(seed: int, case: str) -> list:
        return draw_class_voxels(labels, [0, 1], 5, case_generator(seed, case))[0].tolist()

    assert draw(0, "a") == draw(0, "a")
    assert draw(0, "a") != draw(1, "a")
    assert draw(0, "a") != draw(0, "b")


@pytest.mark.parametrize(
    ("annotated", "background", "expected"),
    [
        pytest.param([1, 14], True, (1, 14), id="background-of-a-partial-annotation-is-uncertain"),
        pytest.param(range(1, 14), True, tuple(range(14)), id="all-organs-make-background-certain"),
        pytest.param(range(1, 15), False, tuple(range(1, 15)), id="background-may-be-declined"),
        pytest.param(range(1, 13), True, tuple(range(1, 13)), id="one-organ-short"),
        pytest.param(None, True, tuple(range(1, 15)), id="nobody-recorded"),
        pytest.param([], True, (), id="nothing-annotated"),
    ],
)
def test_certain_classes(annotated, background, expected):
    assert certain_classes(annotated, background) == expected


def test_a_map_with_channels_and_no_voxels_per_class_are_refused(labels):
    with pytest.raises(ValueError, match=r"\(1, 6, 5, 4\)"):
        draw_class_voxels(labels[None], [1], 5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="not 0"):
        draw_class_voxels(labels, [1], 0, np.random.default_rng(0))
