"""The example for ONNX files gives the labels of the bundle, with nothing but onnxruntime and NumPy."""

from __future__ import annotations

import ast
import importlib.util
import json
import struct
import sys

import nibabel as nib
import numpy as np
import pytest

from support.bundles import ROOT
from support.geometry import oblique_affine
from support.segmentation import CLASSES, some_weights
from swinx.cli import main
from swinx.cohorts import make_phantom
from swinx.segmentation import load_model

SCRIPT = ROOT / "apps" / "onnx" / "segment_onnx.py"
_SPEC = importlib.util.spec_from_file_location("segment_onnx", SCRIPT)
example = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(example)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return some_weights(tmp_path_factory.mktemp("weights"), depths=(2,))


@pytest.fixture(scope="module")
def exported(weights):
    """The file that the documented command writes."""
    out = weights.with_suffix(".onnx")
    with pytest.MonkeyPatch.context() as patch:
        words = ["export", ROOT / "bundles" / "swinx_seg", "--to", "onnx", "--checkpoint", weights, "--out", out]
        patch.setattr(sys, "argv", ["swinx", *map(str, words)])
        main()
    return out


@pytest.mark.slow
@pytest.mark.parametrize("axes", ["PSR", "LAI"])
def test_the_example_labels_an_oblique_anisotropic_scan_as_the_bundle_does(
    weights, exported, tmp_path, monkeypatch, capsys, axes
):
    drawn = make_phantom(np.random.default_rng(1), (44, 42, 26), (4.0, 3.5, 5.0), axcodes=axes, oblique_deg=7.0)
    scan, out = tmp_path / "ct.nii.gz", tmp_path / "labels.nii.gz"
    nib.save(nib.Nifti1Image(drawn.image, drawn.affine), scan)
    wanted = load_model(weights, progress=False, backend="torch").segment(scan, progress=False)
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(exported), str(scan), str(out)])
    example.main()
    image = nib.load(out)
    found, expected = np.asarray(image.dataobj), np.asarray(wanted.image.dataobj)
    assert image.get_data_dtype() == np.uint8
    assert np.allclose(image.affine, nib.load(scan).affine, atol=1e-5)
    for number in CLASSES.values():
        dice = (
            2
            * ((found == number) & (expected == number)).sum()
            / ((found == number).sum() + (expected == number).sum())
        )
        assert dice >= 0.999
    assert f"liver: {wanted.volumes_ml['liver']:.1f} ml" in capsys.readouterr().out


@pytest.mark.slow
def test_a_file_carries_its_settings(exported):
    import onnx

    (entry,) = onnx.load(exported).metadata_props
    told = json.loads(entry.value)
    assert entry.key == "swinx"
    assert told["classes"] == CLASSES
    assert (told["roi_size"], told["pixdim"], told["window_hu"]) == ([32, 32, 32], [3.0, 3.0, 3.0], [-250, 250])


def test_the_example_imports_nothing_but_onnxruntime_numpy_and_what_python_brings():
    tree = ast.parse(SCRIPT.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}


@pytest.mark.parametrize("kind", ["f4", "<i2", ">i2", "u1"])
@pytest.mark.parametrize("form", ["sform", "qform"])
def test_scans_are_read_as_nibabel_reads_them(tmp_path, kind, form):
    affine = oblique_affine("LAI")
    volume = np.arange(60).reshape(5, 4, 3).astype(kind)
    image = nib.Nifti1Image(volume, affine, header=nib.Nifti1Header(endianness=">" if kind[0] == ">" else "<"))
    image.set_sform(affine, code=int(form == "sform"))
    image.set_qform(affine, code=int(form == "qform"))
    image.header.set_slope_inter(2, -7)
    nib.save(image, tmp_path / "a.nii.gz")
    read = nib.load(tmp_path / "a.nii.gz")
    values, found, header = example.read_nifti(tmp_path / "a.nii.gz")
    assert np.allclose(values, read.get_fdata())
    assert np.allclose(found, read.affine, atol=1e-5)
    example.write_labels(tmp_path / "b.nii", (volume % 3).astype(np.uint8), header)
    labels = nib.load(tmp_path / "b.nii")
    assert np.array_equal(labels.get_fdata(), volume.astype(int) % 3)
    assert np.allclose(labels.affine, read.affine, atol=1e-5)


def test_the_largest_component_is_that_of_scipy():
    from scipy import ndimage

    for seed, share in enumerate((0.2, 0.35, 0.6)):
        mask = np.random.default_rng(seed).random((20, 17, 13)) < share
        parts, _ = ndimage.label(mask)
        sizes = np.bincount(parts.ravel())[1:]
        found = example.largest_component(mask)
        assert found.sum() == sizes.max()
        assert len(np.unique(parts[found])) == 1


def test_a_scan_that_is_none_is_refused_in_one_line(tmp_path):
    (tmp_path / "a.nii").write_bytes(struct.pack("<i", 7) * 100)
    with pytest.raises(SystemExit, match=r"a\.nii: no NIfTI-1 file"):
        example.read_nifti(tmp_path / "a.nii")
