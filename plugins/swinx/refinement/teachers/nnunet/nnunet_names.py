"""Names in the files of an nnU-Net model that nnU-Net imports and calls.

nnU-Net looks networks and their layers up by dotted names (``pydoc.locate``), and preprocessors, normalisations and
the like by their bare names in its own modules. So a file of data decides what is called, and only what can belong to
a network is let through.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from swinx.errors import TeacherError
from swinx.files import shown
from swinx.rules import NnUNetRules

__all__ = ["check_class_name", "check_network_classes", "check_plans"]

_CLASS = re.compile(
    r"(?:torch\.nn(?:\.modules\.[a-z]\w*)?|dynamic_network_architectures(?:\.[a-z]\w*)+)\.[A-Z]\w*", re.ASCII
)
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_BY_NAME: Mapping[str, re.Pattern[str]] = {
    "label_manager": re.compile(r"\w*LabelManager", re.ASCII),
    "experiment_planner_used": re.compile(r"\w*Planner\w*", re.ASCII),
    "image_reader_writer": _WORD,
    "preprocessor_name": re.compile(r"\w*Preprocessor\w*", re.ASCII),
    "normalization_schemes": re.compile(r"\w*Normalization", re.ASCII),
    "resampling_fn_data": re.compile(r"resample_\w+", re.ASCII),
    "resampling_fn_seg": re.compile(r"resample_\w+", re.ASCII),
    "resampling_fn_probabilities": re.compile(r"resample_\w+", re.ASCII),
    "UNet_class_name": _WORD,
}


def check_plans(plans: Mapping[str, Any], source: Path) -> None:
    """Refuse plans that name anything but what nnU-Net's own plans name.

    Args:
        plans: Content of ``plans.json``.
        source: The file, for the message.

    Raises:
        TeacherError: If they do; one line that names the file, the key and the value.
    """
    for key, value in _named(plans):
        if not isinstance(value, str) or not _BY_NAME[key.rpartition(".")[2]].fullmatch(value):
            raise TeacherError(f"{source}: {NnUNetRules.NO_NAME.says(key=key, value=shown(value))}")
    for key, value in _classes(plans, source):
        if not isinstance(value, str) or not _CLASS.fullmatch(value):
            raise TeacherError(f"{source}: {NnUNetRules.FOREIGN_CODE.says(key=key, value=shown(value))}")


def check_network_classes(plans: Mapping[str, Any], source: Path) -> None:
    """Refuse plans, as :func:`check_plans` does, and those whose dotted names lead through a module to another one.

    A module has the modules that it imports as attributes, so that ``torch.nn.modules.x.os`` would lead out of the
    package. Call it where nnU-Net's packages are installed: the modules that are named are imported.

    Raises:
        TeacherError: If they do, or a module does not exist.
    """
    check_plans(plans, source)
    for key, value in _classes(plans, source):
        module = value.rpartition(".")[0]
        try:
            importlib.import_module(module)  # of a package in _CLASS alone; an attribute is no module to it
        except ImportError as error:
            fault = NnUNetRules.FOREIGN_CODE.says(key=key, value=shown(value))
            raise TeacherError(f"{source}: {fault}") from error


def check_class_name(name: Any, key: str, source: Path) -> None:
    """Refuse the name of a class that is more than one word, such as a trainer's.

    Raises:
        TeacherError: If it is.
    """
    if not isinstance(name, str) or not _WORD.fullmatch(name):
        raise TeacherError(f"{source}: {NnUNetRules.NO_NAME.says(key=key, value=shown(name))}")


def _named(plans: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield key and value of what nnU-Net looks up by a bare name."""
    for prefix, place in {"": plans, **_configurations(plans)}.items():
        for name in _BY_NAME:
            values = place.get(name)
            for value in values if isinstance(values, list) else [] if values is None else [values]:
                yield prefix + name, value


def _classes(plans: Mapping[str, Any], source: Path) -> Iterator[tuple[str, Any]]:
    """Yield key and value of what nnU-Net looks up by a dotted name."""
    for prefix, configuration in _configurations(plans).items():
        if "architecture" not in configuration:
            continue
        architecture = configuration["architecture"]
        settings = architecture.get("arch_kwargs") if isinstance(architecture, Mapping) else None
        imported = architecture.get("_kw_requires_import", []) if isinstance(architecture, Mapping) else None
        if not isinstance(settings, Mapping) or not isinstance(imported, list):
            fault = NnUNetRules.NO_NAME.says(key=f"{prefix}architecture", value=shown(architecture))
            raise TeacherError(f"{source}: {fault}")
        yield f"{prefix}architecture.network_class_name", architecture.get("network_class_name")
        for name in imported:
            if (value := settings.get(str(name))) is not None:
                yield f"{prefix}architecture.arch_kwargs.{shown(name, quoted=False)}", value


def _configurations(plans: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found = plans.get("configurations")
    listed = found.items() if isinstance(found, Mapping) else ()
    return {f"configurations.{name}.": content for name, content in listed if isinstance(content, Mapping)}
