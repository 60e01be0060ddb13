"""A tiny network with a record beside its weights, and one scan on a grid that breaks careless code."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from support.bundles import spheres
from support.geometry import oblique_affine
from swinx.labels import LabelSet, read_label_set
from swinx.networks import SwinXSeg, save_weights
from swinx.tracking import sidecar_path

__all__ = ["CLASSES", "some_scan", "some_weights", "write_scan"]

CLASSES = {"background": 0, "liver": 1, "spleen": 3, "left kidney": 7}
"""Numbers with gaps, so that class ids and numbers in files cannot be mistaken for each other."""

_SETTINGS = {
    "embed_dim": 12,
    "num_heads": [1, 2, 4, 8],
    "decoder_channels": 8,
    "roi_size": [32, 32, 32],
    "pixdim": [3.0, 3.0, 3.0],
}


def some_weights(folder: Path, seed: int = 0, depths: tuple[int, ...] = (2, 2, 2, 2)) -> Path:
    """Write weights of a network that tells classes by chance, and their record."""
    heads = _SETTINGS["num_heads"][: len(depths)]
    label_set: LabelSet = read_label_set(CLASSES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = SwinXSeg(
            out_channels=label_set.num_classes,
            embed_dim=12,
            depths=depths,
            num_heads=heads,
            decoder_channels=8,
            dropout=0.0,
        )
        with torch.no_grad():  # other statistics than those of a batch: without evaluation mode other labels come out
            for module in network.modules():
                if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                    module.running_var.fill_(2.0)
            network.eval()
            output = network.out.conv.conv
            output.weight.mul_(10)
            output.bias.sub_(network(torch.rand(1, 1, 32, 32, 32)).mean(dim=(0, 2, 3, 4)))  # all classes occur
    settings = _SETTINGS | {"depths": list(depths), "num_heads": heads}
    path = folder / "tiny.pt"
    save_weights(network, path)
    sidecar_path(path).write_text(json.dumps({"settings": settings, "labels": label_set.as_json()}))
    return path


def some_scan() -> tuple[np.ndarray, np.ndarray]:
    """HU and affine: anisotropic, oblique, axes not in the order of RAS."""
    return spheres(3)[0], oblique_affine("PSR")


def write_scan(path: Path) -> Path:
    """Write :func:`some_scan` as NIfTI."""
    hu, affine = some_scan()
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(hu, affine), path)
    return path
