"""SaveReconstructiond: the files say in HU and millimetres what the network put out, or there are none."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from support.disks import nearly_full_disk
from swinx.errors import CaseError
from swinx.pretraining import SaveReconstructiond
from swinx.pretraining.reconstruction.save_reconstruction import token_affine

SHAPE = (9, 7, 6)
WINDOW_HU = (-250.0, 250.0)
NAMES = ["a_features.npz", "a_masked.nii.gz", "a_original.nii.gz", "a_reconstruction.nii.gz"]


def case(affine: np.ndarray, **changes) -> dict:
    """A scan in [0, 1] and what the inferer makes of it, without batch axes."""
    rng = np.random.default_rng(0)
    hu = rng.integers(-250, 251, SHAPE).astype(np.float32)
    tensors = {
        "reconstruction": torch.from_numpy(rng.normal(0.5, 1, (1, *SHAPE)).astype(np.float32)),
        "mask": torch.from_numpy(rng.integers(0, 2, (1, *SHAPE)).astype(np.uint8)),
        "patch_tokens": torch.from_numpy(rng.normal(size=(4, 4, 2, 3)).astype(np.float32)),
        "image_tokens": torch.from_numpy(rng.normal(size=(4, 3)).astype(np.float32)),
        "token_stride": torch.tensor(4),
    }
    image = MetaTensor(torch.from_numpy((hu + 250) / 500)[None], affine=torch.as_tensor(affine))
    return {"case": "a", "image": image, "pred": tensors | changes, "hu": hu}


def read(path) -> np.ndarray:
    file = nib.load(path)
    assert file.get_data_dtype() == np.int16
    return np.asarray(file.dataobj)


def test_volumes_hold_whole_hu_on_the_grid_of_the_image(tmp_path, oblique):
    item = case(oblique)
    SaveReconstructiond("pred", tmp_path / "new", WINDOW_HU)(item)
    mask = item["pred"]["mask"][0].numpy() > 0
    original, masked, reconstruction = (
        read(tmp_path / "new" / f"a_{name}.nii.gz") for name in ("original", "masked", "reconstruction")
    )
    np.testing.assert_array_equal(original, item["hu"])
    np.testing.assert_array_equal(masked, np.where(mask, -1024, item["hu"]))
    expected = item["pred"]["reconstruction"][0].numpy() * 500.0 - 250
    assert np.abs(reconstruction - expected).max() <= 0.5 + 1e-3
    assert reconstruction.min() < -250, "not clipped"
    for name in ("original", "masked", "reconstruction"):
        file = nib.load(tmp_path / "new" / f"a_{name}.nii.gz")
        np.testing.assert_array_equal(file.affine, oblique.astype(np.float32))


def test_hidden_voxels_are_below_every_window(tmp_path):
    item = case(np.eye(4))
    SaveReconstructiond("pred", tmp_path, (-2000.5, 1000.0))(item)
    mask = item["pred"]["mask"][0].numpy() > 0
    masked = read(tmp_path / "a_masked.nii.gz")
    assert (masked[mask] < -2000.5).all()
    assert (masked[~mask] >= -2000.5).all()


def test_features_are_read_without_pickle_and_know_their_place(tmp_path, oblique):
    item = case(oblique)
    SaveReconstructiond("pred", tmp_path, WINDOW_HU)(item)
    with np.load(tmp_path / "a_features.npz", allow_pickle=False) as features:
        assert set(features) == {"patch_tokens", "affine", "image_tokens", "image_affine"}
        np.testing.assert_array_equal(features["patch_tokens"], item["pred"]["patch_tokens"])
        np.testing.assert_array_equal(features["image_tokens"], item["pred"]["image_tokens"])
        np.testing.assert_array_equal(features["affine"], token_affine(oblique, 4))
        np.testing.assert_array_equal(features["image_affine"], oblique)
        assert features["patch_tokens"].dtype == features["image_tokens"].dtype == np.float32


def test_the_same_case_makes_the_same_bytes(tmp_path, oblique):
    for folder in ("one", "two"):
        SaveReconstructiond("pred", tmp_path / folder, WINDOW_HU)(case(oblique))
    for name in NAMES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_measures_count_masked_voxels_only(tmp_path, oblique):
    item = case(oblique)
    mask, image = item["pred"]["mask"], item["image"].as_tensor()
    item["pred"]["reconstruction"] = torch.where(mask > 0, image + 0.1, 5.0)
    out = SaveReconstructiond("pred", tmp_path, WINDOW_HU)(item)
    assert out["measures"]["mae"] == pytest.approx(0.1, abs=1e-6)
    assert out["measures"]["mae_hu"] == pytest.approx(50, abs=1e-3)
    assert out["saved_to"] == str(tmp_path / "a_reconstruction.nii.gz")
    assert set(item) == {"case", "image", "pred", "hu"}, "the input item must not change"


def test_the_picture_is_drawn_from_what_was_saved(tmp_path, oblique):
    calls = []

    def draw(path, *arguments) -> None:
        path.write_bytes(b"picture")
        calls.append((path, *arguments))

    item = case(oblique)
    out = SaveReconstructiond("pred", tmp_path, WINDOW_HU, draw=draw)(item)
    ((path, original, reconstruction, mask, affine, name, window_hu, errors),) = calls
    assert path == tmp_path / "a_reconstruction.png"
    np.testing.assert_array_equal(original, read(tmp_path / "a_original.nii.gz"))
    np.testing.assert_array_equal(reconstruction, read(tmp_path / "a_reconstruction.nii.gz"))
    np.testing.assert_array_equal(mask, item["pred"]["mask"][0].numpy() == 1)
    np.testing.assert_array_equal(affine, oblique)
    assert (name, window_hu, errors) == ("a", WINDOW_HU, out["measures"])


@pytest.mark.parametrize("missing", range(4))
def test_a_full_disk_is_a_fault_of_the_case_and_leaves_no_half_file(tmp_path, oblique, missing, monkeypatch):
    """Whichever of the files does not fit any more, the others are whole and it is as it was."""
    from swinx.pretraining.reconstruction import save_reconstruction

    save = SaveReconstructiond("pred", tmp_path, WINDOW_HU)
    save(case(oblique))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(before) == NAMES
    count = iter(range(4))

    def at_its_turn(function):
        def wrapped(*arguments, **keywords):
            with nearly_full_disk(100 if next(count) == missing else 10**9):
                return function(*arguments, **keywords)

        return wrapped

    monkeypatch.setattr(save_reconstruction, "write_nifti", at_its_turn(save_reconstruction.write_nifti))
    monkeypatch.setattr(save, "_save_features", at_its_turn(save._save_features))
    with pytest.raises(CaseError, match=r"the reconstruction cannot be written: .*cannot write"):
        save(case(oblique))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_picture_that_cannot_be_written_is_a_fault_of_the_case(tmp_path, oblique):
    def draw(path, *_) -> None:
        raise OSError(f"cannot write {path}: disk full")

    with pytest.raises(CaseError, match=r"a_reconstruction\.png: the reconstruction cannot be written"):
        SaveReconstructiond("pred", tmp_path, WINDOW_HU, draw=draw)(case(oblique))


@pytest.mark.parametrize("name", ["reconstruction", "patch_tokens", "image_tokens"])
def test_output_that_is_no_number_fails_the_case_before_a_file_is_written(tmp_path, oblique, name):
    item = case(oblique)
    item["pred"][name].view(-1)[0] = float("nan")
    with pytest.raises(CaseError, match=f"a: the network's {name} hold NaN"):
        SaveReconstructiond("pred", tmp_path, WINDOW_HU)(item)
    assert not list(tmp_path.iterdir())


def test_another_grid_than_the_image_s_is_refused(tmp_path, oblique):
    item = case(oblique, reconstruction=torch.zeros(1, 9, 7, 5))
    with pytest.raises(ValueError, match="differ in shape"):
        SaveReconstructiond("pred", tmp_path, WINDOW_HU)(item)


def test_a_missing_key_is_an_error(tmp_path):
    with pytest.raises(KeyError, match="image"):
        SaveReconstructiond("pred", tmp_path)({"case": "a"})


def test_two_reconstructions_cannot_be_one_set_of_files(tmp_path):
    with pytest.raises(ValueError, match="one set of files"):
        SaveReconstructiond(["pred", "other"], tmp_path)
