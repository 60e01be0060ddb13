"""BundleTeacher: any bundle says to us what it says when MONAI runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.networks.nets import UNet

from support.bundles import ROOT, SMALL, run_bundle
from support.geometry import oblique_affine
from support.inference import write_scan
from swinx.errors import CaseError, TeacherError, WeightsError
from swinx.files import write_json
from swinx.labels import read_label_set
from swinx.networks import SwinXSeg, save_weights
from swinx.refinement import BundleTeacher, Teacher
from swinx.tracking import write_sidecar

NETWORK = {"spatial_dims": 3, "in_channels": 1, "out_channels": 3, "channels": [4, 8], "strides": [2]}
INFERENCE = {
    "imports": ["$import os"],
    "bundle_root": "/nowhere",
    "dataset_dir": "$os.path.join(@bundle_root, 'scans')",
    "output_dir": "$os.path.join(@bundle_root, 'eval')",
    "device": "cpu",
    "pixdim": [2.0, 2.0, 2.0],
    "network_def": {"_target_": "UNet", **NETWORK},
    "preprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "LoadImaged", "keys": "image"},
            {"_target_": "EnsureChannelFirstd", "keys": "image"},
            {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS", "labels": None},
            {"_target_": "Spacingd", "keys": "image", "pixdim": "@pixdim", "mode": "bilinear"},
            {"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": -100, "a_max": 250, "b_min": 0, "b_max": 1},
        ],
    },
    "dataset": {
        "_target_": "Dataset",
        "data": "$[{'image': os.path.join(@dataset_dir, name)} for name in sorted(os.listdir(@dataset_dir))]",
        "transform": "@preprocessing",
    },
    "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1},
    "inferer": {"_target_": "SlidingWindowInferer", "roi_size": [16, 16, 16], "overlap": 0.25},
    "postprocessing": {
        "_target_": "Compose",
        "transforms": [
            {"_target_": "Activationsd", "keys": "pred", "softmax": True},
            {
                "_target_": "Invertd",
                "keys": "pred",
                "transform": "@preprocessing",
                "orig_keys": "image",
                "nearest_interp": False,
            },
            {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
            {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir", "separate_folder": False},
        ],
    },
    "evaluator": {
        "_target_": "SupervisedEvaluator",
        "device": "@device",
        "val_data_loader": "@dataloader",
        "network": "@network_def",
        "inferer": "@inferer",
        "postprocessing": "@postprocessing",
        "val_handlers": [
            {
                "_target_": "CheckpointLoader",
                "load_path": "$os.path.join(@bundle_root, 'models', 'model.pt')",
                "load_dict": {"model": "@network_def"},
            }
        ],
    },
}
CHANNELS = {"0": "background", "1": "Spleen", "2": "kidney_left"}


@pytest.fixture
def bundle(tmp_path) -> Path:
    """An ordinary bundle: UNet, Spacingd, Invertd, argmax."""
    root = tmp_path / "ordinary"
    (root / "configs").mkdir(parents=True)
    (root / "models").mkdir()
    write(root, "inference", INFERENCE)
    write(root, "metadata", {"network_data_format": {"outputs": {"pred": {"channel_def": CHANNELS}}}})
    torch.manual_seed(4)
    torch.save(UNet(**NETWORK).state_dict(), root / "models" / "model.pt")
    return root


def write(root: Path, name: str, content: dict) -> None:
    (root / "configs" / f"{name}.json").write_text(json.dumps(content))


def change_steps(root: Path, part: str, keep) -> None:
    content = json.loads(json.dumps(INFERENCE))
    content[part]["transforms"] = keep(content[part]["transforms"])
    write(root, "inference", content)


def run_by_monai(root: Path, scan: Path) -> np.ndarray:
    """What the bundle's own evaluator writes."""
    (root / "scans").mkdir()
    shutil.copy(scan, root / "scans")
    parser = ConfigParser()
    parser.read_config(str(root / "configs" / "inference.json"))
    parser["bundle_root"] = str(root)
    parser.get_parsed_content("evaluator").run()
    (written,) = (root / "eval").glob("*.nii.gz")
    return np.asarray(nib.load(written).dataobj)


