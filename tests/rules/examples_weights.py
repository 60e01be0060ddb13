"""Runs whose settings or classes are not those of their weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rules.examples import example
from rules.examples_folders import _log
from swinx.errors import WeightsError
from swinx.labels import read_label_set
from swinx.networks import SwinXSeg, load_pretrained, save_weights
from swinx.rules import WeightsRules
from swinx.tracking import agreed_label_set, compare_settings, sidecar_path, trained_settings


def weights(folder: Path, **record) -> Path:
    path = folder / "model.pt"
    torch.save({"a": torch.zeros(1)}, path)
    sidecar_path(path).write_text(json.dumps(record))
    return path


@example(WeightsRules.NO_RECORD)
def weights_without_a_record(folder: Path) -> str:
    path = weights(folder)
    sidecar_path(path).unlink()
    with _log() as lines:
        trained_settings(path)
    return "\n".join(lines)


@example(WeightsRules.OTHER_NETWORK)
def a_network_of_another_width(folder: Path) -> str:
    path = weights(folder, settings={"embed_dim": 12})
    with pytest.raises(WeightsError) as told:
        agreed_label_set(None, path, trained_settings(path), {"embed_dim": 24})
    return str(told.value)


@example(WeightsRules.OTHER_PREPROCESSING)
def another_voxel_size(folder: Path) -> str:
    path = weights(folder, settings={"pixdim": [2.0, 2.0, 2.0]})
    trained = trained_settings(path)
    with _log() as lines:
        agreed_label_set(None, path, trained, {"pixdim": [1.0, 1.0, 1.0]})
    return "\n".join(lines)


@example(WeightsRules.PRETRAINED_OTHERWISE)
def a_training_with_another_voxel_size(folder: Path) -> str:
    path = weights(folder, settings={"pixdim": [2.0, 2.0, 2.0]})
    with _log() as lines:
        compare_settings(path, {"pixdim": [1.0, 1.0, 1.0]}, further=True)
    return "\n".join(lines)


@example(WeightsRules.ENCODER_ONLY)
def a_network_without_a_record(folder: Path) -> str:
    small = {"embed_dim": 12, "depths": (1, 1), "num_heads": (1, 1), "decoder_channels": 4, "out_channels": 5}
    save_weights(SwinXSeg(**small), folder / "own.pt")
    with _log() as lines:
        load_pretrained(SwinXSeg(**small), folder / "own.pt", read_label_set("flare21"))
    return "\n".join(lines)


@example(WeightsRules.OTHER_CLASSES)
def another_label_set(folder: Path) -> str:
    path = weights(folder, labels=read_label_set("btcv").as_json())
    with pytest.raises(WeightsError) as told:
        agreed_label_set("flare21", path)
    return str(told.value)


@example(WeightsRules.ROWS)
def a_start_from_a_network_of_other_classes(folder: Path) -> str:
    small = {"embed_dim": 12, "depths": (1, 1), "num_heads": (1, 1), "decoder_channels": 4}
    own, wanted = read_label_set("flare21"), read_label_set("btcv")
    save_weights(SwinXSeg(out_channels=own.num_classes, **small), folder / "own.pt")
    network = SwinXSeg(out_channels=wanted.num_classes, **small)
    with _log() as lines:
        load_pretrained(network, folder / "own.pt", wanted, own)
    return "\n".join(lines)
