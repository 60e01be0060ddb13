"""Other people's models and predictions behind one interface, and files for other people's programs."""

from __future__ import annotations

from swinx.interop.bundle import BundleTeacher
from swinx.interop.dicom_codes import SEGMENT_CODES, SegmentCode
from swinx.interop.dicom_seg import SegAlgorithm, SegFile, make_dicom_seg, write_dicom_seg
from swinx.interop.dicom_seg_check import DicomSegCheck
from swinx.interop.ensemble import TeacherEnsemble
from swinx.interop.nnunet import NnUNetTeacher
from swinx.interop.nnunet_training import train_nnunet
from swinx.interop.prediction_folder import PredictionFolderTeacher
from swinx.interop.registered_model import RegisteredModel
from swinx.interop.save_dicom_seg import SaveDicomSegd
from swinx.interop.self_training import run_rounds
from swinx.interop.teacher import Prediction, Teacher, TeacherNetwork

__all__ = [
    "SEGMENT_CODES",
    "BundleTeacher",
    "DicomSegCheck",
    "NnUNetTeacher",
    "Prediction",
    "PredictionFolderTeacher",
    "RegisteredModel",
    "SaveDicomSegd",
    "SegAlgorithm",
    "SegFile",
    "SegmentCode",
    "Teacher",
    "TeacherEnsemble",
    "TeacherNetwork",
    "make_dicom_seg",
    "run_rounds",
    "train_nnunet",
    "write_dicom_seg",
]
