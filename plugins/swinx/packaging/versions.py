"""Check that the package works with the versions in a bundle's metadata."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib import metadata as installed
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from swinx import __version__
from swinx.errors import BundleError

__all__ = ["check_versions"]

_NAMES = {"monai_version": "monai", "pytorch_version": "torch", "numpy_version": "numpy"}

_logger = logging.getLogger(__name__)


def check_versions(metadata: Mapping[str, Any], path: Path) -> None:
    """Refuse versions that this package does not work with, and warn of those that are not installed here.

    The Model Zoo installs what the metadata state, and MONAI warns who has something older. So each stated version must
    be one that the requirements of swinx allow: MONAI exactly, others from the oldest that serves. It need not be the
    installed one, since the versions that exist differ between releases of Python. Packages that swinx does not require
    are not judged, nor is anything where swinx is not installed as a package and its requirements are not known.

    Args:
        metadata: Metadata that satisfy :func:`swinx.packaging.metadata_faults`.
        path: Their file, for the messages.

    Raises:
        BundleError: If a version is none, or outside of the requirements.
    """
    required = _requirements()
    wrong, different = [], []
    for key, name, text in _stated(metadata):
        try:
            stated = Version(text)
        except InvalidVersion:
            wrong.append(f"{key} {text!r} is no version")
            continue
        ranges, here = required.get(canonicalize_name(name)), _installed(name)
        if ranges is not None and not ranges.contains(stated, prereleases=True):
            wrong.append(f"{key} {text} is stated, and swinx needs {name}{ranges} ({here} is installed)")
        elif here != text:
            different.append(f"{name} {text} ({here} is installed)")
    if wrong:
        raise BundleError(f"{path}: {'; '.join(wrong)}; state the versions that the bundle was tested with")
    if different:
        _logger.warning("%s states versions that the network is not tried with here: %s", path, ", ".join(different))


def _stated(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for key, name in _NAMES.items():
        yield key, name, metadata[key]
    for name, version in metadata["required_packages_version"].items():
        yield f"required_packages_version, {name}", name, version


def _installed(name: str) -> str:
    try:
        return installed.version(name).partition("+")[0]  # torch tells its build behind a plus
    except installed.PackageNotFoundError:
        return "none"


def _requirements() -> dict[str, SpecifierSet]:
    """Return the requirements of this version of swinx, extras included; empty where it is not installed."""
    if _installed("swinx") != __version__:
        return {}
    found: dict[str, SpecifierSet] = defaultdict(SpecifierSet)
    for line in installed.requires("swinx") or ():
        requirement = Requirement(line)
        found[canonicalize_name(requirement.name)] &= requirement.specifier
    return dict(found)
