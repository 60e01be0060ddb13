"""A trained network as a model that MLflow can load: files and the name of a module, and no pickled code."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swinx import __version__
from swinx.bundle import PLACES
from swinx.files import check_settings, is_program, write_json
from swinx.tracking.lineage import sidecar_path
from swinx.tracking.weights_record import read_record

__all__ = ["save_mlflow_model"]

LOADER = "swinx.export.registered_model"
"""The module that MLflow calls to load it."""


def save_mlflow_model(
    folder: str | os.PathLike[str],
    bundle_root: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str],
    settings: Mapping[str, Any],
) -> Path:
    """Write a model for ``mlflow.pyfunc.load_model``: a bundle's inference with weights.

    Its input is a table with the column ``image``, paths of scans; its parameter ``output_dir``, a folder; its output
    the same table with the column ``segmentation``, paths of the label maps. It needs ``swinx`` to be installed.

    Args:
        folder: Folder to make the model in; it must be empty or missing.
        bundle_root: The bundle, whose ``configs/inference.json`` segments.
        checkpoint: The weights.
        settings: Settings of the training; those that the inference has as well hold there, but for places.

    Returns:
        The folder of the model.

    Raises:
        RecordError: If a setting, or the record beside the weights, is more than plain values.
        BundleError: If the weights were changed after their record was written.
        OSError: If a file is missing or cannot be written.
    """
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import DataType

    configs = Path(bundle_root) / "configs"
    bundle, model = Path(folder) / "bundle", Path(folder) / "model"
    (bundle / "configs").mkdir(parents=True)
    (bundle / "models").mkdir()
    for name in ("inference.json", "metadata.json"):
        shutil.copyfile(configs / name, bundle / "configs" / name)
    shutil.copyfile(checkpoint, bundle / "models" / "model.pt")
    write_json(sidecar_path(bundle / "models" / "model.pt"), read_record(Path(checkpoint)))
    known = json.loads((configs / "inference.json").read_text(encoding="utf-8"))
    kept = {k: v for k, v in settings.items() if k in known and k not in PLACES and not is_program(known[k])}
    check_settings(kept, f"settings of {checkpoint}")  # of the model that is loaded elsewhere
    write_json(bundle / "overrides.json", kept)
    text = DataType.string
    signature = ModelSignature(
        inputs=Schema([ColSpec(text, "image")]),
        outputs=Schema([ColSpec(text, "image"), ColSpec(text, "segmentation")]),
        params=ParamSchema([ParamSpec("output_dir", text, ".")]),
    )
    requirements = [f"swinx=={__version__}"]
    mlflow.pyfunc.save_model(
        str(model), loader_module=LOADER, data_path=str(bundle), signature=signature, pip_requirements=requirements
    )
    return model
