"""Refined labels out of partial ground truth and a teacher's predictions."""

from __future__ import annotations

from swinx.refinement.compare_rounds import CompareRoundsd
from swinx.refinement.policies.fusion import Fusion, Source, restrict_classes
from swinx.refinement.policies.fusion_policies import (
    Agreement,
    FillUnannotated,
    OverwriteOrgans,
    TruthOnly,
    TumorHostChecked,
)
from swinx.refinement.policies.pseudo_filters import FillHoles, LargestComponent, Laterality, MinimumComponent
from swinx.refinement.policies.selection import (
    HasAnnotatedTumor,
    LowDisagreement,
    MinimumConfidence,
    PlausibleVolume,
    PredictedSomewhere,
)
from swinx.refinement.refine_labels import RefineLabelsd
from swinx.refinement.refinement_cases import (
    is_refined,
    load_refinement_cases,
    pending_cases,
    refinement_case,
)
from swinx.refinement.refinement_gain import RefinementGain, refinement_gain
from swinx.refinement.refinement_record_settings import RefinementSettings, refinement_settings
from swinx.refinement.refinement_records import RefinementRecords
from swinx.refinement.refinement_run import RefinementRun
from swinx.refinement.save_refinement import SaveRefinementd
from swinx.refinement.self_training import run_rounds
from swinx.refinement.teachers.bundle_teacher import BundleTeacher
from swinx.refinement.teachers.ensemble import TeacherEnsemble
from swinx.refinement.teachers.nnunet.nnunet_dataset import choose_classes, select_complete_cases
from swinx.refinement.teachers.nnunet.nnunet_teacher import NnUNetTeacher
from swinx.refinement.teachers.nnunet.nnunet_training import train_nnunet
from swinx.refinement.teachers.prediction_folder import PredictionFolderTeacher
from swinx.refinement.teachers.teacher import Prediction, Teacher, TeacherNetwork

__all__ = [
    "Agreement",
    "BundleTeacher",
    "CompareRoundsd",
    "FillHoles",
    "FillUnannotated",
    "Fusion",
    "HasAnnotatedTumor",
    "LargestComponent",
    "Laterality",
    "LowDisagreement",
    "MinimumComponent",
    "MinimumConfidence",
    "NnUNetTeacher",
    "OverwriteOrgans",
    "PlausibleVolume",
    "PredictedSomewhere",
    "Prediction",
    "PredictionFolderTeacher",
    "RefineLabelsd",
    "RefinementGain",
    "RefinementRecords",
    "RefinementRun",
    "RefinementSettings",
    "SaveRefinementd",
    "Source",
    "Teacher",
    "TeacherEnsemble",
    "TeacherNetwork",
    "TruthOnly",
    "TumorHostChecked",
    "choose_classes",
    "is_refined",
    "load_refinement_cases",
    "pending_cases",
    "refinement_case",
    "refinement_gain",
    "refinement_settings",
    "restrict_classes",
    "run_rounds",
    "select_complete_cases",
    "train_nnunet",
]
