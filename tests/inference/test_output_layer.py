"""Scores read out of blended features are the blended scores, however many classes come at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swinx.geometry import labels_between
from swinx.inference.backends.output_layer import Readout, best_classes, class_probabilities


@pytest.fixture
def readout():
    generator = torch.Generator().manual_seed(0)
    return Readout(torch.randn(11, 4, generator=generator), torch.randn(11, generator=generator))


@pytest.fixture
def windows():
    """Features of three windows on the same voxels, and their weights."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, 4, 5, 6, 7, generator=generator), torch.rand(3, 5, 6, 7, generator=generator) + 0.01


def blended(windows):
    features, weights = windows
    return (features * weights[:, None]).sum(dim=0), weights.sum(dim=0)


def blended_scores(readout, windows):
    features, weights = windows
    return sum(readout.scores(f) * w for f, w in zip(features, weights, strict=True))


def test_some_classes_are_those_of_all(readout, windows):
    features = windows[0][0]
    expected = torch.nn.functional.conv3d(features[None], readout.weight[..., None, None, None], readout.bias)[0]
    torch.testing.assert_close(readout.scores(features), expected)
    torch.testing.assert_close(readout.scores(features, 3, 8), expected[3:8])
    torch.testing.assert_close(readout.scores(features, 8, 99), expected[8:])


@pytest.mark.parametrize("chunk", [1, 2**25])
def test_the_best_class_of_blended_features_is_that_of_blended_scores(readout, windows, chunk, monkeypatch):
    monkeypatch.setattr("swinx.inference.backends.output_layer._CHUNK_BYTES", chunk)
    expected = blended_scores(readout, windows).argmax(dim=0)
    assert torch.equal(best_classes(*blended(windows), readout), expected)
    assert len(expected.unique()) > 5
    features, _ = windows
    assert torch.equal(best_classes(features[0], None, readout), readout.scores(features[0]).argmax(dim=0))


def test_the_bias_counts_as_often_as_it_was_blended(readout, windows):
    """Without the weights a bias would be too small or too large by their sum."""
    sums, weights = blended(windows)
    assert not torch.equal(best_classes(sums, None, readout), best_classes(sums, weights, readout))


def test_scores_need_no_readout(readout, windows):
    scores = blended_scores(readout, windows)
    assert torch.equal(best_classes(scores), scores.argmax(dim=0))
    (probabilities,) = class_probabilities(scores)
    torch.testing.assert_close(probabilities, scores.softmax(dim=0))


def test_probabilities_come_some_at_a_time_and_are_those_of_all(readout, windows):
    sums, weights = blended(windows)
    parts = list(class_probabilities(sums / weights, readout))
    assert [len(part) for part in parts] == [4, 4, 3]
    torch.testing.assert_close(torch.cat(parts), (blended_scores(readout, windows) / weights).softmax(dim=0))


def test_labels_between_voxels_do_not_depend_on_how_many_classes_come_at_a_time():
    probabilities = torch.rand(11, 5, 6, 7, generator=torch.Generator().manual_seed(2)).softmax(dim=0)
    positions = [np.linspace(0, side - 1, 9) for side in (5, 6, 7)]
    expected = labels_between([probabilities], positions)
    for size in (1, 4, 10):
        assert torch.equal(labels_between(probabilities.split(size), positions), expected)
    assert len(expected.unique()) == 11


def test_of_equal_classes_the_first_is_taken_within_a_part_and_across():
    equal = torch.ones(4, 2, 2, 2)
    for size in (1, 2, 4):
        assert not labels_between(equal.split(size), [np.array([0.5])] * 3).any()


def test_mixed_precision_does_not_reach_it(readout, windows):
    expected = readout.scores(windows[0][0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = readout.scores(windows[0][0])
        (first, *_) = class_probabilities(windows[0][0], readout)
    assert torch.equal(found, expected)
    assert first.dtype == torch.float32
