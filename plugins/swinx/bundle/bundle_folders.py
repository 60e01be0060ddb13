"""Folders of the bundles that come with the package, and of what their runs write."""

from __future__ import annotations

import os
from pathlib import Path

import swinx
from swinx.errors import BundleError
from swinx.files import shown

__all__ = [
    "SHIPPED",
    "bundle_folder",
    "bundle_folders",
    "chosen_bundle",
    "is_installed",
    "output_root",
    "own_weights",
]

SHIPPED = "swinx_abdomen_small"
"""Name of the weights that are shipped with swinx."""


def bundle_folders() -> dict[str, Path]:
    """Return the folders of all bundles that come with the package, by name.

    The build copies the bundles into the package (``setup.py``). A checkout has none there, and its own are taken.
    """
    for place in (_installed(), Path(swinx.__file__).parents[2] / "bundles"):
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


def chosen_bundle(bundle: str | os.PathLike[str]) -> Path:
    """Return the folder of the bundle that a user means: the folder itself, or that of a bundle of this name.

    A folder without configurations is none: trainings of an installed bundle leave their results in one of its name.

    Args:
        bundle: Folder, or name of a bundle that comes with the package; anything else is returned as it is.
    """
    place = Path(bundle)
    return place if place.joinpath("configs").is_dir() else bundle_folders().get(os.fspath(bundle), place)


def is_installed(bundle_root: str | os.PathLike[str]) -> bool:
    """Return whether a bundle lies in the installed package, where nothing is written."""
    return Path(bundle_root).resolve().is_relative_to(_installed().resolve())


def output_root(bundle_root: str | os.PathLike[str]) -> str:
    """Return the folder below which the runs of a bundle write by default.

    It is the bundle itself, or, for an installed bundle, the folder of its name in the working directory.

    Args:
        bundle_root: Folder of the bundle.
    """
    place = Path(bundle_root)
    return place.resolve().name if is_installed(place) else place.as_posix()


def own_weights(bundle_root: str | os.PathLike[str]) -> str:
    """Return the weights that a bundle takes by default.

    These are ``models/model.pt`` of its trainings, or that it came with, or else the weights that are shipped with
    swinx, ``models/swinx_abdomen_small.pt``. A training never writes over the latter. Where the environment has
    ``SWINX_SHIPPED_WEIGHTS=off``, they are taken by their name alone.

    Args:
        bundle_root: Folder of the bundle.
    """
    trained = Path(output_root(bundle_root), "models", "model.pt")
    brought = ["model.pt"] if _without_shipped() else ["model.pt", f"{SHIPPED}.pt"]
    places = [trained, *(Path(bundle_root, "models", name) for name in brought)]
    return next((place for place in places if place.is_file()), trained).as_posix()


def _without_shipped() -> bool:
    return os.environ.get("SWINX_SHIPPED_WEIGHTS", "").lower() in ("off", "0", "no", "false")


def _installed() -> Path:
    return Path(swinx.__file__).parent / "bundles"
