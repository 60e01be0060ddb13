"""Requirements of MONAI's bundle specification and Model Zoo on ``configs/metadata.json``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

__all__ = ["metadata_faults"]

_TEXTS = (
    *("schema", "version", "monai_version", "pytorch_version", "numpy_version"),
    *("task", "description", "authors", "copyright"),
)
_EXAMPLE = "https://project-monai.github.io/schema/meta_schema_20240725.json"
_OPTIONAL_TEXTS = (
    *("name", "data_source", "data_type", "image_classes", "label_classes", "pred_classes", "intended_use"),
    "swinx_version",
)
_MAPPINGS = ("changelog", "required_packages_version", "network_data_format")
_SCHEMA = re.compile(r"https://\S*project-monai\S*/meta_schema_\w+\.json", re.IGNORECASE)
_VERSION = re.compile(r"\d+\.\d+(\.\d+)?([.+a-z0-9-]+)?")
_TENSOR = ("type", "format", "num_channels", "spatial_shape", "dtype", "value_range", "is_patch_data", "channel_def")
_TYPES = ("image", "latent", "noise", "feature", "timesteps", "series", "tuples", "probabilities", "object")
_FORMATS = (
    *("image", "magnitude", "hounsfield", "kspace", "raw", "labels", "classes", "segmentation", "RGB", "latent"),
    *("points", "values", "regression", "classification", "probabilities", "dict", "timesteps"),
)
_SIZE = re.compile(r"\*|\d+|n|\d+\*n|\d+\*\*n|\d+\*\*p\*n|\d+\*\d+\*\*n")
_NUMBER = re.compile(r"[0-9]+")  # str.isdigit takes digits that are no numbers, such as ²
_DTYPE = re.compile(r"float(16|32|64)?|double|half|u?int(8|16|32|64)|long|short|byte|bool|bfloat16")


def metadata_faults(metadata: Any) -> list[str]:
    """Return the faults of the metadata of a bundle, a sentence each; empty if there are none.

    Args:
        metadata: Content of ``configs/metadata.json``.

    Reference:
        MONAI Bundle Specification, https://docs.monai.io/en/latest/mb_specification.html; the checks of the Model Zoo,
        https://github.com/Project-MONAI/model-zoo.

    Examples:
        >>> metadata_faults([])
        ['it holds no object']
        >>> metadata_faults({})[0]
        'schema is missing'
    """
    if not isinstance(metadata, Mapping):
        return ["it holds no object"]
    faults = [f"{key} is missing" for key in (*_TEXTS, *_MAPPINGS) if key not in metadata]
    for key in (*_TEXTS, *_OPTIONAL_TEXTS):
        if key in metadata and not (isinstance(metadata[key], str) and metadata[key].strip()):
            faults.append(f"{key} is {metadata[key]!r}, not a text")
    faults += [
        f"{key} is {metadata[key]!r}, not an object"
        for key in (*_MAPPINGS, "supported_apps")
        if key in metadata and not isinstance(metadata[key], Mapping)
    ]
    if "references" in metadata and not _is_texts(metadata["references"]):
        faults.append("references is no list of texts")
    if faults:
        return faults
    return (
        _schema_faults(metadata["schema"]) + _version_faults(metadata) + _format_faults(metadata["network_data_format"])
    )


def _schema_faults(schema: str) -> list[str]:
    if _SCHEMA.fullmatch(schema):
        return []
    return [f"schema {schema!r} is no address of MONAI's, such as {_EXAMPLE}"]


def _version_faults(metadata: Mapping[str, Any]) -> list[str]:
    named = {key: metadata[key] for key in ("version", "monai_version", "pytorch_version", "numpy_version")}
    named |= {f"required_packages_version, {name}": v for name, v in metadata["required_packages_version"].items()}
    named |= {f"changelog, {version}": version for version in metadata["changelog"]}
    faults = [
        f"{key}: {value!r} is no version such as 1.2.0"
        for key, value in named.items()
        if not isinstance(value, str) or not _VERSION.fullmatch(value)
    ]
    for version, text in metadata["changelog"].items():
        if not (isinstance(text, str) and text.strip()):
            faults.append(f"changelog, {version}: {text!r} is not a text; say what has changed")
    if metadata["version"] not in metadata["changelog"]:
        faults.append(f"version {metadata['version']} is not in the changelog; add what has changed in it")
    if "optional_packages_version" in metadata:
        faults.append("optional_packages_version is an old name of required_packages_version; keep the latter")
    return faults


def _format_faults(networks: Mapping[str, Any]) -> list[str]:
    faults = []
    for side, needed in (("inputs", "image"), ("outputs", "pred")):
        tensors = networks.get(side)
        if not isinstance(tensors, Mapping) or not tensors:
            faults.append(f"network_data_format has no {side}")
            continue
        if needed not in tensors:
            faults.append(f"network_data_format, {side}: none is named {needed}, but {', '.join(tensors)}")
        for name, tensor in tensors.items():
            where = f"network_data_format, {side}, {name}"
            if not isinstance(tensor, Mapping):
                faults.append(f"{where} is no object")
                continue
            missing = [key for key in _TENSOR if key not in tensor]
            faults += [f"{where}: {key} is missing" for key in missing]
            faults += [f"{where}: {fault}" for fault in ([] if missing else _tensor_faults(tensor))]
            if name == needed and tensor.get("channel_def") == {}:
                faults.append(f"{where}: channel_def is empty; name each channel by its number")
    return faults


def _tensor_faults(tensor: Mapping[str, Any]) -> list[str]:
    channels, sizes, limits = tensor["num_channels"], tensor["spatial_shape"], tensor["value_range"]
    names = tensor["channel_def"]
    count = isinstance(channels, int) and not isinstance(channels, bool) and channels >= 0
    rules = {
        f"type {tensor['type']!r} is none of {', '.join(_TYPES)}": tensor["type"] in _TYPES,
        f"format {tensor['format']!r} is none of {', '.join(_FORMATS)}": tensor["format"] in _FORMATS,
        f"num_channels {channels!r} is no count": count,
        f"spatial_shape {sizes!r} is no list of sizes such as 96, '*' or '16*n'": isinstance(sizes, list)
        and all(_is_size(size) for size in sizes),
        f"dtype {tensor['dtype']!r} is no type of numbers": isinstance(tensor["dtype"], str)
        and _DTYPE.fullmatch(tensor["dtype"]) is not None,
        f"value_range {limits!r} is no list of numbers that rise, such as [0, 1], nor empty": _is_range(limits),
        f"is_patch_data {tensor['is_patch_data']!r} is neither true nor false": isinstance(
            tensor["is_patch_data"], bool
        ),
        f"channel_def {names!r} does not name channels by number": isinstance(names, Mapping)
        and all(_NUMBER.fullmatch(str(key)) and isinstance(name, str) for key, name in names.items()),
    }
    faults = [fault for fault, holds in rules.items() if not holds]
    if not faults and tensor["format"] != "labels" and names and channels > 1 and len(names) != channels:
        faults.append(f"channel_def names {len(names)} channels of {channels}")
    if not faults and names and sorted(map(int, names)) != list(range(len(names))):
        faults.append(f"channel_def has the numbers {', '.join(names)}, not 0 to {len(names) - 1}")
    return faults


def _is_size(size: Any) -> bool:
    if isinstance(size, str):
        return _SIZE.fullmatch(size) is not None
    return isinstance(size, int) and not isinstance(size, bool) and size > 0


def _is_range(limits: Any) -> bool:
    """Tell numbers from the lowest to the highest; those of a few classes may all be listed, and none if unknown."""
    if not isinstance(limits, list):
        return False
    numbers = all(isinstance(limit, int | float) and not isinstance(limit, bool) for limit in limits)
    return numbers and len(limits) != 1 and all(low < high for low, high in pairwise(limits))


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