def test_an_ordinary_bundle_says_what_monai_writes(bundle, scan):
    theirs = run_by_monai(bundle, Path(scan.meta["filename_or_obj"]))
    teacher = BundleTeacher(bundle, device="cpu")
    prediction = teacher.predict("anna", scan)
    assert isinstance(teacher, Teacher)
    assert (teacher.name, teacher.classes) == ("ordinary", (3, 13))
    assert len(np.unique(theirs)) > 1
    np.testing.assert_array_equal(prediction.labels[0], np.array([0, 3, 13])[theirs.astype(int)])
    assert prediction.labels.shape == scan.shape


def test_nothing_is_written(bundle, scan):
    before = sorted(bundle.rglob("*"))
    BundleTeacher(bundle, device="cpu").predict("anna", scan)
    assert sorted(bundle.rglob("*")) == before


def test_class_scores_at_the_end_become_labels(bundle, scan):
    discrete = BundleTeacher(bundle, device="cpu").predict("anna", scan).labels
    change_steps(bundle, "postprocessing", lambda steps: steps[:2])
    assert torch.equal(BundleTeacher(bundle, device="cpu").predict("anna", scan).labels, discrete)


def test_a_prediction_that_stays_in_model_space_is_refused(bundle, scan):
    change_steps(bundle, "postprocessing", lambda steps: [steps[0], steps[2]])
    with pytest.raises(CaseError, match="anna: ordinary leaves its prediction on another grid"):
        BundleTeacher(bundle, device="cpu").predict("anna", scan)


def test_probabilities_of_one_class_are_no_labels(bundle, scan):
    content = json.loads(json.dumps(INFERENCE))
    content["postprocessing"]["transforms"][2] = {"_target_": "Lambdad", "keys": "pred", "func": "$lambda p: p[:1]"}
    write(bundle, "inference", content)
    with pytest.raises(CaseError, match="values between whole numbers; end with AsDiscreted"):
        BundleTeacher(bundle, device="cpu").predict("anna", scan)


def test_overrides_and_label_map_change_output_and_fingerprint(bundle, scan):
    plain = BundleTeacher(bundle, device="cpu")
    coarse = BundleTeacher(bundle, overrides={"pixdim": [4.0, 4.0, 4.0]}, device="cpu")
    renamed = BundleTeacher(bundle, label_map={"Spleen": "tumor", 2: 0}, device="cpu")
    expected = torch.where(plain.predict("anna", scan).labels == 3, 14, 0).to(torch.uint8)
    assert torch.equal(renamed.predict("anna", scan).labels, expected)
    assert not torch.equal(coarse.predict("anna", scan).labels, plain.predict("anna", scan).labels)
    assert len({teacher.fingerprint for teacher in (plain, coarse, renamed)}) == 3
    moved = bundle.rename(bundle.with_name("moved"))
    assert BundleTeacher(moved, device="cpu").fingerprint == plain.fingerprint


def test_a_bundles_own_modules_are_found(bundle, scan):
    (bundle / "scripts").mkdir()
    (bundle / "scripts" / "nets_of_this_test.py").write_text("from monai.networks.nets import UNet as OwnNet\n")
    expected = BundleTeacher(bundle, device="cpu").predict("anna", scan).labels
    write(bundle, "inference", INFERENCE | {"network_def": {"_target_": "scripts.nets_of_this_test.OwnNet", **NETWORK}})
    assert torch.equal(BundleTeacher(bundle, device="cpu").predict("anna", scan).labels, expected)


OWN = read_label_set({"background": 0, "right kidney": 2, "left kidney": 6, "spleen": 9})


