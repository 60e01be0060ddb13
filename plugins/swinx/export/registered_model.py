"""Model for MLflow's registry: paths of scans in, paths of label maps out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from monai.transforms import LoadImage

from swinx.data import CTReader, case_name
from swinx.errors import CaseError, DataListError
from swinx.files import check_setting_of, read_json, read_object
from swinx.inference import write_case_record
from swinx.labels import FLARE23, file_numbers
from swinx.nifti import write_nifti
from swinx.refinement import BundleTeacher
from swinx.tracking import recorded_label_set, trained_settings

__all__ = ["RegisteredModel"]


class RegisteredModel:
    """The inference of a bundle, as ``mlflow.pyfunc.load_model`` returns it in its own wrapping.

    Args:
        folder: The bundle with ``configs``, ``models/model.pt`` and ``overrides.json``, as
            :func:`swinx.tracking.save_mlflow_model` packs it.

    Raises:
        RecordError: If ``overrides.json`` holds more than plain values of settings.
        TeacherError: If the bundle cannot be built.
        WeightsError: If the weights do not fit.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        path, inference = Path(folder) / "overrides.json", Path(folder) / "configs" / "inference.json"
        overrides = read_object(path)
        check_setting_of(read_json(inference, "a configuration"), overrides, str(path))
        weights = Path(folder) / "models" / "model.pt"
        self._labels = recorded_label_set(weights) or FLARE23
        self._teacher = BundleTeacher(folder, overrides=overrides, label_set=self._labels)
        intensity = overrides.get("intensity") or trained_settings(weights).get("intensity", "hu_window")
        reader = CTReader(hu=intensity == "hu_window", trained=True)
        self._load = LoadImage(reader, image_only=True, ensure_channel_first=True)

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Segment scans, one after the other, on the grid of each.

        Args:
            model_input: A table with the column ``image``.
            params: ``{"output_dir": folder}``; by default the working directory. The label map of a scan is
                ``<case>.nii.gz`` there, and its record ``<case>.json``.

        Returns:
            The paths of the scans, and of the label maps as ``segmentation``.

        Raises:
            CaseError: If a scan cannot be used; those before it are written.
            DataListError: If a label map would replace a scan, or two would have one name.
        """
        scans = _paths(model_input["image"])
        folder = Path((params or {}).get("output_dir", "."))
        targets = [folder / f"{case_name(scan)}.nii.gz" for scan in scans]
        if len(set(targets)) < len(targets):
            raise DataListError(f"two of the {len(scans)} scans would have one name in {folder}; segment them apart")
        for scan in scans:
            if not Path(scan).exists():
                raise CaseError(scan, "no such file")
        taken = {Path(scan).resolve() for scan in scans}
        for target in targets:
            if target.resolve() in taken:
                raise DataListError(f"{target} is a scan and would be overwritten; choose another output_dir")
        for scan, target in zip(scans, targets, strict=True):
            image: Any = self._load(scan)
            labels = self._teacher.predict(case_name(scan), image).labels[0].numpy()
            write_nifti(target, file_numbers(self._labels, labels), image.meta["original_affine"])
            facts = {"case": case_name(scan), "image": scan, "prediction": str(target)}
            write_case_record(folder, case_name(scan), facts | {"labels": self._labels.as_json()}, {})
        return pd.DataFrame({"image": scans, "segmentation": [str(target) for target in targets]})


def _paths(entry: Any) -> list[str]:
    """Return the paths of a column; of ``{"image": [path, path]}`` MLflow makes a table of one row with a list."""
    if isinstance(entry, str | os.PathLike):
        return [os.fspath(entry)]
    return [path for inner in entry for path in _paths(inner)]


def _load_pyfunc(data_path: str) -> RegisteredModel:
    """Load a model; MLflow calls it by this name."""
    return RegisteredModel(data_path)
