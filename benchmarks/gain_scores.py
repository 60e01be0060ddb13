"""Scores of the experiment on pretraining: the gate of an encoder, and the Dice of a network by case."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gain_cohort import Lists
from masked_error import masked_share_of_constant
from monai.inferers import SlidingWindowInferer
from monai.metrics import DiceMetric
from monai.networks.utils import one_hot
from monai.transforms import Compose, LoadImaged
from torch import Tensor

from swinx.data import CTReader, LoadLabeld
from swinx.files import read_object, write_json
from swinx.labels import FLARE23
from swinx.networks import SwinEncoder, SwinXSeg, load_weights, save_weights
from swinx.preprocessing import CTPreprocessingd
from swinx.pretraining import PRETRAINED, SmitNetwork

__all__ = ["encoder_of", "gate", "score", "score_once"]

MASKED_BLOCK = 8
_read: dict[str, tuple[Tensor, Tensor]] = {}


def gate(
    model: Path, probe: Path, lists: Lists, settings: Mapping[str, Any], masked_share: float, probe_must_win: bool
) -> dict[str, Any]:
    """Return the two figures that an encoder must reach before it is called pretrained, and if it does.

    Args:
        model: The student's weights.
        probe: ``probe.json`` of the student and five random encoders.
        lists: Lists with scans that the pretraining did not see.
        settings: Settings of network and preprocessing, with ``reconstruction_head``.
        masked_share: Highest masked error, as a share of that of a constant.
        probe_must_win: Ask for a probe that is better than the best of the random ones.
    """
    names = ("out_dim", "hidden_dim", "bottleneck_dim", "reconstruction_head")
    encoder = SwinEncoder(embed_dim=settings["embed_dim"], num_heads=settings["num_heads"])
    student = SmitNetwork(encoder, **{name: settings[name] for name in names})
    scans = [_scan(item, settings)[0] for item in lists.unseen]
    sizes = settings["roi_size"], settings["region_size"]
    share = masked_share_of_constant(student, str(model), scans, *sizes, MASKED_BLOCK)
    found = {name: row["balanced_accuracy"] for name, row in read_object(probe)["encoders"].items()}
    trained, best = found.pop(PRETRAINED), max(found.values())
    return {
        "masked_share_of_constant": round(share, 4),
        "probe": trained,
        "best_random_probe": best,
        "random_probes": len(found),
        "passed": bool(share <= masked_share and (trained > best or not probe_must_win)),
    }


def encoder_of(model: Path, path: Path) -> None:
    """Write the encoder of a segmentation network alone, so that a training takes nothing else of it."""
    state = torch.load(model, map_location="cpu", weights_only=True)
    save_weights({name: value for name, value in state.items() if name.startswith("encoder.")}, path)


@torch.no_grad()
def score(
    model: Path,
    items: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    left_out: Collection[str] = ("tumor",),
) -> dict[str, float]:
    """Return the mean Dice of the organs of each case in points, on the network's grid.

    Args:
        model: Weights of a segmentation network.
        items: Cases with complete labels.
        settings: Settings of network and preprocessing.
        left_out: Words in the names of classes that do not count.
    """
    names = ("embed_dim", "num_heads", "decoder_channels")
    network = SwinXSeg(**{name: settings[name] for name in names}, norm=settings.get("norm", "batch"))
    load_weights(network, model)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device).eval()
    infer = SlidingWindowInferer(settings["roi_size"], sw_batch_size=2, overlap=0.25, mode="gaussian")
    organs = [number for number, name in enumerate(FLARE23.names) if number and not {*left_out} & {*name.split()}]
    found = {}
    for item in items:
        image, label = _scan(item, settings)
        predicted = infer(image[None].to(device), network).argmax(dim=1, keepdim=True).cpu()
        classes = FLARE23.num_classes
        dice = DiceMetric(include_background=True, reduction="none", ignore_empty=True)(
            one_hot(predicted, classes), one_hot(label[None], classes)
        )
        found[str(item["case"])] = round(100 * float(np.nanmean(dice[0, organs].numpy())), 3)
    return found


def score_once(folder: Path, settings: str, make: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Return the scores of a training, made unless they are there.

    Args:
        folder: Folder of the training; its ``scores.json`` has the scores.
        settings: The settings, as one text.
        make: Trains and scores.

    Raises:
        SystemExit: If the folder is that of a training with other settings.
    """
    done = folder / "scores.json"
    if not done.is_file():
        write_json(done, {"settings": settings, "dice": make()})
    found = read_object(done)
    if found["settings"] != settings:
        raise SystemExit(f"{folder} was trained with other settings; delete it, or give another --work")
    return dict(found["dice"])


def _scan(item: Mapping[str, Any], settings: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Return image and label ``(1, X, Y, Z)`` on the network's grid; each is read once."""
    path = str(item["image"])
    if path not in _read:
        steps = Compose(
            [
                LoadImaged("image", reader=CTReader(), ensure_channel_first=True),
                LoadLabeld("label"),
                CTPreprocessingd(
                    ["image", "label"],
                    pixdim=settings["pixdim"],
                    window_hu=(-250, 250),
                    antialias=settings["antialias"],
                ),
            ]
        )
        out = steps(dict(item))
        _read[path] = out["image"].as_tensor(), out["label"].as_tensor()
    return _read[path]
