"""What a packed bundle says of its network."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser

from support.bundles import ROOT
from swinx.labels import FLARE23, read_label_set
from swinx.networks import SwinXSeg, save_weights
from swinx.packaging import metadata_faults, pack_bundle
from swinx.packaging.model_card import model_card, with_network
from swinx.packaging.pack_bundle import classes_of_training
from swinx.tracking import artefact_hash, sidecar_path

OWN = {
    "labels": {"background": 0, "left lobe": 3, "right lobe": 7, "nodule|spot": 9},
    "classes": {
        "nodule|spot": {"inside": ["left lobe"], "code": ["27925004", "Nodule"], "tolerance_mm": 3.0},
        "left lobe": {"colour": "#123456"},
    },
}
NETWORK = {"embed_dim": 12, "num_heads": [1, 2, 4, 8], "decoder_channels": 8, "roi_size": [32, 32, 64]}


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    """A bundle whose weights tell everything themselves."""
    folder = tmp_path_factory.mktemp("weights")
    label_set = read_label_set(OWN)
    network = SwinXSeg(1, label_set.num_classes, embed_dim=12, num_heads=[1, 2, 4, 8], decoder_channels=8)
    save_weights(network, folder / "model.pt")
    record = {
        "settings": NETWORK | {"pixdim": [2.0, 2.0, 3.5], "intensity": "zscore"},
        "labels": label_set.as_json(),
        "epoch": 7,
        "metric": "val_mean_organ_dice",
        "value": 0.8125,
        "class_dice": {"left lobe": 0.9375, "right lobe": 0.6875, "nodule|spot": None},
        "data": {
            "training": {
                "cases": 12,
                "annotated": {"left lobe": 11, "right lobe": 8, "nodule|spot": 0},
                "pseudo": {"right lobe": 4},
            },
            "validation": {"cases": 3, "annotated": {"left lobe": 3, "right lobe": 3, "nodule|spot": 1}},
        },
        "upstream": [{"name": "data", "path": "/home/anna/lobes/datalist.json", "sha256": "ab" * 32}],
        "sha256": artefact_hash(folder / "model.pt"),
    }
    sidecar_path(folder / "model.pt").write_text(json.dumps(record))
    archive = pack_bundle(ROOT / "bundles/swinx_seg", folder / "dist", weights=folder / "model.pt")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    torch.manual_seed(0)
    return folder / "swinx_seg"


def test_the_metadata_tell_the_classes_and_the_preprocessing_of_the_weights(packed):
    metadata = json.loads((packed / "configs/metadata.json").read_text())
    assert metadata_faults(metadata) == []
    pred = metadata["network_data_format"]["outputs"]["pred"]
    assert pred["num_channels"] == 4
    assert pred["channel_def"] == {"0": "background", "1": "left lobe", "2": "right lobe", "3": "nodule|spot"}
    assert pred["spatial_shape"] == [32, 32, 64]
    assert "9 nodule|spot" in metadata["label_classes"]
    assert metadata["image_classes"].startswith("single channel scan, resampled to 2 x 2 x 3.5 mm; mean and standard")
    assert "left lobe, right lobe, nodule|spot" in metadata["description"]
    assert metadata["data_source"] == "12 labelled cases for training, 3 for validation"
    dice = {"val_dice left lobe": 0.9375, "val_dice right lobe": 0.6875}
    assert metadata["eval_metrics"] == {"val_mean_organ_dice": 0.8125, **dice}
    assert "liver" not in json.dumps(metadata)
    assert "FLARE 2023" not in metadata["data_source"]


def test_the_readme_tells_training_parameters_and_scores_and_nothing_of_the_machine(packed):
    text = (packed / "docs/README.md").read_text()
    head = text[: text.index("\n## Data")]
    for told in ("| epoch | 7 |", "0.8125", "datalist.json, SHA-256 abababababab", "lesion in left lobe", "27925004"):
        assert told in head
    assert r"nodule\|spot" in head
    assert "anna" not in text
    assert "No trained weights" not in text
    assert "right kidney" not in text
    names = "|".join(name for name in FLARE23.names[1:] if name != "tumor")
    assert not re.search(rf"\b({names})s?\b|83\.13|35\.19", text), "what is true of FLARE-23 alone is told of it"
    assert "<!--" not in text
    assert '"annotated": ["left lobe", "right lobe"]' in text
    assert "2 x 2 x 3.5 mm spacing" in text[text.index("## Preprocessing") :]
    assert "| training data | 12 labelled cases for training, 3 for validation |" in head
    assert "| 7 | right lobe | | | 8, and 4 by a network | 0.6875 |" in head
    assert "| 0 | not validated |" in head
    assert "Target: left lobe, right lobe, nodule|spot. Modality: that of the training, scaled by zscore." in text
    network = SwinXSeg(1, 4, embed_dim=12, num_heads=[1, 2, 4, 8], decoder_channels=8)
    assert f"{sum(p.numel() for p in network.parameters()) / 1e6:.1f} million" in head


def test_what_is_not_recorded_is_said_to_be_so():
    label_set = read_label_set(OWN)
    readme = (ROOT / "bundles/swinx_seg/docs/README.md").read_text()
    settings = {"pixdim": [2.0, 2.0, 2.0]}
    text = model_card(readme, label_set, settings, 10**6, {})
    assert "| training data | not recorded |" in text
    assert "| not recorded | not recorded |" in text
    assert "No score of these weights is recorded." in text
    metadata = json.loads((ROOT / "bundles/swinx_seg/configs/metadata.json").read_text())
    told = with_network(metadata, label_set, settings, 10**6, {})
    assert told["data_source"] == "Not recorded"
    assert "eval_metrics" not in told


def test_every_part_of_the_readme_that_is_of_the_bundle_alone_has_its_marks():
    readme = (ROOT / "bundles/swinx_seg/docs/README.md").read_text()
    assert set(re.findall(r"<!-- bundle: (\w+) -->", readme)) == {"classes", "example", "preprocessing", "performance"}
    assert readme.count("<!-- end -->") == 4


def test_the_packed_record_brings_the_label_set(packed):
    record = json.loads((packed / "models/model.json").read_text())
    assert read_label_set(record["labels"]) == read_label_set(OWN)
    assert read_label_set(OWN) != FLARE23


def test_a_training_of_the_packed_network_has_its_classes_under_the_numbers_of_its_channels(packed):
    parser = ConfigParser()
    parser.read_config(packed / "configs/train.json")
    label_set = parser.get_parsed_content("label_set")
    assert label_set.same_classes(read_label_set(OWN))
    assert (label_set.values, label_set.lesions, label_set.hosts(3)) == ((0, 1, 2, 3), (3,), (1,))
    told = [[replace(each, value=0) for each in one.classes] for one in (label_set, read_label_set(OWN))]
    assert told[0] == told[1], "tolerances, colours, codes and partners travel, too"


@pytest.mark.parametrize("name", ["$__import__('os').getcwd()", "@output_dir", "%run"])
def test_a_name_of_a_label_set_is_no_part_of_a_program(name):
    told = classes_of_training(read_label_set(OWN | {"name": name}))
    assert name not in json.dumps(told)
    assert read_label_set(told).names == read_label_set(OWN).names
