"""Requirements of a package, compared with the installed packages."""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from packaging.requirements import Requirement

from swinx.errors import reason_of

__all__ = ["Finding", "check_requirements"]

_IMPORTED_AS = {"nnunetv2": "nnunetv2.inference.predict_from_raw_data"}
"""Modules that show whether a package works here, where installed is not enough."""


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Attributes:
        name: Of the thing.
        state: ``ok``, ``note`` (nothing that stops the work) or ``fault``.
        detail: What was found.
        remedy: A command or an advice; empty if nothing is to be done.
    """

    name: str
    state: Literal["ok", "note", "fault"]
    detail: str
    remedy: str = ""


def check_requirements(package: str) -> Iterator[Finding]:
    """Compare the requirements in a package's metadata with the installed packages.

    Args:
        package: Name of an installed distribution; one that is not installed as such, but lies beside a bundle,
            yields one note.

    Yields:
        One finding for each requirement, and one for each extra.
    """
    try:
        listed = [Requirement(line) for line in metadata.requires(package) or ()]
        extras = metadata.metadata(package).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:
        yield Finding("packages", "note", f"{package} is not installed by pip: its requirements are not known")
        return
    for requirement in listed:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            fault = _fault(requirement)
            version = "" if fault else metadata.version(requirement.name)
            remedy = f'pip install "{_plain(requirement)}"' if fault else ""
            yield Finding(requirement.name, "fault" if fault else "ok", fault or version, remedy)
    wanted: dict[str, list[Requirement]] = defaultdict(list)
    for requirement in listed:
        for extra in extras if requirement.name != package else ():  # an extra may name others of the same package
            marker = requirement.marker
            if marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
                wanted[extra].append(requirement)
    for extra, requirements in wanted.items():
        faults = [f"{requirement.name}: {fault}" for requirement in requirements if (fault := _fault(requirement))]
        detail = "; ".join(faults) or ", ".join(sorted({requirement.name for requirement in requirements}))
        needed = " ".join(f'"{_plain(requirement)}"' for requirement in requirements if _fault(requirement))
        remedy = f"pip install {needed}" if needed else ""
        yield Finding(f"extra {extra}", "note" if faults else "ok", detail, remedy)


def _fault(requirement: Requirement) -> str:
    """Return the fault of the installed package; empty if it fits."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return "not installed"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"{version} is installed, {requirement.specifier} is needed"
    try:
        if requirement.name in _IMPORTED_AS:
            importlib.import_module(_IMPORTED_AS[requirement.name])
    except Exception as error:  # a broken installation fails in any way
        return f"{version} is installed, but cannot be imported: {reason_of(error)}"
    return ""


def _plain(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"
