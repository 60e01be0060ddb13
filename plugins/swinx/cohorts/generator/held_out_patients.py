"""Whole generated patients as files, kept from the training for its validation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from monai.transforms import Compose

from swinx.cohorts.generator.acquisition import RandAcquisitiond
from swinx.cohorts.generator.generated_patch import RandPatchd, StructuresToLabeld
from swinx.cohorts.generator.lumen import RandLumend
from swinx.cohorts.generator.recolour import RandContrastd
from swinx.cohorts.generator.source_scan import SourceScan
from swinx.cohorts.generator.surroundings import RandSurroundingsd
from swinx.data import SECTIONS, write_data_list
from swinx.labels import FLARE23, LabelSet, class_numbers
from swinx.nifti import write_nifti

__all__ = ["write_held_out"]

_SEED = 1_000_000_007
"""Begin of the seeds of held-out patients, apart from those of trainings."""

_SIZE = (128, 96, 120)


def write_held_out(
    out_dir: str | os.PathLike[str],
    sources: Sequence[SourceScan],
    count: int = 4,
    spacing_mm: float = 3.0,
    label_set: LabelSet = FLARE23,
) -> Path:
    """Write whole patients, deformed and recoloured by seeds of their own, and a data list for validation.

    They come from the same sources as the training: what a network scores on them tells how far it got, not how good
    it is on another patient. What is there is not written again.

    Args:
        out_dir: Folder to write.
        sources: Scans of the training; those that are annotated only partly, or have no class, are left out.
        count: Number of patients.
        spacing_mm: Voxel size.
        label_set: The classes.

    Returns:
        Path of ``datalist.json``, with a section ``validation``.

    Raises:
        OSError: If the folder cannot be written.
    """
    root = Path(out_dir)
    target = root / "datalist.json"
    if target.is_file():
        return target
    numbers = {number for number, label in class_numbers(label_set, "totalsegmentator").ids.items() if label}
    sources = [source for source in sources if source.annotated is None and numbers & set(source.centres)]
    size = [round(n * 3.0 / spacing_mm) for n in _SIZE]
    patient = RandPatchd(
        sources, spatial_size=size, spacing_mm=spacing_mm, other_prob=0.0, jitter=0.0, label_set=label_set
    )
    make = Compose(
        [
            patient,
            RandContrastd(synthetic_prob=0.0),
            RandLumend(),
            RandSurroundingsd(spacing_mm=spacing_mm),
            RandAcquisitiond(spacing_mm=spacing_mm),
            StructuresToLabeld(label_set),
        ]
    )
    sections: dict[str, list[dict[str, object]]] = {section: [] for section in SECTIONS}
    for index in range(count):
        make.set_random_state(_SEED + index)
        made = make({})
        case = f"held_out_{index + 1:03d}"
        affine = made["image"].affine.numpy().astype(np.float64)
        image, label = np.rint(made["image"][0].numpy()).astype(np.int16), made["label"][0].numpy().astype(np.uint8)
        item: dict[str, object] = {
            "case": case,
            "image": f"imagesVal/{case}_0000.nii.gz",
            "label": f"labelsVal/{case}.nii.gz",
            "patient": made["source"],
            "annotated": made["annotated"],
        }
        write_nifti(root / str(item["image"]), image, affine)
        write_nifti(root / str(item["label"]), label, affine)
        sections["validation"].append(item)
    write_data_list(target, sections, name="swinx held-out deformations", description="Generated, of known patients.")
    return target
