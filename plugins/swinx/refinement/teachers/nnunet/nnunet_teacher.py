"""A trained nnU-Net v2 as teacher."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from numpy.typing import NDArray

from swinx.errors import TeacherError, WeightsError
from swinx.labels import FLARE23, LabelMapping, LabelSet
from swinx.refinement.teachers.class_maps import map_classes, predicted_classes, relabel
from swinx.refinement.teachers.nnunet.nnunet_geometry import from_nnunet, spacing_of, to_nnunet
from swinx.refinement.teachers.nnunet.nnunet_model import READERS, NnUNetModel, read_nnunet_model
from swinx.refinement.teachers.nnunet.nnunet_names import check_network_classes
from swinx.refinement.teachers.nnunet.nnunet_package import NNUNET_VERSION, find_trainer, require_nnunet
from swinx.refinement.teachers.teacher import Prediction, check_scan, fingerprint_of

__all__ = ["NnUNetTeacher"]


class NnUNetTeacher:
    """Teacher that runs nnU-Net's own predictor in process.

    The output equals what ``nnUNetv2_predict`` writes for the same NIfTI file, voxel for voxel: the scan is handed
    over in the axis order, direction and voxel size that nnU-Net's reader would have found. Checkpoints are read
    without running code in them (:mod:`swinx.refinement.teachers.nnunet.nnunet_package`), which nnU-Net would
    unpickle.

    Args:
        model_folder: ``<trainer>__<plans>__<configuration>`` with ``plans.json``, ``dataset.json`` and
            ``fold_<n>/<checkpoint_name>``.
        folds: Fold or folds to use, numbers or ``"all"``; several are averaged, as nnU-Net does. None takes all that
            are trained.
        checkpoint_name: The same for every fold.
        label_map: From the numbers or names in ``dataset.json`` to names or numbers of the label set, or the label set
            that they follow, see :func:`swinx.refinement.teachers.class_maps.map_classes`; by default the names decide.
        device: Where to predict; by default a GPU if there is one.
        per_fold: Return one map for each fold instead of averaging.
        use_mirroring: nnU-Net's test-time augmentation, on by default there: slower by a factor of up to 8.
        tile_step_size: Step of the sliding window as a share of the window, above 0 and at most 1.
        confidence: Also return the mean probability over the foreground. Needs a float for each class and voxel of
            the scan in memory.
        name: What reports call it; by default the name of the data set it was trained on.
        label_set: The classes.

    Raises:
        TeacherError: If nnU-Net is not installed, or the folder or label map is unusable.
        WeightsError: If a checkpoint cannot be read or does not fit the plans.
    """

    def __init__(
        self,
        model_folder: str | os.PathLike[str],
        folds: int | str | Sequence[int | str] | None = (0,),
        checkpoint_name: str = "checkpoint_final.pth",
        label_map: LabelMapping | None = None,
        device: str | torch.device | None = None,
        per_fold: bool = False,
        use_mirroring: bool = False,
        tile_step_size: float = 0.5,
        confidence: bool = False,
        name: str | None = None,
        label_set: LabelSet = FLARE23,
    ) -> None:
        if not 0 < tile_step_size <= 1:
            raise ValueError(f"tile_step_size must be above 0 and at most 1, not {tile_step_size}")
        require_nnunet()
        chosen_folds = (folds,) if isinstance(folds, int | str) else folds
        model = read_nnunet_model(model_folder, chosen_folds, checkpoint_name)
        self.label_set = label_set
        self._ids = map_classes(model.labels, label_map, label_set, str(model.folder / "dataset.json"))
        self.classes = predicted_classes(self._ids)
        self.name = name or str(model.plans.get("dataset_name", model.folder.name))
        self.per_fold = per_fold
        self.confidence = confidence
        self._reorient = READERS[model.plans["image_reader_writer"]]
        settings = {
            "nnunetv2": NNUNET_VERSION,
            "ids": sorted(self._ids.items()),
            "per_fold": per_fold,
            "confidence": confidence,
            "mirroring": use_mirroring,
            "tile_step_size": tile_step_size,
        }
        self.fingerprint = fingerprint_of(model.folder, model.files, settings)
        chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        with _quiet():
            self._predictor = _build_predictor(model, chosen, use_mirroring, tile_step_size)
        self._weights = model.weights

    def predict(self, case: str, image: MetaTensor) -> Prediction:
        """Label one scan.

        Args:
            case: Name of the case.
            image: HU ``(1, X, Y, Z)`` with its affine.

        Raises:
            CaseError: If ``image`` is not one scan with a grid.
        """
        scan = check_scan(case, image)
        affine = scan.affine.cpu().numpy().astype(np.float64)
        sizes_mm = spacing_of(affine, tuple(scan.shape[1:]), scan.meta.get("filename_or_obj"))
        voxels, spacing = to_nnunet(scan.as_tensor()[0].cpu().numpy(), affine, sizes_mm, self._reorient)
        maps, confidences = [], []
        for weights in [[fold] for fold in self._weights] if self.per_fold else [list(self._weights)]:
            self._predictor.list_of_parameters = weights
            labels, confidence = self._predict(voxels, spacing)
            maps.append(relabel(np.ascontiguousarray(from_nnunet(labels, affine, self._reorient)), self._ids))
            confidences.append(confidence)
        return Prediction(torch.from_numpy(np.stack(maps)), [], tuple(confidences) if self.confidence else None)

    def _predict(self, voxels: NDArray[np.float32], spacing: list[float]) -> tuple[NDArray[Any], float]:
        """Return nnU-Net's ids ``(Z, Y, X)`` and the confidence, NaN if it was not asked for."""
        with _quiet():
            result = self._predictor.predict_single_npy_array(voxels, {"spacing": spacing}, None, None, self.confidence)
        if not self.confidence:
            return result, float("nan")
        labels, probabilities = result
        foreground = labels > 0
        sure = probabilities.max(axis=0)[foreground]
        return labels, float(sure.mean()) if foreground.any() else float("nan")


def _build_predictor(model: NnUNetModel, device: torch.device, use_mirroring: bool, tile_step_size: float) -> Any:
    """Do what ``initialize_from_trained_model_folder`` does, with checkpoints that were read safely."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    check_network_classes(model.plans, model.folder / "plans.json")
    plans = PlansManager(model.plans)
    configuration = plans.get_configuration(model.configuration)
    try:
        trainer = find_trainer(model.trainer)
    except Exception as error:  # it imports every trainer on the way, and those import what they need
        raise TeacherError(
            f"{model.folder}: its trainer {model.trainer!r} is not in nnunetv2 {NNUNET_VERSION} ({error}); set "
            "nnUNet_extTrainer to the folder of the class"
        ) from error
    try:
        network = trainer.build_network_architecture(
            plans,
            configuration,
            determine_num_input_channels(plans, configuration, model.dataset),
            plans.get_label_manager(model.dataset).num_segmentation_heads,
            enable_deep_supervision=False,
        )
        for weights in model.weights:
            network.load_state_dict(weights)
    except Exception as error:  # whatever edited plans lead into
        raise WeightsError(f"{model.folder}: the weights do not fit the network of plans.json: {error}") from error
    predictor = nnUNetPredictor(
        tile_step_size=tile_step_size, use_mirroring=use_mirroring, device=device, allow_tqdm=False
    )
    predictor.manual_initialization(
        network, plans, configuration, list(model.weights), model.dataset, model.trainer, model.mirror_axes
    )
    return predictor


@contextlib.contextmanager
def _quiet() -> Any:
    """Keep what nnU-Net prints out of the program's output."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
