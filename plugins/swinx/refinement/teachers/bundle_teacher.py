"""MONAI Bundle for segmentation as teacher."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor, decollate_batch, list_data_collate
from monai.networks.utils import eval_mode
from numpy.typing import NDArray
from torch import Tensor

from swinx.errors import CaseError, TeacherError
from swinx.files import expanded
from swinx.geometry import compare_grids
from swinx.labels import FLARE23, LabelMapping, LabelSet
from swinx.refinement.teachers.bundle_parts import build_parts, load_bundle_weights, read_channel_names
from swinx.refinement.teachers.class_maps import map_classes, predicted_classes, read_class_map, relabel, unknown_ids
from swinx.refinement.teachers.teacher import Prediction, check_scan, fingerprint_of

__all__ = ["BundleTeacher"]


class BundleTeacher:
    """Teacher that predicts by the preprocessing, network, inferer and postprocessing of a bundle.

    Files are neither read nor written: the scan goes in where the bundle loads it, and steps that save are left out.
    Class scores at the end of the postprocessing become labels by argmax. The postprocessing must bring the
    prediction back to the grid of the scan (such as ``Invertd``).

    A configuration is a program. Use bundles that you trust.

    Args:
        bundle_dir: Folder with ``configs`` and ``models``.
        config: Name of the configuration in ``configs``.
        overrides: Plain values by id that replace those of the configuration.
        checkpoint: Weights; by default ``models/model.pt``. Read with ``weights_only=True``.
        label_map: From numbers or names of the bundle's classes to those of the label set, see
            :func:`swinx.refinement.teachers.class_maps.map_classes`; by default the names decide. They are those of the
            label set that a bundle of swinx builds as ``label_set``, from the record beside its weights, or else those
            under ``network_data_format`` / ``outputs`` / ``pred`` / ``channel_def`` in ``metadata.json``.
        device: Where to predict; by default a GPU if there is one.
        name: What reports call it; by default the name of the folder.
        label_set: The classes.

    Raises:
        RecordError: If an override is more than a plain value, or names a part of the configuration's program.
        TeacherError: If the bundle lacks something or cannot be built, or the label map is unusable.
        WeightsError: If the weights cannot be read or do not fit.
    """

    def __init__(
        self,
        bundle_dir: str | os.PathLike[str],
        config: str = "inference.json",
        overrides: Mapping[str, Any] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        label_map: LabelMapping | None = None,
        device: str | torch.device | None = None,
        name: str | None = None,
        label_set: LabelSet = FLARE23,
    ) -> None:
        root = expanded(bundle_dir).absolute()
        if not root.is_dir():
            raise TeacherError(f"{root}: no such folder; give the folder of a MONAI Bundle")
        self.name = name or root.name
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.label_set = label_set
        names, source = read_channel_names(root), str(root / "configs" / "metadata.json")
        file = root / "configs" / config
        weights = expanded(checkpoint) if checkpoint else root / "models" / "model.pt"
        self._parts = build_parts(root, file, overrides or {}, self._device, weights)
        if self._parts.label_set is not None:
            names, source = dict(enumerate(self._parts.label_set.names)), str(weights)
        if names:
            self._ids = map_classes(names, label_map, label_set, source)
        elif label_map is not None:
            self._ids = read_class_map(label_map, label_set, source)
        else:
            raise TeacherError(f"{source}: names no classes under channel_def; give a label map")
        self.classes = predicted_classes(self._ids)
        load_bundle_weights(self._parts.network, weights)
        changes = {key: repr(value) for key, value in (overrides or {}).items()}
        settings = {"ids": sorted(self._ids.items()), "overrides": changes}
        self.fingerprint = fingerprint_of(root, [file, weights, *sorted(root.glob("scripts/**/*.py"))], settings)

    def predict(self, case: str, image: MetaTensor) -> Prediction:
        """Label one scan.

        Args:
            case: Name of the case.
            image: HU ``(1, X, Y, Z)`` with its affine.

        Raises:
            CaseError: If ``image`` is not one scan with a grid, or the bundle's output is no label map on that grid
                with ids that the label map knows.
        """
        scan = check_scan(case, image)
        output = self._run(case, scan)
        affine = scan.affine.cpu().numpy().astype(np.float64)
        moved = output.affine.cpu().numpy().astype(np.float64) if isinstance(output, MetaTensor) else affine
        faults, notes = compare_grids(affine, scan.shape[1:], moved, output.shape[1:])
        if faults:
            raise CaseError(
                case,
                f"{self.name} leaves its prediction on another grid: {'; '.join(faults)}; its postprocessing "
                "must end on the grid of the scan",
            )
        labels = _as_labels(output, case, len(self._ids))
        if strange := unknown_ids(labels, self._ids):
            raise CaseError(case, f"{self.name} predicts ids {strange}, which the label map does not know")
        return Prediction(torch.from_numpy(relabel(labels, self._ids))[None], notes)

    def _run(self, case: str, scan: MetaTensor) -> Tensor:
        """Return the postprocessed prediction, ``"pred"``, as a ``SupervisedEvaluator`` would get it."""
        parts, key = self._parts, self._parts.image_key
        # A fresh tensor, so that only the bundle's own steps are inverted.
        meta = {name: value for name, value in scan.meta.items() if name != "affine"} | {"original_channel_dim": 0}
        item = {key: MetaTensor(scan.as_tensor(), affine=scan.affine, meta=meta), "case": case}
        batch: Any = list_data_collate([parts.preprocessing(item)])
        with eval_mode(parts.network), torch.autocast(self._device.type, enabled=parts.amp):
            batch["pred"] = parts.inferer(batch[key].to(self._device), parts.network)
        result = parts.postprocessing(decollate_batch(batch)[0])
        output: Tensor = torch.as_tensor(result["pred"])
        return output


def _as_labels(output: Tensor, case: str, num_classes: int) -> NDArray[Any]:
    plain = (output.as_tensor() if isinstance(output, MetaTensor) else output).cpu()
    if plain.ndim != 4 or len(plain) not in (1, num_classes):
        raise CaseError(case, f"the bundle's output {tuple(plain.shape)} is neither one label map nor class scores")
    labels = plain.argmax(dim=0) if len(plain) > 1 else plain[0]
    if labels.is_floating_point() and not torch.equal(labels, labels.round()):
        raise CaseError(case, "the bundle's output holds values between whole numbers; end with AsDiscreted")
    return np.ascontiguousarray(labels.to(torch.int64).numpy())
