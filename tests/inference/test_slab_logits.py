"""Probabilities between voxels, plane by plane, make the labels that MONAI's make for the whole volume at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor, decollate_batch, list_data_collate
from monai.inferers import sliding_window_inference
from monai.transforms import SpatialResample
from torch import nn

from support.inference import label_inferer
from swinx.geometry import restore_nearest
from swinx.inference import TorchBackend, WindowBudget
from swinx.inference.windows.slab_logits import SlabLogits, grid_of_scan, most_slab_voxels
from swinx.inference.windows.window_budget import Pace
from swinx.networks import SwinXSeg
from swinx.preprocessing import CTPreprocessingd

ROI = (16, 16, 16)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv3d(8, 5, 3, padding=1)).eval()


def oblique(
    spacing: tuple[float, float, float], flips: tuple[int, int, int], order: tuple[int, int, int]
) -> np.ndarray:
    """Return an affine whose axes are turned, reordered and reversed."""
    a, b = 0.2, 0.1
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = (turn @ tilt)[:, order] * np.array(spacing) * np.array(flips)
    affine[:3, 3] = (12, -30, 7)
    return affine


def prepared(shape: tuple[int, int, int], affine: np.ndarray, pixdim: float = 2.0) -> MetaTensor:
    """Return the network's input of a scan of smooth noise with air around it."""
    noise = torch.randn((1, 1, *shape), generator=torch.Generator().manual_seed(1))
    smooth = nn.functional.avg_pool3d(noise, 5, stride=1, padding=2)[0] * 800
    x, y, z = (slice(side // 8, side - side // 8) for side in shape)
    scan = torch.full_like(smooth, -1000)
    scan[:, x, y, z] = smooth[:, x, y, z]
    meta = {"affine": torch.as_tensor(affine), "original_affine": affine, "spatial_shape": np.array(shape)}
    image = MetaTensor(scan, affine=torch.as_tensor(affine), meta=meta)
    result: MetaTensor = CTPreprocessingd("image", pixdim=[pixdim] * 3)({"image": image})["image"]
    return result


def reference_labels(image: MetaTensor, network: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Return MONAI's labels on the grid of the scan, and where two classes are not equally probable."""
    with torch.no_grad():
        scores = sliding_window_inference(image.as_tensor()[None], ROI, 1, network, overlap=0.5, mode="gaussian")[0]
    inverted = SpatialResample(mode="bilinear", padding_mode="zeros", dtype=torch.float64)(
        MetaTensor(torch.softmax(scores, dim=0), affine=image.affine),
        dst_affine=image.meta["original_affine"],
        spatial_size=image.meta["spatial_shape"].tolist(),
    ).as_tensor()
    top = inverted.topk(2, dim=0).values
    return inverted.argmax(dim=0), (top[0] - top[1] > 1e-5) | (top[0] == 0)


SCANS = {
    "canonical": ((30, 26, 22), np.diag([2.0, 2.0, 2.0, 1.0])),
    "thick slices": ((60, 50, 12), oblique((0.9, 0.9, 5.0), (1, 1, 1), (0, 1, 2))),
    "reversed, reordered": ((14, 70, 52), oblique((4.0, 0.8, 1.1), (-1, 1, -1), (2, 0, 1))),
    "smaller than a window": ((20, 60, 9), oblique((1.5, 1.6, 2.5), (-1, -1, 1), (1, 2, 0))),
}


@pytest.mark.parametrize("name", SCANS)
def test_labels_are_those_of_inverted_probabilities(network, name):
    image = prepared(*SCANS[name])
    expected, clear = reference_labels(image, network)
    batch = MetaTensor(image.as_tensor()[None], meta=image.meta, affine=image.affine)
    labels = label_inferer(ROI)(batch, network)
    assert labels.shape == (1, 1, *SCANS[name][0])
    assert clear.float().mean() > 0.99
    assert len(expected.unique()) > 2
    assert torch.equal(labels[0, 0].as_tensor().long()[clear], expected[clear])
    np.testing.assert_allclose(labels.affine, SCANS[name][1])


def test_half_precision_changes_next_to_nothing(network):
    image = prepared(*SCANS["thick slices"])
    full, half = (label_inferer(ROI, half_logits=half)(image[None], network) for half in (False, True))
    assert (full == half).float().mean() > 0.998


def test_labels_of_the_nearest_voxel_are_others(network):
    """What is tested here would not be noticed if both ways were the same."""
    image = prepared(*SCANS["thick slices"])
    labels = label_inferer(ROI, on_scan_grid=False)(image[None], network)[0, 0]
    nearest = restore_nearest(labels, image.affine, image.meta["original_affine"], image.meta["spatial_shape"])
    between = label_inferer(ROI)(image[None], network)[0, 0].as_tensor()
    assert nearest.shape == between.shape
    assert 0.01 < (nearest != between).float().mean() < 0.5


def test_labels_keep_the_metadata_of_the_image_on_the_grid_of_the_scan(network):
    image = prepared(*SCANS["reversed, reordered"])
    image.meta["filename_or_obj"] = "anna.nii.gz"
    (one,) = decollate_batch(label_inferer(ROI)(list_data_collate([image]), network))
    alone = label_inferer(ROI)(image[None], network)[0]
    assert torch.equal(one.as_tensor(), alone.as_tensor())
    for labels in (one, alone):
        assert labels.meta["filename_or_obj"] == "anna.nii.gz"
        np.testing.assert_allclose(labels.affine, SCANS["reversed, reordered"][1])
    np.testing.assert_allclose(image.affine, prepared(*SCANS["reversed, reordered"]).affine)


def test_an_image_without_a_scan_is_the_scan(network):
    image = prepared(*SCANS["canonical"])
    labels = label_inferer(ROI)(image.as_tensor()[None], network)
    assert not isinstance(labels, MetaTensor)
    assert torch.equal(labels, label_inferer(ROI, on_scan_grid=False)(image[None], network))


def test_a_gap_between_windows_is_background_and_planes_beyond_it_are_right():
    """Windows of air are left out: 40 planes without a window, more than are held at once."""
    meta = {"affine": np.eye(4), "original_affine": np.eye(4), "spatial_shape": (64, 4, 4)}
    labels = torch.full((1, 64, 4, 4), 9, dtype=torch.uint8)
    places = [(slice(start, start + 8), slice(0, 4), slice(0, 4)) for start in (4, 52)]
    held = SlabLogits(labels, grid_of_scan(meta), (64, 4, 4), [slice(0, n) for n in (64, 4, 4)], places)
    for place in places:
        held.add(place, torch.tensor([0.0, 3.0, 1.0]).view(3, 1, 1, 1).expand(3, 8, 4, 4), torch.ones(8, 4, 4))
    held.close()
    found = labels[0, :, 0, 0]
    assert found[[*range(4, 12), *range(52, 60)]].eq(1).all()
    assert found[[*range(4), *range(12, 52), *range(60, 64)]].eq(0).all()


def test_planes_are_held_and_not_volumes():
    image = prepared((30, 30, 90), np.diag([2.0, 2.0, 2.0, 1.0]))
    size = image.shape[1:]
    place = tuple(slice(0, side) for side in ROI)
    assert most_slab_voxels([place], size) == 17 * sorted(size)[0] * sorted(size)[1]
    assert most_slab_voxels([place], (*size[:2], 2 * size[2])) == most_slab_voxels([place], size)


def test_windows_that_are_cut_on_the_way_leave_no_gap(monkeypatch):
    """A case that is late gets wider margins for the windows that are left; both end with the same network's labels."""
    torch.manual_seed(0)
    network = SwinXSeg(embed_dim=12, num_heads=(1, 2, 4, 8), decoder_channels=4).eval()
    network.out.conv.conv.bias.data[0] = -1e6  # never background
    image = prepared((80, 50, 40), oblique((1.5, 1.5, 2.0), (1, 1, -1), (0, 1, 2)))
    monkeypatch.setattr(Pace, "is_late", lambda _, _done, share: share >= 1 / 3)
    inferers = [
        label_inferer((32, 32, 32), backend=TorchBackend(), budget=budget)
        for budget in (None, WindowBudget(max_seconds=1000))
    ]
    ordinary, late = (inferer(image[None], network)[0, 0].as_tensor() for inferer in inferers)
    assert not torch.equal(ordinary, late)
    assert torch.equal(ordinary > 0, late > 0)


@pytest.mark.parametrize("missing", ["affine", "original_affine", "spatial_shape"])
def test_a_missing_grid_is_named(missing):
    image = prepared(*SCANS["canonical"])
    meta = {key: value for key, value in image.meta.items() if key != missing}
    with pytest.raises(ValueError, match=f"the metadata of the image lack '{missing}'"):
        grid_of_scan(meta)


def test_several_scans_at_once_are_refused():
    image = prepared(*SCANS["canonical"])
    two = np.stack([np.eye(4), np.eye(4)])
    with pytest.raises(ValueError, match="batches of one image"):
        grid_of_scan({**image.meta, "original_affine": two})
