"""A bundle as one zip, in the form of MONAI's Model Zoo, that needs MONAI and nothing of ours."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import swinx
from swinx.bundle import PLACES, SETTINGS, output_root, own_weights
from swinx.errors import BundleError
from swinx.files import check_regular, check_setting_of, is_listed
from swinx.labels import FLARE23, LabelSet
from swinx.networks import read_checkpoint
from swinx.packaging.archive import write_zip
from swinx.packaging.configurations import (
    is_whole,
    read_configs,
    read_json,
    set_settings,
    value_of,
    window_of,
    with_script_window,
    with_window,
)
from swinx.packaging.fit import check_classes, check_fit
from swinx.packaging.metadata_rules import metadata_faults
from swinx.packaging.model_card import PREPROCESSING, model_card, with_network
from swinx.packaging.versions import check_versions
from swinx.rules import FileRules
from swinx.tracking import read_record, recorded_label_set, recorded_settings, sidecar_path

__all__ = ["pack_bundle"]

_NEEDED = ("LICENSE", "docs/README.md", "configs/inference.json", "configs/metadata.json")
_NO_PARAMETERS = ("running_mean", "running_var", "num_batches_tracked", "_extra_state")
_OF_NNUNET = ("dataset.json", "plans.json", "fold_*/checkpoint_final.pth")


def pack_bundle(
    bundle_dir: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``<name>_v<version>.zip``: configurations, weights, their sidecar, documents and this package.

    Settings that the weights were trained with are written into the configurations, so that inference, evaluation and
    further training need none on the command line. Before anything is written, the network is built from the packed
    configuration, the weights are loaded into it, and one window goes through it.

    Args:
        bundle_dir: Folder of the bundle.
        out_dir: Folder for the zip, made if need be.
        weights: The checkpoint; by default ``models/model.pt`` in the bundle. For a bundle whose network is an
            nnU-Net: the folder of its model; by default ``models/teacher``.
        settings: Values by name, which go before those of the weights' sidecar.

    Returns:
        The zip. The same bundle, weights and settings give the same bytes.

    Raises:
        BundleError: If the bundle lacks files or weights, breaks a rule of the Model Zoo, or its metadata do not agree
            with the network; a file leads out of the bundle by a link.
        RecordError: If a setting is more than a plain value, or the name of a part of a configuration's program.
        WeightsError: If the weights do not fit the network.
        OSError: If a file cannot be read or written.
    """
    root = Path(bundle_dir).expanduser().absolute()
    metadata = _checked_metadata(root)
    _refuse_links_outside(root.glob("configs/*.json"), root)
    configs = read_configs(root / "configs")
    teacher = "teacher_dir" in configs["inference.json"]
    source = _find_weights(root, weights, teacher)
    record = read_record(source)
    whole = [config for config in configs.values() if is_whole(config)]
    recorded, given = (
        recorded_settings(record, {setting for config in whole for setting in config}),
        dict(settings or {}),
    )
    for config in whole:  # what is recorded, or given, is written into programs
        check_setting_of(config, recorded, str(sidecar_path(source)))
        check_setting_of(config, given, "swinx pack")
    settled = {**recorded, **given}
    if places := sorted(PLACES & settled.keys()):
        raise BundleError(f"{', '.join(places)}: belongs to the machine that runs the bundle, and is not packed")
    if teacher:
        settled.setdefault("folds", _folds(source))
    if settled:
        record["settings"] = {**(record.get("settings") or {}), **settled}
    configs = {
        name: with_script_window(config) for name, config in set_settings(configs, settled, root / "configs").items()
    }
    inference = configs["inference.json"] | ({} if teacher else {"checkpoint": str(source)})
    metadata = with_window(metadata, window_of(inference, root / "configs" / "inference.json"))
    contents: dict[str, bytes | Path] = {path.relative_to(root).as_posix(): path for path in _plain_files(root)}
    if "agreed_label_set" in str(inference.get("label_set")):
        metadata, readme = _described(inference, metadata, record, source, root)
        contents["docs/README.md"] = readme.encode()
        if (own := recorded_label_set(source)) is not None and own != FLARE23:
            configs["train.json"]["labels"] = classes_of_training(own)
    else:
        label_set = FLARE23 if teacher else recorded_label_set(source) or FLARE23
        check_classes(metadata, root / "configs" / "metadata.json", label_set)
    check_fit(inference, metadata, source, root / "configs")
    contents |= {f"configs/{name}": _json(content) for name, content in {**configs, "metadata.json": metadata}.items()}
    contents |= _weights_files(source, record)
    package = Path(swinx.__file__).parent
    contents |= {f"swinx/{path.relative_to(package).as_posix()}": path for path in _package_files(package)}
    archive = Path(out_dir) / f"{root.name}_v{metadata['version']}.zip"
    write_zip(archive, {f"{root.name}/{name}": content for name, content in contents.items()})
    return archive


