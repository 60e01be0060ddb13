"""Metadata and README of a packed bundle: texts on its network, made from the record of the weights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from swinx.labels import LabelClass, LabelSet
from swinx.packaging.training_facts import class_rows, data_line, scores_by_name, training_rows

__all__ = ["PREPROCESSING", "model_card", "with_network"]

PREPROCESSING = ("pixdim", "window_hu", "intensity", "body_crop", "body_margin_mm")
"""Settings of the preprocessing that the texts tell."""

_SHOWN = 6
_BLOCK = re.compile(r"<!-- bundle: (\w+) -->\n(.*?)\n<!-- end -->", re.DOTALL)
"""Part of a README that is true of the bundle, and of a packed network only with its own facts."""


def with_network(
    metadata: Mapping[str, Any],
    label_set: LabelSet,
    settings: Mapping[str, Any],
    parameters: int,
    record: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the metadata of a bundle with classes, preprocessing, size, data and scores of the network that is packed.

    Args:
        metadata: Metadata that satisfy :func:`swinx.packaging.metadata_faults`.
        label_set: Classes of the network.
        settings: Settings of its inference by name.
        parameters: Number of its parameters.
        record: What is recorded of its training, see :func:`swinx.tracking.read_record`.
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
    source = data_line(record)
    told["data_source"] = source[0].upper() + source[1:]
    told.pop("eval_metrics", None)
    if scores := scores_by_name(record, label_set):
        told["eval_metrics"] = scores
    return told


def model_card(
    readme: str, label_set: LabelSet, settings: Mapping[str, Any], parameters: int, record: Mapping[str, Any]
) -> str:
    """Return the README of a bundle with a section about the packed network in the place of its first paragraphs.

    Parts between ``<!-- bundle: name -->`` and ``<!-- end -->`` become what is true of this network.

    Args:
        readme: README of the bundle, Markdown.
        label_set: Classes of the network.
        settings: Settings of its inference by name.
        parameters: Number of its parameters.
        record: What is recorded of its training, see :func:`swinx.tracking.read_record`.
    """
    rows = [("parameters", f"{parameters / 1e6:.1f} million"), ("input", _preprocessing(settings))]
    rows += [("training data", data_line(record)), *training_rows(record)]
    facts = "\n".join(map(_row, rows))
    cells = ((each.value, each.name, _code(each), _host(each)) for each in label_set.classes)
    table = "\n".join(
        _row((*told, *of_training)) for told, of_training in zip(cells, class_rows(record, label_set), strict=True)
    )
    section = (
        "## This network\n\nMade from the record of its training when the bundle was packed. Where the text below\n"
        "tells defaults, those of this network stand here and in `configs`.\n\n"
        f"| | |\n| --- | --- |\n{facts}\n\n"
        "| number | class | SNOMED CT | | annotated in cases of the training | validation Dice |\n"
        f"| ---: | --- | --- | --- | --- | --- |\n{table}\n\n"
    )
    title = readme.partition("\n")[0]
    _, heading, rest = readme.partition("\n## ")
    blocks = _blocks(label_set, settings, record)
    rest = _BLOCK.sub(lambda found: blocks.get(found[1], found[2]), rest)
    return f"{title}\n\n{described(label_set, settings, parameters)}\n\n{section}{heading.lstrip()}{rest}"


def described(label_set: LabelSet, settings: Mapping[str, Any], parameters: int) -> str:
    """Return a sentence on a network."""
    modality = "CT" if settings.get("intensity", "hu_window") == "hu_window" else "scans"
    return (
        f"A reduced 3D Swin UNETR ({parameters / 1e6:.1f} million parameters) that segments {_few(label_set)} "
        f"in {modality}, after the FLARE-23 paper 3D Swin Transformer for Partial Medical Auto Segmentation."
    )


def _blocks(label_set: LabelSet, settings: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts for the marked parts of the README."""
    names = label_set.names[1:]
    intensity = settings.get("intensity", "hu_window")
    modality = "CT" if intensity == "hu_window" else f"that of the training, scaled by {intensity}"
    training = {"case": "a", "image": "imagesTr/a_0000.nii.gz", "label": "labelsTr/a.nii.gz"}
    validation = {"case": "b", "image": "imagesVal/b_0000.nii.gz", "label": "labelsVal/b.nii.gz"}
    lines = [
        f'    "training": [{json.dumps(training | {"annotated": names[:2]}, ensure_ascii=False)}],',
        f'    "validation": [{json.dumps(validation)}]',
    ]
    example = "```json\n{\n" + "\n".join(lines) + "\n}\n```"
    crop = f"cropped to the body with a margin of {settings.get('body_margin_mm', 10.0):g} mm"
    steps = [f"RAS orientation, {_spacing(settings)} spacing", _scaled(settings)]
    steps += [crop] if settings.get("body_crop", True) else []
    scored = bool(record.get("class_dice") or record.get("value") is not None)
    return {
        "classes": f"Target: {', '.join(names)}. Modality: {modality}.\n\nA further training has these classes, "
        "matched by name with those of its data list; `--labels` brings others.\nInference takes classes, voxel size, "
        "window and network from the record beside the weights.",
        "example": example,
        "preprocessing": f"{'; '.join(steps)}.\nAll of it is `swinx.preprocessing.CTPreprocessingd`, with a setting "
        "for each number.",
        "performance": "The scores of the validation that chose these weights stand above, under This network."
        if scored
        else "No score of these weights is recorded.",
    }


def _spacing(settings: Mapping[str, Any]) -> str:
    return " x ".join(f"{float(size):g}" for size in settings["pixdim"]) + " mm"


def _scaled(settings: Mapping[str, Any]) -> str:
    low, high = settings.get("window_hu", (-250, 250))
    return {
        "hu_window": f"{low:g} to {high:g} HU are mapped to 0 to 1",
        "percentiles": "percentiles 0.5 and 99.5 of the body are mapped to 0 and 1",
        "zscore": "mean and standard deviation of the body are mapped to 0 and 1",
    }[settings.get("intensity", "hu_window")]


def _preprocessing(settings: Mapping[str, Any]) -> str:
    return f"resampled to {_spacing(settings)}; {_scaled(settings)}"


def _few(label_set: LabelSet) -> str:
    names = label_set.names[1:]
    return ", ".join(names) if len(names) <= _SHOWN else f"{len(names)} classes ({', '.join(names[:_SHOWN])} ...)"


def _code(each: LabelClass) -> str:
    code = " ".join(each.code) if each.code else ""
    return f"{code}, {each.side}" if code and each.side else code


def _host(each: LabelClass) -> str:
    return "" if each.inside is None else f"lesion in {', '.join(each.inside) or 'any place'}"


def _row(cells: Iterable[object]) -> str:
    """Return the row of a Markdown table."""
    shown = (str(cell).replace("|", r"\|") for cell in cells)
    return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in shown)}|"
