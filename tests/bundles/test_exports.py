"""Exported networks in the bundle's own workflow, and MONAI's own export of the bundle."""

from __future__ import annotations

import sys

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser, ckpt_export

from support.bundles import CONFIGS, ROOT, SMALL, arguments, run_bundle, write_case
from support.geometry import oblique_affine
from swinx.cli import main
from swinx.errors import reason_of
from swinx.networks import SwinXSeg, load_weights, save_weights

pytestmark = pytest.mark.slow

SIZES = {name: SMALL[name] for name in ("embed_dim", "num_heads", "decoder_channels", "roi_size")}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Weights as they are before training, with a bias under which they find all kinds of classes."""
    torch.manual_seed(0)
    network = SwinXSeg(**{name: size for name, size in SIZES.items() if name != "roi_size"}).eval()
    with torch.no_grad():
        network.out.conv.conv.bias -= network(torch.rand(1, 1, 32, 32, 32)).mean((0, 2, 3, 4))
    path = tmp_path_factory.mktemp("weights") / "model.pt"
    save_weights(network, path)
    return path


@pytest.fixture(scope="module")
def exported(checkpoint):
    """The OpenVINO network that the documented command makes of them."""
    out = checkpoint.with_suffix(".xml")
    command = ["swinx", "export", str(ROOT / "bundles" / "swinx_seg"), "--to", "openvino"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [*command, *arguments(checkpoint=checkpoint, out=out, **SIZES)])
        main()
    return out


def configured(*configs: str, **settings: object) -> ConfigParser:
    """The configurations, merged as MONAI merges them, with settings."""
    parser = ConfigParser()
    parser.read_config([str(ROOT / CONFIGS / f"{name}.json") for name in configs])
    for name, value in {"bundle_root": str(ROOT / "bundles" / "swinx_seg"), **settings}.items():
        parser[name] = value
    return parser


def test_openvino_labels_as_pytorch_does_in_the_same_workflow(checkpoint, exported, tmp_path):
    write_case(tmp_path / "in", "anna", 0, oblique_affine("LAI", spacing_mm=(4.0, 4.0, 5.0)))
    settings = SMALL | {"dataset_dir": str(tmp_path / "in" / "images"), "sw_batch_size": 3}
    eager = configured("inference", output_dir=str(tmp_path / "eager"), **settings)
    load_weights(eager.get_parsed_content("network_def"), checkpoint)
    eager.get_parsed_content("evaluator").run()
    config = ["inference", "inference_openvino"]
    finished = run_bundle(
        "inference", config, output_dir=tmp_path / "openvino", exported=exported, checkpoint="nowhere.pt", **settings
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    wanted, found = (np.asarray(nib.load(tmp_path / name / "anna.nii.gz").dataobj) for name in ("eager", "openvino"))
    assert len(np.unique(wanted)) > 2, "the test needs several classes"
    assert (wanted == found).mean() >= 0.9999


def test_a_file_for_other_windows_cannot_be_built_into_the_workflow(exported):
    parser = configured("inference", "inference_openvino", roi_size=[64, 32, 32], exported=str(exported))
    with pytest.raises(Exception, match="Failed to instantiate") as failed:
        parser.get_parsed_content("network")
    assert "model.xml: was exported for windows of 1 x 32 x 32 x 32 voxels" in reason_of(failed.value)


def test_the_overlay_lists_the_exported_network_and_a_run_without_weights():
    plain, changed = configured("inference").get(), configured("inference", "inference_openvino").get()
    assert changed["network_def"]["_target_"] == "swinx.inference.OpenVINONetwork"
    assert changed["run"] == [step for step in plain["run"] if "load_weights" not in step]
    differing = {name for name in changed if changed[name] != plain.get(name)}
    assert differing == {"amp", "device", "exported", "network_def", "records", "run"}


def test_monai_s_own_export_traces_the_network_exactly(checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT / "bundles" / "swinx_seg")
    out = tmp_path / "model.ts"
    ckpt_export(
        net_id="network_def",
        filepath=str(out),
        ckpt_file=str(checkpoint),
        meta_file="configs/metadata.json",
        config_file="configs/inference.json",
        use_trace=True,
        input_shape=[1, 1, 32, 32, 32],
        converter_kwargs={"check_trace": False},
        **SIZES,
    )
    network = SwinXSeg(**{name: size for name, size in SIZES.items() if name != "roi_size"}).eval()
    network.load_state_dict(torch.load(checkpoint, weights_only=True))
    image = torch.rand(2, 1, 32, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(torch.jit.load(out)(image), network(image), rtol=0, atol=1e-5)
