"""sampled_features: a voxel gets the features of the cell it falls in, and of no other."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as functional

from swinx.pretraining import SampledFeaturesInferer, sampled_features
from swinx.pretraining.probe.sampled_features import look_up

ROI = (8, 8, 4)


def pooled(windows: torch.Tensor) -> dict[str, list[torch.Tensor]]:
    """Cells of 2x2x2 and of 4x4x4 voxels that hold the mean of their voxels."""
    return {"mean": [functional.avg_pool3d(windows, 2), functional.avg_pool3d(windows, 4)]}


@pytest.fixture
def volume() -> torch.Tensor:
    return torch.rand(1, 1, 13, 8, 7, generator=torch.Generator().manual_seed(0))


def all_voxels(volume: torch.Tensor) -> torch.Tensor:
    return torch.nonzero(torch.ones(volume.shape[2:]))


def test_a_voxel_gets_the_mean_of_its_own_cells(volume):
    voxels = all_voxels(volume)
    found = sampled_features(volume, voxels, pooled, ROI)["mean"]
    padded = functional.pad(volume[0, 0], (0, 1, 0, 0, 0, 3))  # 16 x 8 x 8: far end, with zeros
    for row in (0, 5, 100, 333, len(voxels) - 1):
        for column, side in enumerate((2, 4)):
            x, y, z = (int(index) // side * side for index in voxels[row])
            cell = padded[x : x + side, y : y + side, z : z + side]
            torch.testing.assert_close(found[row, column], cell.mean())


def test_hand_counted_cells():
    labels = torch.arange(4.0).reshape(1, 2, 2, 1)
    voxels = torch.tensor([[0, 0, 0], [3, 3, 7], [3, 4, 0], [4, 3, 7], [7, 7, 3]])
    assert look_up(labels, voxels, (8, 8, 8)).flatten().tolist() == [0, 0, 1, 2, 3]


def test_the_order_and_the_number_of_voxels_do_not_matter(volume):
    voxels = all_voxels(volume)
    whole = sampled_features(volume, voxels, pooled, ROI)["mean"]
    chosen = torch.randperm(len(voxels), generator=torch.Generator().manual_seed(1))[:50]
    some = sampled_features(volume, voxels[chosen], pooled, ROI)["mean"]
    assert torch.equal(some, whole[chosen])


def test_the_batch_of_windows_does_not_matter(volume):
    voxels = all_voxels(volume)
    one, three = (sampled_features(volume, voxels, pooled, ROI, sw_batch_size=n)["mean"] for n in (1, 3))
    assert torch.equal(one, three)


def test_only_windows_with_voxels_are_run(volume):
    seen = []

    def network(windows: torch.Tensor) -> dict[str, list[torch.Tensor]]:
        seen.append(windows)
        return pooled(windows)

    sampled_features(volume, torch.tensor([[12, 0, 6], [9, 7, 4]]), network, ROI)
    assert len(seen) == 1
    torch.testing.assert_close(seen[0][:, :, :5, :, :3], volume[:, :, 8:, :, 4:])
    assert not seen[0][:, :, 5:].any()
    assert not seen[0][..., 3:].any()


def test_several_networks_share_a_window(volume):
    def network(windows: torch.Tensor) -> dict[str, list[torch.Tensor]]:
        return {"same": pooled(windows)["mean"], "negative": [-windows]}

    voxels = torch.tensor([[1, 2, 3], [12, 7, 6]])
    found = sampled_features(volume, voxels, network, ROI)
    assert {name: tuple(values.shape) for name, values in found.items()} == {"same": (2, 2), "negative": (2, 1)}
    torch.testing.assert_close(found["negative"][:, 0], -volume[0, 0][tuple(voxels.T)])


def test_no_voxels_run_no_window(volume):
    assert sampled_features(volume, torch.zeros(0, 3, dtype=torch.long), pooled, ROI) == {}


def test_the_inferer_takes_and_gives_a_batch_of_one(volume):
    voxels = all_voxels(volume)[None]
    found = SampledFeaturesInferer(ROI, sw_batch_size=2)(volume, pooled, voxels=voxels)["mean"]
    assert torch.equal(found[0], sampled_features(volume, voxels[0], pooled, ROI)["mean"])
    assert found.dtype == torch.float32


@pytest.mark.parametrize(
    ("voxels", "reason"),
    [([[13, 0, 0]], "outside a volume of"), ([[0, -1, 0]], "outside a volume of"), ([[0, 0]], "indices")],
)
def test_voxels_that_do_not_fit_are_refused(volume, voxels, reason):
    with pytest.raises(ValueError, match=reason):
        sampled_features(volume, torch.tensor(voxels), pooled, ROI)


def test_maps_and_volumes_that_do_not_fit_are_refused(volume):
    with pytest.raises(ValueError, match="does not divide a window"):
        look_up(torch.zeros(1, 3, 3, 3), torch.zeros(1, 3, dtype=torch.long), (8, 8, 8))
    with pytest.raises(ValueError, match=r"one volume .* not \(2, 1, 13, 8, 7\)"):
        sampled_features(volume.expand(2, -1, -1, -1, -1), torch.zeros(1, 3, dtype=torch.long), pooled, ROI)
