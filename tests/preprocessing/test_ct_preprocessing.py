"""CTPreprocessingd: to the grid of the network, and back, on any grid."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from swinx.errors import CaseError
from swinx.geometry import restore_nearest
from swinx.preprocessing import CTPreprocessingd


def ellipsoid_scan(affine, shape=(60, 52, 24), squared_radii=(0.5, 0.36, 2.0)):
    """A soft-tissue ellipsoid in air over a table, with a label of two classes."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    inside = (grid**2 / np.array(squared_radii)[:, None, None, None]).sum(axis=0) < 1
    hu = np.where(inside, 60.0, -1000.0).astype(np.float32)
    label = np.where(inside, np.where(grid[0] > 0, 2, 13), 0).astype(np.uint8)
    meta = {"filename_or_obj": "scan.nii.gz"}
    image = MetaTensor(torch.as_tensor(hu)[None], affine=torch.as_tensor(affine), meta=meta)
    return {"image": image, "label": MetaTensor(torch.as_tensor(label)[None], affine=torch.as_tensor(affine))}


def restored_label(case):
    """Return the label of a prepared case, on the grid that its metadata tell."""
    label = case["label"]
    meta = label.meta
    return restore_nearest(label.as_tensor()[0], label.affine, meta["original_affine"], meta["spatial_shape"])


def test_result_is_ras_at_the_spacing_in_zero_to_one(oblique):
    case = CTPreprocessingd(["image", "label"], pixdim=(1.5, 1.5, 2.0))(ellipsoid_scan(oblique))
    affine = case["image"].affine.numpy()
    assert "".join(nib.aff2axcodes(affine)) == "RAS"
    np.testing.assert_allclose(nib.affines.voxel_sizes(affine), (1.5, 1.5, 2.0))
    assert case["image"].min() == 0
    assert case["image"].max() == pytest.approx((60 + 250) / 500)
    assert case["image"].shape == case["label"].shape
    np.testing.assert_array_equal(case["label"].affine.numpy(), affine)


def test_labels_come_back_to_the_exact_grid_of_the_scan(oblique):
    scan = ellipsoid_scan(oblique)
    case = CTPreprocessingd(["image", "label"], pixdim=(0.4, 0.4, 0.4))(scan)
    restored = restored_label(case)
    np.testing.assert_array_equal(case["label"].meta["original_affine"], oblique)
    assert restored.dtype == torch.uint8
    assert torch.equal(restored, scan["label"].as_tensor()[0])


def test_coarse_labels_come_back_in_place(oblique):
    scan = ellipsoid_scan(oblique)
    case = CTPreprocessingd(["image", "label"], pixdim=(2.0, 2.0, 2.0))(scan)
    agree = (restored_label(case) == scan["label"].as_tensor()[0]).float().mean()
    assert agree > 0.95


def test_body_crop_leaves_out_the_air(oblique):
    scan = ellipsoid_scan(oblique, shape=(100, 90, 24), squared_radii=(0.2, 0.2, 2.0))
    whole = CTPreprocessingd("image", body_crop=False)(scan)["image"]
    body = CTPreprocessingd("image")(scan)["image"]
    assert body.numel() < 0.7 * whole.numel()
    assert (body > 0).sum() == (whole > 0).sum()


def test_all_air_is_kept_whole():
    image = MetaTensor(torch.full((1, 8, 9, 10), -1000.0), affine=torch.eye(4))
    assert CTPreprocessingd("image")({"image": image})["image"].shape == (1, 8, 9, 10)


def test_strings_that_share_the_key_as_prefix_are_left_alone():
    """MONAI's Spacingd treats every key that begins with ``image_`` as metadata and fails on text."""
    scan = ellipsoid_scan(np.eye(4)) | {"image_path": "a/b.nii.gz"}
    assert CTPreprocessingd("image")(scan)["image_path"] == "a/b.nii.gz"


def test_input_item_is_not_changed(oblique):
    scan = ellipsoid_scan(oblique)
    before = scan["image"].clone()
    CTPreprocessingd(["image", "label"])(scan)
    assert torch.equal(scan["image"], before)
    assert "original_affine" not in scan["label"].meta


def test_label_on_another_grid_is_refused_by_name():
    scan = ellipsoid_scan(np.eye(4))
    moved = np.eye(4)
    moved[0, 3] = 3
    scan["label"] = MetaTensor(scan["label"].as_tensor(), affine=torch.as_tensor(moved))
    with pytest.raises(CaseError, match=r"not on the grid of its image scan.nii.gz: .*3"):
        CTPreprocessingd(["image", "label"])(scan)


def test_label_of_another_shape_is_refused():
    scan = ellipsoid_scan(np.eye(4))
    scan["label"] = MetaTensor(torch.zeros(1, 4, 4, 4), affine=torch.eye(4))
    with pytest.raises(CaseError, match="shape"):
        CTPreprocessingd(["image", "label"])(scan)


def test_tiny_difference_of_headers_is_accepted():
    scan = ellipsoid_scan(np.eye(4))
    scan["label"] = MetaTensor(scan["label"].as_tensor(), affine=torch.as_tensor(np.eye(4) + 1e-5))
    assert CTPreprocessingd(["image", "label"])(scan)["label"].max() == 13


@pytest.mark.parametrize(
    ("settings", "match"),
    [({"pixdim": (1, 1, 0)}, "pixdim"), ({"pixdim": (1, 1)}, "pixdim"), ({"window_hu": (5, 5)}, "window_hu")],
)
def test_settings_out_of_range_are_refused(settings, match):
    with pytest.raises(ValueError, match=match):
        CTPreprocessingd("image", **settings)