def test_classes_are_matched_by_name_to_own_ones(bundle, scan):
    plain = BundleTeacher(bundle, device="cpu").predict("anna", scan).labels
    teacher = BundleTeacher(bundle, device="cpu", label_set=OWN)
    assert teacher.classes == (2, 3)
    expected = torch.where(plain == 3, 3, torch.where(plain == 13, 2, 0)).to(torch.uint8)
    assert torch.equal(teacher.predict("anna", scan).labels, expected)
    both = BundleTeacher(bundle, device="cpu", label_map={1: "spleen", 2: 9}, label_set=OWN)
    assert torch.equal(both.predict("anna", scan).labels, (plain > 0).to(torch.uint8) * 3)


def test_the_label_set_that_a_bundle_builds_beside_its_weights_outranks_its_metadata(bundle, scan, tmp_path):
    given = {"background": 0, "left kidney": 4, "spleen": 7}  # channels 1 and 2
    write_json(tmp_path / "elsewhere.json", given)
    plain = BundleTeacher(bundle, device="cpu").predict("anna", scan).labels
    built = {"_target_": "swinx.labels.read_label_set", "given": "$@checkpoint.replace('.pt', '.json')"}
    write(bundle, "inference", INFERENCE | {"checkpoint": "/nowhere", "label_set": built})
    weights = (bundle / "models" / "model.pt").rename(tmp_path / "elsewhere.pt")
    teacher = BundleTeacher(bundle, checkpoint=weights, device="cpu", label_set=OWN)
    assert teacher.classes == (2, 3)
    expected = torch.where(plain == 3, 2, torch.where(plain == 13, 3, 0)).to(torch.uint8)
    assert torch.equal(teacher.predict("anna", scan).labels, expected)
    write_json(tmp_path / "elsewhere.json", given | {"heart": 5})
    with pytest.raises(TeacherError, match=r"elsewhere\.pt: class 2 is called 'heart', which is no class"):
        BundleTeacher(bundle, checkpoint=weights, device="cpu", label_set=OWN)


def test_our_own_bundle_takes_its_classes_and_settings_from_beside_its_weights(scan, tmp_path):
    trained = read_label_set({"background": 0, "spleen": 3, "kidney_left": 4, "nodule": 8})
    sizes = {key: SMALL[key] for key in ("embed_dim", "num_heads", "decoder_channels")}
    torch.manual_seed(0)
    network = SwinXSeg(1, trained.num_classes, **sizes)
    with torch.no_grad():
        list(network.parameters())[-1].zero_()  # the bias of the last layer, so that no class wins everywhere
    save_weights(network, tmp_path / "model.pt")
    settings = {key: value for key, value in SMALL.items() if key not in ("num_workers", "progress")}
    write_sidecar(tmp_path / "model.pt", {"labels": trained.as_json(), "settings": settings})
    own = {"background": 0, "left kidney": 1, "spleen": 2}
    folder, map_ = ROOT / "bundles" / "swinx_seg", {"spleen": "spleen", "kidney_left": "left kidney", "nodule": 0}
    options = {"checkpoint": tmp_path / "model.pt", "device": "cpu", "overrides": {"backend": "plain"}}
    teacher = BundleTeacher(folder, label_map=map_, label_set=read_label_set(own), **options)
    full = BundleTeacher(folder, label_set=trained, **options)
    assert (teacher.classes, full.classes) == ((1, 2), (1, 2, 3))
    said = full.predict("anna", scan).labels
    assert len(said.unique()) > 1
    assert torch.equal(teacher.predict("anna", scan).labels, torch.tensor([0, 2, 1, 0], dtype=torch.uint8)[said.long()])
    with pytest.raises(TeacherError, match=r"model\.pt: class 3 is called 'nodule', which is no class"):
        BundleTeacher(folder, label_set=read_label_set(own), **options)


