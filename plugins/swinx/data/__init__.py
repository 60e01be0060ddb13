"""Scans, label maps and data lists: reading and checking."""

from __future__ import annotations

from swinx.data.case_marks import case_marks
from swinx.data.case_names import case_name, name_fault, record_path
from swinx.data.checks.check_report import CheckReport, Finding, format_report, probe_folder
from swinx.data.checks.integrity import check_data
from swinx.data.collections.collection_list import ListedCollection, find_collection, list_collection
from swinx.data.ct_reader import CTReader
from swinx.data.dicom.dicom_choice import pick_series
from swinx.data.dicom_seg.dicom_codes import segment_codes
from swinx.data.dicom_seg.dicom_seg_check import DicomSegCheck
from swinx.data.dicom_seg.save_dicom_seg import SaveDicomSegd
from swinx.data.dicom_seg.segmentation_file import SegAlgorithm, SegFile, make_dicom_seg, write_dicom_seg
from swinx.data.folders.case_files import find_cases
from swinx.data.folders.label_folders import find_label_maps, label_case_name, label_maps_in
from swinx.data.formats.file_formats import format_of, volume_suffix, volume_suffixes
from swinx.data.formats.itk_geometry import affine_from_itk, array_from_itk, import_sitk
from swinx.data.label_files import label_path, masks_found, read_label
from swinx.data.label_masks import merge_masks
from swinx.data.lists.annotated_manifest import load_annotated_manifest, look_up_annotated, manifest_notes
from swinx.data.lists.annotated_table import annotated_table
from swinx.data.lists.case_facts import annotated_by_people, patient_of, unlisted_note
from swinx.data.lists.data_list import (
    SECTIONS,
    data_list_roots,
    data_list_sections,
    has_cases,
    load_cases,
    load_data_list,
)
from swinx.data.lists.flare_layout import flare_data_list
from swinx.data.lists.held_out import load_labelled, write_split_list
from swinx.data.lists.list_file import read_list
from swinx.data.lists.list_labels import list_label_set
from swinx.data.lists.load_labels import LoadLabeld
from swinx.data.lists.run_label_set import choose_label_set
from swinx.data.lists.written_list import write_data_list
from swinx.data.mask_files import LabelPlace
from swinx.data.numbering_notes import warn_of_numberings
from swinx.data.read_content import content_of, files_read, has_content, recorded_content, stamp_of
from swinx.data.volume_files import ANY_NUMBERS, Volume, read_volume

__all__ = [
    "ANY_NUMBERS",
    "SECTIONS",
    "CTReader",
    "CheckReport",
    "DicomSegCheck",
    "Finding",
    "LabelPlace",
    "ListedCollection",
    "LoadLabeld",
    "SaveDicomSegd",
    "SegAlgorithm",
    "SegFile",
    "Volume",
    "affine_from_itk",
    "annotated_by_people",
    "annotated_table",
    "array_from_itk",
    "case_marks",
    "case_name",
    "check_data",
    "choose_label_set",
    "content_of",
    "data_list_roots",
    "data_list_sections",
    "files_read",
    "find_cases",
    "find_collection",
    "find_label_maps",
    "flare_data_list",
    "format_of",
    "format_report",
    "has_cases",
    "has_content",
    "import_sitk",
    "label_case_name",
    "label_maps_in",
    "label_path",
    "list_collection",
    "list_label_set",
    "load_annotated_manifest",
    "load_cases",
    "load_data_list",
    "load_labelled",
    "look_up_annotated",
    "make_dicom_seg",
    "manifest_notes",
    "masks_found",
    "merge_masks",
    "name_fault",
    "patient_of",
    "pick_series",
    "probe_folder",
    "read_label",
    "read_list",
    "read_volume",
    "record_path",
    "recorded_content",
    "segment_codes",
    "stamp_of",
    "unlisted_note",
    "volume_suffix",
    "volume_suffixes",
    "warn_of_numberings",
    "write_data_list",
    "write_dicom_seg",
    "write_split_list",
]
