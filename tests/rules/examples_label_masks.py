"""Masks and structure sets that break the rules of labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from rules.examples import example
from rules.examples_folders import _log
from rules.examples_scans import AFFINE, HU, nifti
from support.ct_series import write_ct_series
from support.structure_sets import Contours, in_slice, write_structure_set
from swinx.data import read_label
from swinx.errors import CaseError
from swinx.rules import LabelMaskRules, StructureSetRules

MASK = (HU > 0).astype(np.uint8)
BOX = [(1, 1), (4, 1), (4, 4), (1, 4)]


def refused(label, **options) -> str:
    with pytest.raises(CaseError) as caught:
        read_label(label, **options)
    return str(caught.value)


def masks(folder: Path, **arrays: np.ndarray) -> Path:
    for name, array in arrays.items():
        nifti(folder / f"{name}.nii.gz", array)
    return folder


@example(LabelMaskRules.NO_CLASS)
def masks_of_other_classes(folder: Path) -> str:
    return refused(masks(folder, femur=MASK))


@example(LabelMaskRules.TWO)
def two_masks_of_one_class(folder: Path) -> str:
    return refused(masks(folder, right_kidney=MASK, kidney_right=MASK))


@example(LabelMaskRules.NOT_A_MASK)
def a_label_map_among_masks(folder: Path) -> str:
    return refused(masks(folder, liver=MASK * np.arange(1, MASK.shape[-1] + 1, dtype=np.uint8)))


@example(LabelMaskRules.OTHER_GRID)
def a_mask_elsewhere(folder: Path) -> str:
    nifti(folder / "liver.nii.gz", MASK)
    nifti(folder / "spleen.nii.gz", MASK, AFFINE + np.pad(np.full((3, 1), 10.0), ((0, 1), (3, 0))))
    return refused(folder)


@example(LabelMaskRules.OTHER_SHAPE)
def a_mask_of_another_shape(folder: Path) -> str:
    return refused(masks(folder, liver=MASK, spleen=MASK[1:]))


@example(LabelMaskRules.OVERLAP)
def masks_that_overlap(folder: Path) -> str:
    return refused(masks(folder, liver=MASK, spleen=MASK))


@example(LabelMaskRules.FEW_SHARED)
def masks_that_share_a_voxel(folder: Path) -> str:
    liver = np.zeros((10, 10, 10), np.uint8)
    liver[:5] = 1
    spleen = 1 - liver
    spleen[4, 4, 4] = 1
    return "\n".join(read_label(masks(folder, liver=liver, spleen=spleen)).notes)


@example(LabelMaskRules.ABSENT)
def masks_of_some_classes(folder: Path) -> str:
    return "\n".join(read_label(masks(folder, liver=MASK)).notes)


@example(LabelMaskRules.CLAIMED)
def a_class_that_is_annotated_and_has_no_mask(folder: Path) -> str:
    return "\n".join(read_label(masks(folder, liver=MASK), annotated=[1, 3]).notes)


@example(LabelMaskRules.OTHER_CLASSES)
def a_mask_of_another_class(folder: Path) -> str:
    with _log() as told:
        read_label(masks(folder, liver=MASK, a_class_of_this_example=MASK))
    return "\n".join(told)


def structures(folder: Path, contours: Contours, name: str = "series/rs.dcm", **options: str) -> Path:
    write_ct_series(folder / "series", affine=AFFINE)
    return write_structure_set(folder / name, {"liver": contours}, **options)


def box(place: float) -> tuple[str, np.ndarray]:
    return "CLOSED_PLANAR", in_slice(AFFINE, place, BOX)


@example(StructureSetRules.DAMAGED)
def a_structure_set_with_half_a_point(folder: Path) -> str:
    return refused(structures(folder, [("CLOSED_PLANAR", np.zeros(4))]))


@example(StructureSetRules.NO_NUMBER)
def a_structure_set_with_a_coordinate_that_is_no_number(folder: Path) -> str:
    path = structures(folder, [box(1)])
    content = pydicom.dcmread(path)
    points = content.ROIContourSequence[0].ContourSequence[0]
    points.ContourData = ["nan", *points.ContourData[1:]]
    content.save_as(path)
    return refused(path)


@example(StructureSetRules.SEVERAL)
def two_structure_sets_in_a_folder(folder: Path) -> str:
    structures(folder, [box(1)])
    return refused(structures(folder, [box(2)], "series/other.dcm").parent)


@example(StructureSetRules.NO_SERIES)
def a_structure_set_alone(folder: Path) -> str:
    return refused(structures(folder, [box(1)], "alone/rs.dcm"))


@example(StructureSetRules.OTHER_FRAME)
def a_structure_set_of_another_scan(folder: Path) -> str:
    return refused(structures(folder, [box(1)], frame="1.2.3"))


@example(StructureSetRules.TILTED)
def a_contour_across_slices(folder: Path) -> str:
    kind, points = box(1)
    points[0] += AFFINE[:3, 2] * (-1, -1, 1)
    return refused(structures(folder, [(kind, points)]))


@example(StructureSetRules.BETWEEN)
def a_contour_between_slices(folder: Path) -> str:
    return refused(structures(folder, [box(1.5)]))


@example(StructureSetRules.NO_AREA, StructureSetRules.GAPS)
def a_point_instead_of_a_contour(folder: Path) -> str:
    point = "POINT", in_slice(AFFINE, 1, BOX[:1])
    return "\n".join(read_label(structures(folder, [box(0), point, box(2)])).notes)