def classes_of_training(label_set: LabelSet) -> dict[str, Any]:
    """Return the classes with which a packed network is trained further, under the numbers of its channels.

    MONAI Label stores labels with these numbers; a data list has its own, whose classes are matched by name. The name
    of the set is left out where a configuration would take it for an expression.
    """
    numbered = tuple(replace(each, value=label) for label, each in enumerate(label_set.classes, start=1))
    told = LabelSet(numbered, label_set.name if is_listed(label_set.name) else "").as_json()
    del told["sha256"]
    return told


def _described(
    inference: Mapping[str, Any], metadata: Mapping[str, Any], record: Mapping[str, Any], source: Path, root: Path
) -> tuple[dict[str, Any], str]:
    """Return metadata and README that tell of the network that is packed."""
    path = root / "configs" / "inference.json"
    settings = {name: value for name, value in inference.items() if name in SETTINGS}
    settings |= {name: value_of(inference, name, path) for name in PREPROCESSING}
    label_set = recorded_label_set(source) or FLARE23
    tensors = read_checkpoint(source).items()
    parameters = sum(tensor.numel() for name, tensor in tensors if not name.endswith(_NO_PARAMETERS))
    readme = (root / "docs" / "README.md").read_text(encoding="utf-8")
    told = with_network(metadata, label_set, settings, parameters, record)
    return told, model_card(readme, label_set, settings, parameters, record)


def _checked_metadata(root: Path) -> dict[str, Any]:
    path = root / "configs" / "metadata.json"
    _refuse_links_outside([path] if path.exists() else [], root)
    metadata: dict[str, Any] = read_json(path)
    if missing := [name for name in _NEEDED if not (root / name).is_file()]:
        raise BundleError(f"{root}: lacks {', '.join(missing)}, which the Model Zoo asks for")
    if faults := metadata_faults(metadata):
        raise BundleError(f"{path}: {'; '.join(faults)}")
    check_versions(metadata, path)
    wanted = metadata.get("swinx_version", swinx.__version__)
    if wanted != swinx.__version__:
        raise BundleError(
            f"{path}: the bundle was made for swinx {wanted}, and swinx {swinx.__version__} would be packed with it; "
            "install that version, or test the bundle with this one and correct swinx_version"
        )
    return metadata


def _find_weights(root: Path, weights: str | os.PathLike[str] | None, teacher: bool) -> Path:
    own = Path(output_root(root), "models", "teacher") if teacher else Path(own_weights(root))
    given = own if weights is None else Path(weights).expanduser()
    if not given.exists():
        raise BundleError(f"{given}: no such weights; a packed bundle has some: train the bundle, or name them")
    if given.is_dir() != teacher:
        kind = "the folder of an nnU-Net model" if teacher else "a checkpoint file"
        raise BundleError(f"{given}: the weights of {root.name} are {kind}")
    if teacher and not _folds(given):
        raise BundleError(f"{given}: has no fold_*/checkpoint_final.pth; give the folder nnUNetTrainer__..., trained")
    return given


def _folds(model_folder: Path) -> list[int | str]:
    names = sorted(path.parent.name.removeprefix("fold_") for path in model_folder.glob("fold_*/checkpoint_final.pth"))
    return [int(name) if name.isdigit() else name for name in names]


def _weights_files(source: Path, record: Mapping[str, Any]) -> dict[str, bytes | Path]:
    if source.is_dir():
        files = sorted({path for pattern in _OF_NNUNET for path in source.glob(pattern)})
        _refuse_links_outside(files, source)
        inside: dict[str, bytes | Path] = {f"models/teacher/{p.relative_to(source).as_posix()}": p for p in files}
        return {**inside, "models/teacher/run.json": _json(record)}
    return {"models/model.pt": source, "models/model.json": _json(record)}


def _plain_files(root: Path) -> list[Path]:
    """Return the files that are packed unchanged: licence, documents, settings of the log."""
    documents = sorted(path for path in root.glob("docs/**/*") if not path.is_dir())
    files = [root / "LICENSE", *sorted(root.glob("configs/*.conf")), *documents]
    _refuse_links_outside(files, root)
    return files


def _refuse_links_outside(files: Iterable[Path], folder: Path) -> None:
    """Refuse files that are links to something outside of their folder, or no regular files.

    Raises:
        BundleError: If one is; the message names it.
    """
    for path in files:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BundleError(f"{path}: {FileRules.LINK_OUTSIDE.says(folder=folder)}")
        try:
            check_regular(path)
        except OSError as error:
            raise BundleError(str(error)) from error


def _package_files(package: Path) -> list[Path]:
    """Return the files of this package: modules, their data, its mark for type checkers, and what bundles share."""
    left_out = {"__pycache__", "bundles"}  # the bundles that come with an installed package
    inside = (path.relative_to(package) for path in package.rglob("*") if path.is_file())
    files = (package / path for path in inside if not left_out & set(path.parts))
    return sorted(
        path
        for path in files
        if path.suffix in (".py", ".json") or path.name == "py.typed" or "shared_configs" in path.parts
    )


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=4) + "\n").encode()