@pytest.mark.slow
def test_our_own_bundle_says_what_its_documented_command_writes(load_scan, tmp_path):
    for axcodes in ("PSR", "LAI"):
        write_scan(tmp_path / "scans" / f"{axcodes}_0000.nii.gz", oblique_affine(axcodes))
    torch.manual_seed(0)
    settings = SMALL | {"pixdim": [1.0, 1.0, 1.0], "backend": "torch"}
    network = SwinXSeg(1, 15, **{key: settings[key] for key in ("embed_dim", "num_heads", "decoder_channels")})
    with torch.no_grad():
        list(network.parameters())[-1].zero_()  # the bias of the last layer, so that no class wins everywhere
    save_weights(network, tmp_path / "model.pt")
    command = {"dataset_dir": tmp_path / "scans", "output_dir": tmp_path / "out", "checkpoint": tmp_path / "model.pt"}
    finished = run_bundle("inference", "inference", device="cpu", **command, **settings)
    assert finished.returncode == 0, finished.stderr[-3000:]
    folder = ROOT / "bundles" / "swinx_seg"
    teacher = BundleTeacher(folder, overrides=settings, checkpoint=tmp_path / "model.pt", device="cpu")
    for axcodes in ("PSR", "LAI"):
        theirs = np.asarray(nib.load(tmp_path / "out" / f"{axcodes}.nii.gz").dataobj)
        assert len(np.unique(theirs)) > 1
        ours = teacher.predict(axcodes, load_scan(tmp_path / "scans" / f"{axcodes}_0000.nii.gz"))
        np.testing.assert_array_equal(ours.labels[0], theirs)
    assert teacher.classes == tuple(range(1, 15))


def test_what_a_bundle_lacks_is_named(bundle, tmp_path):
    with pytest.raises(TeacherError, match="nowhere: no such folder"):
        BundleTeacher(tmp_path / "nowhere")
    with pytest.raises(TeacherError, match=r"configs/predict\.json: no such file"):
        BundleTeacher(bundle, config="predict.json")
    write(bundle, "inference", {key: value for key, value in INFERENCE.items() if key != "inferer"})
    with pytest.raises(TeacherError, match=r"lacks inferer and has no \['pixdims'\] to override"):
        BundleTeacher(bundle, overrides={"pixdims": 1})
    (bundle / "configs" / "metadata.json").unlink()
    with pytest.raises(TeacherError, match=r"metadata\.json: no such file"):
        BundleTeacher(bundle)


def test_a_configuration_that_cannot_be_built_says_why(bundle):
    write(bundle, "inference", INFERENCE | {"inferer": {"_target_": "NoSuchInferer"}})
    with pytest.raises(TeacherError, match=r"inference\.json: cannot be built: .*NoSuchInferer"):
        BundleTeacher(bundle)
    write(bundle, "inference", INFERENCE | {"network_def": "$1 + 1"})
    with pytest.raises(TeacherError, match="network_def is a int, not a Module"):
        BundleTeacher(bundle)
    (bundle / "configs" / "inference.json").write_text("{")
    with pytest.raises(TeacherError, match="cannot be read as a configuration"):
        BundleTeacher(bundle)


def test_classes_without_names_need_a_label_map(bundle, scan):
    write(bundle, "metadata", {})
    with pytest.raises(TeacherError, match="names no classes under channel_def; give a label map"):
        BundleTeacher(bundle)
    assert BundleTeacher(bundle, label_map={1: 3, 2: 13}, device="cpu").classes == (3, 13)
    teacher = BundleTeacher(bundle, label_map={7: 3}, device="cpu")
    with pytest.raises(CaseError, match=r"anna: ordinary predicts ids \[.*\], which the label map does not know"):
        teacher.predict("anna", scan)


def test_weights_that_do_not_fit_or_are_code_are_refused(bundle, tmp_path):
    torch.save(UNet(**NETWORK | {"channels": [8, 8]}).state_dict(), tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"(?s)other\.pt: does not fit the bundle's network_def: .*size mismatch"):
        BundleTeacher(bundle, checkpoint=tmp_path / "other.pt")
    torch.save(UNet(**NETWORK), tmp_path / "pickled.pt")
    with pytest.raises(WeightsError, match=r"pickled\.pt: holds more than tensors"):
        BundleTeacher(bundle, checkpoint=tmp_path / "pickled.pt")
    (bundle / "models" / "model.pt").unlink()
    with pytest.raises(WeightsError, match=r"models/model\.pt: no such file"):
        BundleTeacher(bundle)
