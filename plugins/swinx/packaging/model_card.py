"""Metadata and README of a packed bundle: a section on its network, made from the record of the weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from swinx.labels import LabelClass, LabelSet

__all__ = ["model_card", "with_network"]

_SHOWN = 6
_TARGET = re.compile(r"Target: .*?\(14\)\. Modality: CT\.", re.DOTALL)
"""The classes of the bundle as its README names them."""


def with_network(
    metadata: Mapping[str, Any], label_set: LabelSet, settings: Mapping[str, Any], parameters: int
) -> dict[str, Any]:
    """Return the metadata of a bundle with classes, preprocessing and size of the network that is packed.

    Args:
        metadata: Metadata that satisfy :func:`swinx.packaging.metadata_faults`.
        label_set: Classes of the network.
        settings: Settings of its inference by name.
        parameters: Number of its parameters.
    """
    told: dict[str, Any] = deepcopy(dict(metadata))
    pred = told["network_data_format"]["outputs"]["pred"]
    pred["num_channels"] = label_set.num_classes
    pred["channel_def"] = {str(label): name for label, name in enumerate(label_set.names)}
    numbers = ", ".join(f"{value} {name}" for value, name in zip(label_set.values, label_set.names, strict=True))
    told["label_classes"] = f"single channel label map: {numbers}; 255 unknown, in training only"
    told["pred_classes"] = f"single channel label map: {numbers}"
    told["image_classes"] = f"single channel scan, {_preprocessing(settings)}"
    modality = "CT" if settings.get("intensity", "hu_window") == "hu_window" else "scans"
    named = _few(label_set)
    told["task"] = f"Segmentation of {named} in {modality}"
    told["name"] = f"Swin-X Seg: {named} in {modality}"
    told["description"] = described(label_set, settings, parameters)
    return told


def model_card(
    readme: str, label_set: LabelSet, settings: Mapping[str, Any], parameters: int, record: Mapping[str, Any]
) -> str:
    """Return the README of a bundle with a section about the packed network in the place of its first paragraphs.

    Args:
        readme: README of the bundle, Markdown.
        label_set: Classes of the network.
        settings: Settings of its inference by name.
        parameters: Number of its parameters.
        record: What is recorded of its training, see :func:`swinx.tracking.read_record`.
    """
    rows = [("parameters", f"{parameters / 1e6:.1f} million"), ("input", _preprocessing(settings))]
    rows += _training(record)
    facts = "\n".join(f"| {name} | {_cell(value)} |" for name, value in rows)
    classes = "\n".join(
        f"| {each.value} | {_cell(each.name)} | {_cell(_code(each))} | "
        f"{'lesion in ' + _cell(', '.join(each.inside) or 'any place') if each.inside is not None else ''} |"
        for each in label_set.classes
    )
    section = (
        "## This network\n\nMade from the record of its training when the bundle was packed.\n\n"
        f"| | |\n| --- | --- |\n{facts}\n\n"
        f"| number | class | SNOMED CT | |\n| ---: | --- | --- | --- |\n{classes}\n\n"
    )
    title = readme.partition("\n")[0]
    _, heading, rest = readme.partition("\n## ")
    intensity = settings.get("intensity", "hu_window")
    modality = "CT" if intensity == "hu_window" else f"that of the training, scaled by {intensity}"
    target = f"Target: {', '.join(label_set.names[1:])}. Modality: {modality}."
    rest = _TARGET.sub(lambda _: target, rest, count=1)
    return f"{title}\n\n{described(label_set, settings, parameters)}\n\n{section}{heading.lstrip()}{rest}"


def described(label_set: LabelSet, settings: Mapping[str, Any], parameters: int) -> str:
    """Return a sentence on a network."""
    modality = "CT" if settings.get("intensity", "hu_window") == "hu_window" else "scans"
    return (
        f"A reduced 3D Swin UNETR ({parameters / 1e6:.1f} million parameters) that segments {_few(label_set)} "
        f"in {modality}, after the FLARE-23 paper 3D Swin Transformer for Partial Medical Auto Segmentation."
    )


def _training(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is known of the training, as far as it is recorded."""
    rows = []
    for source in record.get("upstream") or []:
        sha = f", SHA-256 {source['sha256'][:12]}..." if source.get("sha256") else ""
        rows.append((f"trained from: {source['name']}", f"{source['path']}{sha}"))
    if record.get("epoch") is not None:
        rows.append(("epoch", f"{record['epoch']}"))
    if record.get("metric") and record.get("value") is not None:
        rows.append((f"validation, {record['metric']}", f"{record['value']:.4f}"))
    rows += [(f"validation, {name}", f"{value:.4f}") for name, value in (record.get("metrics") or {}).items() if value]
    rows += [(name, str(record[name])) for name in ("date", "swinx", "torch", "run_id") if record.get(name)]
    return rows


def _preprocessing(settings: Mapping[str, Any]) -> str:
    pixdim = " x ".join(f"{float(size):g}" for size in settings.get("pixdim", ()))
    intensity = settings.get("intensity", "hu_window")
    low, high = settings.get("window_hu", (-250, 250))
    scaled = {
        "hu_window": f"{low:g} to {high:g} HU are mapped to 0 to 1",
        "percentiles": "percentiles 0.5 and 99.5 of the body are mapped to 0 and 1",
        "zscore": "mean and standard deviation of the body are mapped to 0 and 1",
    }
    return f"resampled to {pixdim} mm; {scaled[intensity]}" if pixdim else scaled[intensity]


def _few(label_set: LabelSet) -> str:
    names = label_set.names[1:]
    return ", ".join(names) if len(names) <= _SHOWN else f"{len(names)} classes ({', '.join(names[:_SHOWN])} ...)"


def _code(each: LabelClass) -> str:
    code = " ".join(each.code) if each.code else ""
    return f"{code}, {each.side}" if code and each.side else code


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
