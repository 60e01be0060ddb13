"""Requirements of a package, compared with the installed packages."""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from packaging.requirements import Requirement

from swinx.errors import reason_of

__all__ = ["Finding", "check_requirements"]

_IMPORTED_AS = {"nnunetv2": "nnunetv2.inference.predict_from_raw_data"}
"""Modules that show whether a package works here, where installed is not enough."""
_BRINGS = {"nnunetv2": "torchvision"}
"""Packages whose own requirements bring one that fits a single release of PyTorch, and so may replace PyTorch."""


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


def check_requirements(package: str, left_out: Collection[str] = ()) -> Iterator[Finding]:
    """Compare the requirements in a package's metadata with the installed packages.

    Args:
        package: Name of an installed distribution; one that is not installed as such, but lies beside a bundle,
            yields one note.
        left_out: Extras that are not told of.

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
            remedy = f'pip install "{requirement.name}{requirement.specifier}"' if fault else ""
            yield Finding(requirement.name, "fault" if fault else "ok", fault or version, remedy)
    wanted: dict[str, list[Requirement]] = defaultdict(list)
    for requirement in listed:
        for extra in extras if requirement.name != package else ():  # an extra may name others of the same package
            marker = requirement.marker
            if marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
                wanted[extra].append(requirement)
    for extra, requirements in wanted.items():
        if extra in left_out:
            continue
        faults = [f"{requirement.name}: {fault}" for requirement in requirements if (fault := _fault(requirement))]
        detail = "; ".join(faults) or ", ".join(sorted({requirement.name for requirement in requirements}))
        remedy = f'pip install "{package}[{extra}]"{_advice(requirements)}' if faults else ""
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


def _advice(requirements: Collection[Requirement]) -> str:
    """Return the packages to install before others, so that these leave PyTorch as it is; empty if none."""
    brought = sorted({_BRINGS[requirement.name] for requirement in requirements if requirement.name in _BRINGS})
    missing = [name for name in brought if _fault(Requirement(name))]
    return f"; install {' and '.join(missing)} of the same build as PyTorch first, or it is replaced" if missing else ""
