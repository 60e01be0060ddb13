"""Logits of blended features are blended logits, however many classes come at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swinx.geometry import labels_between
from swinx.inference.backends.output_layer import OutputLayer, class_probabilities


@pytest.fixture
def layer():
    generator = torch.Generator().manual_seed(0)
    return OutputLayer(torch.randn(11, 4, generator=generator), torch.randn(11, generator=generator))


@pytest.fixture
def windows():
    """Features of three windows on the same voxels, and their weights."""
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, 4, 5, 6, 7, generator=generator), torch.rand(3, 5, 6, 7, generator=generator) + 0.01


def blended(windows):
    features, weights = windows
    return (features * weights[:, None]).sum(dim=0), weights.sum(dim=0)


def blended_logits(layer, windows):
    features, weights = windows
    return sum(layer.logits(f) * w for f, w in zip(features, weights, strict=True))


def test_some_classes_are_those_of_all(layer, windows):
    features = windows[0][0]
    expected = torch.nn.functional.conv3d(features[None], layer.weight[..., None, None, None], layer.bias)[0]
    torch.testing.assert_close(layer.logits(features), expected)
    torch.testing.assert_close(layer.logits(features, 3, 8), expected[3:8])
    torch.testing.assert_close(layer.logits(features, 8, 99), expected[8:])


def test_the_bias_counts_as_often_as_it_was_blended(layer, windows):
    """Without the weights a bias would be too small or too large by their sum."""
    sums, weights = blended(windows)
    logits = layer.logits(sums / weights)
    torch.testing.assert_close(logits, blended_logits(layer, windows) / weights)
    assert not torch.equal(layer.logits(sums).argmax(dim=0), logits.argmax(dim=0))


def test_logits_need_no_output_layer(layer, windows):
    logits = blended_logits(layer, windows)
    (probabilities,) = class_probabilities(logits)
    torch.testing.assert_close(probabilities, logits.softmax(dim=0))


def test_probabilities_come_some_at_a_time_and_are_those_of_all(layer, windows):
    sums, weights = blended(windows)
    parts = list(class_probabilities(sums / weights, layer))
    assert [len(part) for part in parts] == [4, 4, 3]
    torch.testing.assert_close(torch.cat(parts), (blended_logits(layer, windows) / weights).softmax(dim=0))


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


def test_mixed_precision_does_not_reach_it(layer, windows):
    expected = layer.logits(windows[0][0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = layer.logits(windows[0][0])
        (first, *_) = class_probabilities(windows[0][0], layer)
    assert torch.equal(found, expected)
    assert first.dtype == torch.float32
