"""Folder of the active bundle, and the version of the package that it was made for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import swinx
from swinx.bundle.bundle_folders import bundle_folders
from swinx.errors import BundleError
from swinx.files import shown
from swinx.workarounds import running_bundle

__all__ = ["find_bundle_root", "require_plugin"]

_METADATA = Path("configs", "metadata.json")


def find_bundle_root(name: str) -> str:
    """Return the folder of the bundle whose configuration calls this, as the working directory sees it.

    A configuration does not know where its file lies; the workflow that reads it does. Without a workflow
    (``ckpt_export``, ``verify_net_in_out``) the working directory, ``<name>`` in the folder ``bundles``, ``<name>`` and
    the bundle that comes with the package are tried; give ``--bundle_root`` if it is none of them.

    Args:
        name: Name of the bundle.
    """
    tried = [Path(), Path("bundles", name), Path(name)]
    if (brought := bundle_folders().get(name)) is not None:
        tried.append(brought)
    if (folder := running_bundle().folder) is not None:
        tried.insert(0, folder)
    found = (place for place in tried if (place / _METADATA).is_file())
    return next(found, Path("bundles", name)).as_posix()


def require_plugin(bundle_root: str | os.PathLike[str]) -> None:
    """Refuse to go on if the bundle was made for another version of this package.

    Patch versions may differ; ``swinx_version`` in the metadata says what the bundle was made for. Metadata without it
    are taken as they are.

    Args:
        bundle_root: Folder of the bundle.

    Raises:
        BundleError: If the versions differ, or the metadata cannot be read.
    """
    path = Path(bundle_root) / _METADATA
    if not path.is_file():
        return
    try:
        wanted = json.loads(path.read_text(encoding="utf-8")).get("swinx_version")
    except (OSError, ValueError, AttributeError) as error:
        raise BundleError(f"{path}: cannot be read as the metadata of a bundle: {error}") from error
    if wanted is None or _series(str(wanted)) == _series(swinx.__version__):
        return
    place = Path(swinx.__file__).parent
    raise BundleError(
        f"{path}: the bundle was made for swinx {shown(wanted, quoted=False)}, and swinx {swinx.__version__} is "
        f"loaded, from {place}. If the bundle has a folder swinx of its own, run it with PYTHONPATH set to the "
        "bundle's folder, or in an environment without another swinx; if it has none, install that version"
    )


def _series(version: str) -> list[str]:
    """Return the part of a version that must agree: the first two numbers."""
    return version.split(".")[:2]
