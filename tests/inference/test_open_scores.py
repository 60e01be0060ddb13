"""Scores are held where windows are to come, and nowhere else."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from swinx.inference import SlidingWindowLabelInferer
from swinx.inference.windows.open_scores import OpenScores

PLACES = [(slice(0, 6), slice(0, 4), slice(0, 4)), (slice(4, 10), slice(0, 4), slice(0, 4))]


def scores(seed: int) -> torch.Tensor:
    return torch.rand((3, 6, 4, 4), generator=torch.Generator().manual_seed(seed))


def test_a_voxel_of_one_window_is_labelled_at_once_and_a_shared_one_by_both():
    labels = torch.full((1, 12, 4, 4), 9, dtype=torch.uint8)
    first, second, weights = scores(0), scores(1), torch.rand(6, 4, 4) + 0.1
    held = OpenScores(labels, PLACES)
    held.add(PLACES[0], first, weights)
    assert torch.equal(labels[0, :4].long(), first[:, :4].argmax(dim=0))
    assert (labels[0, 4:] == 9).all()
    assert sum(sums.numel() for sums in held.held.values()) == 3 * 2 * 4 * 4
    held.add(PLACES[1], second, weights)
    both = first[:, 4:] * weights[4:] + second[:, :2] * weights[:2]
    assert torch.equal(labels[0, 4:6].long(), both.argmax(dim=0))
    assert torch.equal(labels[0, 6:10].long(), second[:, 2:].argmax(dim=0))
    assert (labels[0, 10:] == 9).all()
    assert not held.held


def test_windows_that_move_away_leave_what_they_shared_to_the_first():
    labels = torch.full((1, 12, 4, 4), 9, dtype=torch.uint8)
    narrower = [(slice(6, 10), slice(0, 4), slice(0, 4))]
    held = OpenScores(labels, PLACES, narrower)
    first, second = scores(0), scores(1)
    held.add(PLACES[0], first, torch.ones(6, 4, 4))
    held.move(narrower)
    assert torch.equal(labels[0, :6].long(), first.argmax(dim=0))
    held.add(narrower[0], second[:, 2:], torch.ones(4, 4, 4))
    assert torch.equal(labels[0, 6:10].long(), second[:, 2:].argmax(dim=0))
    assert not held.held


class Held(TorchDispatchMode):
    """The largest tensor that is made."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.most = max(self.most, result.untyped_storage().nbytes())
        return result


@pytest.mark.parametrize("classes", [3, 40])
def test_without_overlap_no_tensor_of_scores_is_larger_than_a_window(classes):
    image = torch.rand((1, 1, 48, 48, 64))

    def network(windows):
        return windows.expand(-1, classes, -1, -1, -1)

    with Held() as held:
        SlidingWindowLabelInferer((16, 16, 16), margin=0.25)(image, network)
    assert held.most <= max(classes * 12**3 * 4, image.nbytes)
