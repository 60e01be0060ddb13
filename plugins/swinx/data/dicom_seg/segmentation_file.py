"""Label maps as DICOM Segmentation objects of a CT series."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from swinx import __version__
from swinx.data.dicom.dicom_series import SliceStack, stack_slices
from swinx.data.dicom_seg.dicom_codes import segment_codes
from swinx.data.dicom_seg.lattice import onto_lattice
from swinx.data.formats.file_formats import is_volume_file
from swinx.errors import CaseError
from swinx.files import real_path, write_atomic
from swinx.geometry import find_label_faults, label_values
from swinx.labels import FLARE23, LabelSet
from swinx.rules import SegRules
from swinx.visible_text import visible

if TYPE_CHECKING:
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom import Dataset

__all__ = [
    "SegAlgorithm",
    "SegFile",
    "SegType",
    "make_dicom_seg",
    "read_seg_source",
    "require_dicom",
    "write_dicom_seg",
]

SegType = Literal["BINARY", "LABELMAP"]

_SHARED = ("StudyInstanceUID", "FrameOfReferenceUID", "SOPClassUID")
_MAY_BE_EMPTY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"),
)
_SERIES_NUMBER_OFFSET = 1000
_UNICODE = "ISO_IR 192"
_KINDS = ("AUTOMATIC", "SEMIAUTOMATIC", "MANUAL")


@dataclass(frozen=True)
class SegAlgorithm:
    """Algorithm or person that made the segments, as DICOM records it.

    Attributes:
        name: Name of the program or the model.
        version: Its version.
        kind: ``"AUTOMATIC"``, ``"SEMIAUTOMATIC"`` or ``"MANUAL"``.

    Raises:
        ValueError: If ``kind`` is something else.
    """

    name: str = "swinx"
    version: str = __version__
    kind: Literal["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"] = "AUTOMATIC"

    def __post_init__(self) -> None:
        """Check the kind before anything is read."""
        if self.kind not in _KINDS:
            raise ValueError(f"segments are made 'AUTOMATIC', 'SEMIAUTOMATIC' or 'MANUAL', not {self.kind!r}")


@dataclass(frozen=True)
class SegFile:
    """A written DICOM Segmentation file.

    Attributes:
        path: The file.
        segments: Names of the classes in it, in the order of their segments.
        left_out: Names of the classes that have no voxel, and so no segment.
        notes: What a user should know of the source series.
    """

    path: Path
    segments: tuple[str, ...]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]


def require_dicom() -> None:
    """Check that pydicom and highdicom are installed.

    Raises:
        ImportError: If one is not; the message says how to get it.
    """
    if missing := [name for name in ("pydicom", "highdicom") if importlib.util.find_spec(name) is None]:
        raise ImportError(SegRules.NO_PACKAGE.says(packages=" and ".join(missing), install=" ".join(missing)))


def make_dicom_seg(
    labels: NDArray[np.uint8],
    slices: Sequence[Dataset],
    seg_type: SegType = "BINARY",
    algorithm: SegAlgorithm | None = None,
    label_set: LabelSet = FLARE23,
) -> Segmentation:
    """Return a label map as a DICOM Segmentation (PS3.3, A.51), voxel by voxel on its source images.

    Patient, study and frame of reference are those of the source. Segments of a ``"BINARY"`` object are numbered
    from 1 in class order, as DICOM demands; those of a ``"LABELMAP"`` object have the numbers of the label set.

    Args:
        labels: Class ids, ``(columns, rows, slices)``, at least one of them not 0.
        slices: Headers of the CT images, one per slice, in the order of the last axis of ``labels``.
        seg_type: One bit per segment and voxel, which all viewers read; or one number per voxel (2024 and later).
        algorithm: Who drew the segments; by default this package.
        label_set: The classes.

    Raises:
        CaseError: If a tag that is taken over has a value that DICOM does not allow.
        ValueError: If ``labels`` holds no class, or does not have the size of the images.
    """
    import highdicom

    if seg_type not in get_args(SegType):
        raise ValueError(f"the type of a segmentation is 'BINARY' or 'LABELMAP', not {seg_type!r}")
    first = slices[0]
    if labels.shape != (first.Columns, first.Rows, len(slices)):
        raise ValueError(f"labels {labels.shape} of {len(slices)} images {first.Columns} x {first.Rows}")
    found = [int(value) for value in label_values(labels) if value]
    if not found:
        raise ValueError("every voxel is background; a DICOM Segmentation needs a segment")
    values = label_set.values
    numbers = {label: index + 1 if seg_type == "BINARY" else values[label] for index, label in enumerate(found)}
    table = np.zeros(256, dtype=np.uint8)
    for label, number in numbers.items():
        table[label] = number
    drawn_by = algorithm or SegAlgorithm()
    try:
        seg: Segmentation = highdicom.seg.Segmentation(
            source_images=[_complete(first), *slices[1:]],
            pixel_array=table[labels.transpose(2, 1, 0)],
            segmentation_type=seg_type,
            segment_descriptions=[_describe(label, number, drawn_by, label_set) for label, number in numbers.items()],
            series_instance_uid=highdicom.UID(),  # a new object each time: only its UIDs tell it from other attempts
            series_number=_SERIES_NUMBER_OFFSET + int(first.get("SeriesNumber") or 0),
            series_description=f"Segmentation by {drawn_by.name}"[:64],
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="swinx",
            manufacturer_model_name="swinx",
            software_versions=__version__,
            device_serial_number="none",
            content_label="CT_SEG",
            specific_character_set=None if label_set.listed(found).isascii() else _UNICODE,
        )
    except Exception as error:  # a wrong value ends in errors of many kinds, some of which do not name it
        if (fault := _faulty_tag(first)) is not None:
            raise CaseError(str(getattr(first, "filename", None) or "the series"), fault) from error
        raise
    return seg


def read_seg_source(place: Path, series: str | None = None) -> tuple[SliceStack, list[Dataset]]:
    """Return the slices to which a DICOM Segmentation refers, without their pixels.

    Args:
        place: The folder of the series, or one of its slices.
        series: Series Instance UID, where the folder has several.

    Returns:
        The grid, and the headers in stack order.

    Raises:
        CaseError: If there is no such series, or its headers lack what a segmentation refers to.
    """
    from pydicom import dcmread

    if is_volume_file(place):
        raise CaseError(place, _reason(SegRules.NO_SERIES, place))
    stack = stack_slices(place, series, hu=None)
    slices: list[Dataset] = [dcmread(name, stop_before_pixels=True, force=True) for name in stack.files]
    for keyword in (*_SHARED, "SOPInstanceUID"):
        values = {str(header.get(keyword) or "") for header in slices}
        if "" in values:
            raise CaseError(place, _reason(SegRules.NO_TAG, place, keyword=keyword))
        if keyword in _SHARED and len(values) > 1:
            raise CaseError(place, _reason(SegRules.TAGS_DIFFER, place, keyword=keyword, count=len(values)))
    return stack, slices


def write_dicom_seg(
    path: str | os.PathLike[str],
    labels: NDArray[Any],
    affine: ArrayLike,
    source: str | os.PathLike[str],
    series: str | None = None,
    seg_type: SegType = "BINARY",
    algorithm: SegAlgorithm | None = None,
    label_set: LabelSet = FLARE23,
) -> SegFile:
    """Write a label map as DICOM Segmentation of the CT series it belongs to.

    Args:
        path: The file.
        labels: Class ids, ``(X, Y, Z)``, with the voxels of the series; its axes may be mirrored or exchanged.
        affine: Voxel index to RAS, ``(4, 4)``, mm.
        source: The folder of the series, or one of its slices.
        series: Series Instance UID, where the folder has several.
        seg_type: ``"BINARY"`` or ``"LABELMAP"``.
        algorithm: Who drew the segments; by default this package.
        label_set: The classes.

    Raises:
        CaseError: If there is no such series, its headers lack what a segmentation refers to, the label map is on
            another grid, holds other values or no class at all.
        OSError: If the file cannot be written.
    """
    require_dicom()
    place = Path(source)
    stack, slices = read_seg_source(place, series)
    if real_path(path) in {real_path(name) for name in stack.files}:
        raise CaseError(path, "is a slice of the series; choose another name for the segmentation")
    if faults := find_label_faults(np.asarray(labels), range(label_set.num_classes), set_name=label_set.name):
        raise CaseError(path, f"cannot be written: {'; '.join(faults)}")
    try:
        turned = onto_lattice(np.asarray(labels).astype(np.uint8, copy=False), affine, stack.affine, stack.shape)
    except ValueError as error:
        raise CaseError(path, f"cannot be written: the label map is not on the grid of {place}: {error}") from error
    seg = make_dicom_seg(turned, slices, seg_type, algorithm, label_set)
    with write_atomic(path, suffix=".dcm") as partial:
        seg.save_as(partial, enforce_file_format=True)
    segments = tuple(label_set.names[int(value)] for value in label_values(turned) if value)
    left_out = tuple(name for name in label_set.names[1:] if name not in segments)
    return SegFile(Path(path), segments, left_out, stack.notes)


def _reason(rule: SegRules, place: Path, **values: object) -> str:
    """Return a message without its path, since the error already begins with it."""
    return rule.says(place=place, **values).removeprefix(f"{place}: ")


def _faulty_tag(header: Dataset) -> str | None:
    """Return a sentence on the first tag of patient or study with a value that DICOM does not allow; or None."""
    import pydicom
    from pydicom.datadict import dictionary_VR
    from pydicom.valuerep import validate_value

    for keyword in _MAY_BE_EMPTY:
        raw: Any = header.get_item(keyword)
        value = None if raw is None else raw.value
        text = value.decode("latin-1").strip(" \0") if isinstance(value, bytes) else str(value or "")
        try:
            validate_value(dictionary_VR(keyword), text, pydicom.config.RAISE)
        except ValueError:
            return SegRules.BAD_TAG.says(keyword=keyword, value=visible(repr(text)))
    return None


def _complete(header: Dataset) -> Dataset:
    """Return a header with empty values for required (type 2) tags that anonymisers removed."""
    complete = copy(header)
    for keyword in _MAY_BE_EMPTY:
        if keyword not in complete:
            setattr(complete, keyword, "")
    return complete


def _describe(label: int, number: int, algorithm: SegAlgorithm, label_set: LabelSet) -> SegmentDescription:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription
    from highdicom.sr import CodedConcept
    from pydicom.sr.codedict import codes

    def concept(code: tuple[str, str], scheme: str = "SCT") -> CodedConcept:
        return CodedConcept(value=code[0], scheme_designator=scheme, meaning=code[1])

    code = segment_codes(label_set)[label]
    kind = concept(code.kind, code.scheme)
    if code.side is not None:
        kind.SegmentedPropertyTypeModifierCodeSequence = [concept(code.side)]
    return SegmentDescription(
        segment_number=number,
        segment_label=label_set.names[label],
        segmented_property_category=concept(code.category),
        segmented_property_type=kind,
        algorithm_type=algorithm.kind,
        algorithm_identification=None
        if algorithm.kind == "MANUAL"
        else AlgorithmIdentificationSequence(algorithm.name, codes.DCM.ArtificialIntelligence, algorithm.version),
        display_color=CIELabColor.from_string(label_set.colours[label]),
    )
