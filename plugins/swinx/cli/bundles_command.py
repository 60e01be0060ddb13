"""``swinx bundles``: the bundles that come with the package, and copies of them to edit."""

from __future__ import annotations

import shutil
from importlib import metadata as installed
from pathlib import Path

from swinx.bundle import bundle_folder, bundle_folders
from swinx.cli.front.terminal import check_paths, say
from swinx.errors import BundleError
from swinx.files import read_json, shown

__all__ = ["bundles"]

_LEFT_OUT = ("eval", "__pycache__")
"""Folders of a bundle in a checkout that hold results of its owner."""


def bundles(action: str = "list", name: str | None = None, folder: str = ".") -> None:
    """List the bundles, or copy one to edit it: swinx bundles copy swinx_seg FOLDER.

    Args:
        action: list, or copy with a NAME and a FOLDER.
        name: Bundle to copy, such as swinx_seg.
        folder: Folder in which the copy appears, under the name of the bundle.
    """
    check_paths(name, folder)
    if action == "list":
        say("\n".join(map(_described, bundle_folders().values())))
    elif action == "copy" and name is not None:
        say(_copied(bundle_folder(name), Path(folder) / name))
    else:
        raise BundleError(f"bundles {shown(action)}: give swinx bundles, or swinx bundles copy NAME FOLDER")


def _described(folder: Path) -> str:
    """Return the name of a bundle, its task, its data, its folder, and packages that are missing for it."""
    facts = read_json(folder / "configs" / "metadata.json")
    lines = [f"{folder.name}: {facts['task']}", f"needs: {facts['data_source']}", f"folder: {folder}"]
    versions = facts["required_packages_version"].items()
    if missing := [f'"{package}=={version}"' for package, version in versions if not _is_installed(package)]:
        lines.append(f"not installed: pip install {' '.join(missing)}")
    return "\n  ".join(lines)


def _is_installed(package: str) -> bool:
    try:
        installed.version(package)
    except installed.PackageNotFoundError:
        return False
    return True


def _copied(source: Path, target: Path) -> Path:
    """Copy a bundle, whose files may be read-only where it is installed; return the copy."""
    if target.exists():
        raise BundleError(f"{target}: is there already, and is not overwritten; give another folder")
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if path.is_file() and not set(relative.parts) & set(_LEFT_OUT):
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / relative)
    return target
