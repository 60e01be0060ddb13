"""The bundle and the weights that a user means by a model."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from zipfile import BadZipFile, ZipFile

import swinx
from swinx.bundle import SHIPPED, bundle_folder, own_weights, require_plugin
from swinx.errors import BundleError, reason_of
from swinx.files import check_setting_of, expanded, read_json, read_object
from swinx.rules import ModelRules as Rule
from swinx.tracking import download_model
from swinx.visible_text import visible

__all__ = ["BUNDLE", "ModelFiles", "find_model"]

BUNDLE = "swinx_seg"
"""The bundle that segments."""

_ADDRESS = re.compile(r"(models|runs|mlflow-artifacts):/")
_CONFIG = "configs/inference.json"
_WEIGHTS = Path("models", "model.pt")
_SHIPPED = Path("models", f"{SHIPPED}.pt")
_OF_ZIP = re.compile(r"(configs|models)/[^/]+\.(json|conf|pt|pth)")


@dataclass(frozen=True)
class ModelFiles:
    """Files of a model.

    Attributes:
        name: Name for records.
        bundle: Folder of the bundle whose configuration is used.
        checkpoint: The weights, with their record beside them.
        settings: Settings that belong to the model and stand in neither.
        place: Holds a folder that was made for the model and is removed with it.
    """

    name: str
    bundle: Path
    checkpoint: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    place: tempfile.TemporaryDirectory[str] | None = None


def find_model(model: str | os.PathLike[str] | None = None) -> ModelFiles:
    """Return the files of a model.

    The configuration of a bundle is a program: MONAI calls what it names. Use bundles, zips and registered models that
    you trust. A weights file holds data only, and is run by the bundle that comes with swinx.

    Args:
        model: The folder of a bundle, a packed zip, a weights file, an address of MLflow (``models:/name/version``,
            ``runs:/id/path``), ``swinx_abdomen_small`` for the weights that are shipped with swinx, or ``swinx_seg``;
            that is the default: what was trained in this place, or else the shipped weights.

    Raises:
        BundleError: If there is no such model, or it is for another version of swinx.
        RecordError: If settings of a registered model are more than plain values.
    """
    if model is None:
        return _own()
    given: Any = model
    if not isinstance(given, str | os.PathLike) or not os.fspath(given):
        raise BundleError(Rule.KIND.says(value=visible(repr(given))))
    text = os.fspath(model)
    if _ADDRESS.match(text):
        return _registered(text)
    path = expanded(text)
    if path.is_dir():
        return _of_folder(path, text)
    if path.is_file():
        if path.suffix.lower() == ".zip":
            return _of_zip(path)
        return ModelFiles(path.stem, bundle_folder(BUNDLE), path)
    if text == BUNDLE:
        return _own()
    shipped = bundle_folder(BUNDLE)
    weights = shipped / _SHIPPED
    if text == SHIPPED:
        return ModelFiles(SHIPPED, shipped, weights) if weights.is_file() else _not_shipped()
    there = {BUNDLE: Path(own_weights(shipped)), SHIPPED: weights}
    names = " or ".join(name for name, file in there.items() if file.is_file())
    raise BundleError(Rule.UNKNOWN.says(model=visible(text), names=names and f", or the name {names}"))


def _own() -> ModelFiles:
    """Return the files of the last training in this place, or else those of the shipped weights."""
    shipped = bundle_folder(BUNDLE)
    weights = Path(own_weights(shipped))
    if not weights.is_file():
        _not_shipped()
    return ModelFiles(SHIPPED if weights.stem == SHIPPED else BUNDLE, shipped, weights)


def _not_shipped() -> NoReturn:
    raise BundleError(Rule.NOT_SHIPPED.says(version=swinx.__version__))


def _of_folder(folder: Path, name: str) -> ModelFiles:
    root = folder / "bundle" if (folder / "MLmodel").is_file() else folder
    if not (root / _CONFIG).is_file():
        raise BundleError(Rule.NO_BUNDLE.says(path=visible(folder), detail=f"it has no {_CONFIG}"))
    weights = next((path for path in (root / _WEIGHTS, root / _SHIPPED) if path.is_file()), None)
    if weights is None:
        raise BundleError(Rule.WITHOUT_WEIGHTS.says(path=visible(root / _WEIGHTS)))
    require_plugin(root)
    settings: dict[str, Any] = {}
    if (overrides := root / "overrides.json").is_file():
        settings = read_object(overrides)
        check_setting_of(read_json(root / _CONFIG, "a configuration"), settings, str(overrides))
    return ModelFiles(Path(name).absolute().name, root, weights, settings)


def _of_zip(path: Path) -> ModelFiles:
    """Unpack configurations and weights; the code that a packed bundle brings stays packed."""
    place = tempfile.TemporaryDirectory(prefix="swinx_model_")
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
            root = next((name.removesuffix(_CONFIG) for name in sorted(names, key=len) if name.endswith(_CONFIG)), None)
            if root is None:
                raise BundleError(Rule.NO_BUNDLE.says(path=visible(path), detail=f"it has no {_CONFIG}"))
            for name in names:
                if name.startswith(root) and _OF_ZIP.fullmatch(name[len(root) :]):
                    archive.extract(name, place.name)
    except (BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise BundleError(Rule.NO_BUNDLE.says(path=visible(path), detail=str(error))) from error
    found = _of_folder(Path(place.name, root), path.stem)
    return ModelFiles(path.stem, found.bundle, found.checkpoint, found.settings, place)


def _registered(address: str) -> ModelFiles:
    place = tempfile.TemporaryDirectory(prefix="swinx_model_")
    try:
        folder = download_model(address, place.name)
    except Exception as error:  # servers and stores fail in many ways
        detail = " ".join(reason_of(error).split())
        raise BundleError(Rule.NOT_LOADED.says(model=visible(address), detail=visible(detail))) from error
    if folder.is_file():
        return ModelFiles(address, bundle_folder(BUNDLE), folder, place=place)
    found = _of_folder(folder, address)
    return ModelFiles(address, found.bundle, found.checkpoint, found.settings, place)
