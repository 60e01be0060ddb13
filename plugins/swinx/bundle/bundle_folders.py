"""Folders of the bundles that come with the package."""

from __future__ import annotations

from pathlib import Path

import swinx
from swinx.errors import BundleError
from swinx.files import shown

__all__ = ["bundle_folder", "bundle_folders"]


def bundle_folders() -> dict[str, Path]:
    """Return the folders of all bundles that come with the package, by name.

    The build copies the bundles into the package (``setup.py``). A checkout has none there, and its own are taken.
    """
    package = Path(swinx.__file__).parent
    for place in (package / "bundles", package.parents[1] / "bundles"):
        if found := sorted(path.parents[1] for path in place.glob("*/configs/metadata.json")):
            return {folder.name: folder for folder in found}
    return {}


def bundle_folder(name: str) -> Path:
    """Return the folder of a bundle: that of the installed package, or else that of the checkout.

    An installed bundle may be read-only: runs write below the working directory.

    Args:
        name: Name of the bundle, such as ``swinx_seg``.

    Raises:
        BundleError: If no bundle of this name comes with the package.

    Examples:
        >>> bundle_folder("swinx_seg").joinpath("configs", "inference.json").is_file()
        True
    """
    folders = bundle_folders()
    if name not in folders:
        known = f"known are {', '.join(folders)}" if folders else f"{Path(swinx.__file__).parent} brings none"
        raise BundleError(f"there is no bundle {shown(name)}; {known}")
    return folders[name]
