"""Readers, data lists, integrity checks and cohorts."""

from __future__ import annotations

from swinx.data.absent_classes import take_as_absent
from swinx.data.case_dataset import CaseDataset, collate_case
from swinx.data.case_files import find_cases
from swinx.data.case_marks import case_marks
from swinx.data.check_report import CheckReport, Finding, format_report
from swinx.data.ct_reader import CTReader
from swinx.data.data_list import load_cases, load_data_list, write_data_list
from swinx.data.demo_cohort import write_demo_cohort
from swinx.data.demo_ct import fetch_demo_ct
from swinx.data.dicom_choice import pick_series
from swinx.data.file_kinds import case_name
from swinx.data.flare import flare_data_list
from swinx.data.held_out import load_labelled
from swinx.data.integrity import check_data
from swinx.data.label_folders import find_label_maps
from swinx.data.phantom import Phantom, make_phantom
from swinx.data.probe_cases import load_probe_cases
from swinx.data.read_content import content_of, recorded_content, stamp_of
from swinx.data.refined_list import RefinedData, assemble_refined
from swinx.data.refinement_cases import (
    file_sha256,
    is_refined,
    load_refinement_cases,
    pending_cases,
    refinement_case,
    refuse_overwriting,
)
from swinx.data.refinement_settings import RefinementSettings, refinement_settings
from swinx.data.synthetic import write_synthetic_cohort
from swinx.data.volume_files import Volume, read_volume

__all__ = [
    "CTReader",
    "CaseDataset",
    "CheckReport",
    "Finding",
    "Phantom",
    "RefinedData",
    "RefinementSettings",
    "Volume",
    "assemble_refined",
    "case_marks",
    "case_name",
    "check_data",
    "collate_case",
    "content_of",
    "fetch_demo_ct",
    "file_sha256",
    "find_cases",
    "find_label_maps",
    "flare_data_list",
    "format_report",
    "is_refined",
    "load_cases",
    "load_data_list",
    "load_labelled",
    "load_probe_cases",
    "load_refinement_cases",
    "make_phantom",
    "pending_cases",
    "pick_series",
    "read_volume",
    "recorded_content",
    "refinement_case",
    "refinement_settings",
    "refuse_overwriting",
    "stamp_of",
    "take_as_absent",
    "write_data_list",
    "write_demo_cohort",
    "write_synthetic_cohort",
]
