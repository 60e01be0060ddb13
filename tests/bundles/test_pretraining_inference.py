"""The documented inference of the pretraining bundle: files over the scan; a bad case is named and leaves no file."""

from __future__ import annotations

import json
import shutil
import sys

import nibabel as nib
import numpy as np
import pytest
import torch
from matplotlib.image import imread
from monai.bundle import ConfigWorkflow, verify_net_in_out

from support.bundles import PRETRAINING, ROOT, SMALL_PRETRAINING, arguments, default_of, run, run_bundle, write_case
from support.geometry import oblique_affine
from swinx.files import file_sha256
from swinx.networks import SwinEncoder, save_weights
from swinx.pretraining import SmitNetwork
from swinx.pretraining.reconstruction.save_reconstruction import token_affine

FOLDER = ROOT / PRETRAINING
KINDS = ["features.npz", "masked.nii.gz", "original.nii.gz", "reconstruction.nii.gz", "reconstruction.png"]
TOKEN_VOXELS = 16


def content(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """Weights of a small student as it begins."""
    torch.manual_seed(0)
    encoder = SwinEncoder(embed_dim=12, num_heads=(1, 2, 4, 8))
    path = tmp_path_factory.mktemp("untrained") / "model.pt"
    save_weights(SmitNetwork(encoder, out_dim=64, hidden_dim=32, bottleneck_dim=16), path)
    return path


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Two oblique, anisotropic scans whose axes run otherwise than the network's."""
    folder = tmp_path_factory.mktemp("scans")
    for seed, (name, codes) in enumerate({"a": "LPS", "b": "PSR"}.items()):
        write_case(folder, name, seed, oblique_affine(codes, (4.0, 4.5, 6.0)))
    return folder / "images"


def reconstruct(source, checkpoint, out, **settings):
    return run_bundle(
        "inference",
        "inference",
        configs=PRETRAINING,
        dataset_dir=source,
        checkpoint=checkpoint,
        output_dir=out,
        **(SMALL_PRETRAINING | settings),
    )


def last_word(finished) -> str:
    """The last line that a user reads, after all tracebacks."""
    return finished.stderr.rpartition("stopped: ")[2]


def world_centre(path, above_hu: float) -> np.ndarray:
    """Mean position in mm of what is brighter."""
    file = nib.load(path)
    bright = np.argwhere(np.asarray(file.dataobj) > above_hu)
    return bright.mean(axis=0) @ file.affine[:3, :3].T + file.affine[:3, 3]


def test_monai_misses_no_property(scans, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    workflow = ConfigWorkflow(
        config_file=str(FOLDER / "inference.json"),
        workflow_type="inference",
        dataset_dir=str(scans),
        output_dir=str(tmp_path),
        **SMALL_PRETRAINING,
    )
    workflow.initialize()
    assert workflow.check_properties() == []


def test_the_student_is_the_one_that_was_trained_and_sees_the_same_kind_of_scan():
    train, inference = content("train"), content("inference")
    encoder = train["network_def"]["student"]["encoder"]
    of_training = {name: encoder.pop(name) for name in ("drop_path_rate", "use_checkpoint")}
    assert inference["network_def"] == train["network_def"]["student"]
    assert not set(of_training) & set(inference)
    settings = ["embed_dim", "depths", "num_heads", "qkv_bias", "published_window_order"]
    settings += ["out_dim", "hidden_dim", "bottleneck_dim", "shared_head", "channels_last"]
    settings += [
        "roi_size",
        "block_size",
        "mask_ratio",
        "pixdim",
        "window_hu",
        "body_crop",
        "body_margin_mm",
        "antialias",
    ]
    settings += ["memory_format", "network", "ct_preprocessing"]
    assert inference["reader"] == {**train["reader"], "trained": True}
    for setting in [*settings, "bundle_root", "dataset_dir", "device", "amp"]:
        assert default_of(setting, inference[setting]) == train[setting], setting
    assert inference["preprocessing"]["transforms"] == train["train"]["preprocessing"]["transforms"][0]["transforms"]


def test_the_records_know_every_file_that_is_written():
    assert sorted(content("inference")["records"]["files"]) == [f"{{case}}_{kind}" for kind in KINDS]


def test_metadata_are_complete_and_tell_pinned_versions():
    metadata = content("metadata")
    required = {"schema", "version", "changelog", "monai_version", "pytorch_version", "numpy_version", "task"}
    required |= {"required_packages_version", "description", "authors", "copyright", "network_data_format"}
    assert required <= metadata.keys()
    assert metadata["version"] in metadata["changelog"]
    assert metadata["network_data_format"]["outputs"]["pred"]["num_channels"] == 1
    pinned = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        if version and 'python_version < "3.11"' not in version:
            pinned[name] = version.split(" ")[0]
    told = metadata["required_packages_version"] | {
        "monai": metadata["monai_version"],
        "torch": metadata["pytorch_version"],
        "numpy": metadata["numpy_version"],
    }
    assert told == {name: pinned[name] for name in told}


@pytest.mark.slow
def test_network_fits_the_metadata(monkeypatch):
    monkeypatch.chdir(ROOT)
    verify_net_in_out(
        net_id="network_def",
        config_file=str(FOLDER / "inference.json"),
        meta_file=str(FOLDER / "metadata.json"),
        device="cpu",
    )


@pytest.mark.slow
def test_a_folder_of_scans_is_reconstructed_where_the_scans_are(scans, untrained, tmp_path):
    finished = reconstruct(scans, untrained, tmp_path / "out")
    assert finished.returncode == 0, finished.stderr[-3000:]
    names = [f"{case}{ending}" for case in "ab" for ending in [".json", *(f"_{kind}" for kind in KINDS)]]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [*names, "cases.json", "inference.log"]
    for case in "ab":
        original, masked, reconstruction = (
            nib.load(tmp_path / f"out/{case}_{kind}.nii.gz") for kind in ("original", "masked", "reconstruction")
        )
        assert original.shape == masked.shape == reconstruction.shape
        assert "".join(nib.aff2axcodes(original.affine)) == "RAS"
        np.testing.assert_array_equal(original.affine, masked.affine)
        np.testing.assert_array_equal(original.affine, reconstruction.affine)
        liver = world_centre(tmp_path / f"out/{case}_original.nii.gz", 60)
        np.testing.assert_allclose(liver, world_centre(scans / f"{case}_0000.nii.gz", 60), atol=2.0)
        hidden = np.asarray(masked.dataobj) == -1024
        record = json.loads((tmp_path / f"out/{case}.json").read_text())
        assert record["measures"]["hidden_share"] == pytest.approx(hidden.mean())
        difference = np.asarray(reconstruction.dataobj, float) - np.asarray(original.dataobj)
        assert record["measures"]["mae_hu"] == pytest.approx(np.abs(difference[hidden]).mean(), abs=0.5)
        assert record["prediction"] == str(tmp_path / f"out/{case}_reconstruction.nii.gz")
        with np.load(tmp_path / f"out/{case}_features.npz", allow_pickle=False) as features:
            grid = np.ceil(np.array(original.shape) / 32).astype(int)
            assert features["patch_tokens"].shape == (*(2 * grid), 96)
            assert features["image_tokens"].shape == (grid.prod(), 96)
            np.testing.assert_allclose(features["affine"], token_affine(original.affine, TOKEN_VOXELS), atol=1e-3)
        assert imread(tmp_path / f"out/{case}_reconstruction.png").shape[1] > 800


@pytest.mark.slow
def test_bad_cases_are_named_and_leave_nothing_and_the_others_are_reconstructed(scans, untrained, tmp_path):
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    good = (scans / "a_0000.nii.gz").read_bytes()
    (images / "good_0000.nii.gz").write_bytes(good)
    (images / "truncated_0000.nii.gz").write_bytes(good[:2000])
    (images / "text_0000.nii.gz").write_text("not an image")
    scan = nib.load(scans / "a_0000.nii.gz")
    nan = np.asarray(scan.dataobj).astype(np.float32)
    nan[0, 0, 0] = np.nan
    nib.save(nib.Nifti1Image(nan, scan.affine), images / "nan_0000.nii.gz")
    out.mkdir()
    for kind in KINDS:
        (out / f"text_{kind}").write_text("of an earlier run")
    earlier = {f"text_{kind}": file_sha256(out / f"text_{kind}") for kind in KINDS}
    (out / "text.json").write_text(json.dumps({"prediction": "", "files": earlier}))
    finished = reconstruct(images, untrained, out)
    assert finished.returncode == 1
    summary = json.loads((out / "cases.json").read_text())
    assert [record["case"] for record in summary["done"]] == ["good"]
    assert summary["done"][0]["measures"]["mae_hu"] > 0
    assert sorted(failure["case"] for failure in summary["failed"]) == ["nan", "text", "truncated"]
    for failure in summary["failed"]:
        assert f"{failure['case']}_0000.nii.gz" in failure["reason"]
        assert not list(out.glob(f"{failure['case']}*"))
    assert len(list(out.glob("good*"))) == len(KINDS) + 1
    assert "not reconstructed: text" in finished.stderr


@pytest.mark.slow
def test_one_file_from_inside_the_bundle_and_again_gives_the_same_bytes(scans, untrained, tmp_path):
    command = [sys.executable, "-m", "monai.bundle", "run", "inference", "--config_file", "configs/inference.json"]
    for folder in ("one", "two"):
        settings = {"dataset_dir": scans / "b_0000.nii.gz", "output_dir": tmp_path / folder, "checkpoint": untrained}
        finished = run([*command, *arguments(**settings, **SMALL_PRETRAINING)], cwd=FOLDER.parent)
        assert finished.returncode == 0, finished.stderr[-3000:]
    for kind in KINDS:
        assert (tmp_path / "one" / f"b_{kind}").read_bytes() == (tmp_path / "two" / f"b_{kind}").read_bytes(), kind


@pytest.mark.slow
def test_of_a_data_list_the_unlabelled_scans_are_taken(scans, untrained, tmp_path):
    entries = {name: {"case": name, "image": f"images/{name}_0000.nii.gz"} for name in "ab"}
    sections = {"unlabeled": [entries["b"]], "testing": [entries["a"]]}
    shutil.copytree(scans, tmp_path / "data" / "images")
    (tmp_path / "data" / "datalist.json").write_text(json.dumps({"name": "two"} | sections))
    finished = reconstruct(tmp_path / "data", untrained, tmp_path / "out")
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert [record["case"] for record in json.loads((tmp_path / "out/cases.json").read_text())["done"]] == ["b"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"checkpoint": "no.pt"}, "no.pt"),
        ({"embed_dim": 24}, "model.pt"),
        ({"block_size": 5}, "block_size is 5, which does not fit roi_size [32, 32, 32]"),
        ({"section": "nowhere", "dataset_dir": "datalist.json"}, "no section 'nowhere'"),
    ],
)
def test_the_last_line_names_what_is_wrong(scans, untrained, tmp_path, settings, message):
    if "dataset_dir" in settings:
        (tmp_path / "datalist.json").write_text(json.dumps({"name": "none", "testing": []}))
        settings = settings | {"dataset_dir": tmp_path / "datalist.json"}
    given = {"dataset_dir": scans, "checkpoint": untrained, "output_dir": tmp_path / "out"}
    finished = run_bundle("inference", "inference", configs=PRETRAINING, **(given | SMALL_PRETRAINING | settings))
    assert finished.returncode != 0
    assert message in last_word(finished), finished.stderr[-2000:]
    assert not list((tmp_path / "out").glob("*.nii.gz"))
