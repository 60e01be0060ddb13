"""Other people's models and predictions, behind one interface."""

from __future__ import annotations

from swinx.interop.bundle import BundleTeacher
from swinx.interop.ensemble import TeacherEnsemble
from swinx.interop.nnunet import NnUNetTeacher
from swinx.interop.nnunet_training import train_nnunet
from swinx.interop.prediction_folder import PredictionFolderTeacher
from swinx.interop.registered_model import RegisteredModel
from swinx.interop.self_training import run_rounds
from swinx.interop.teacher import Prediction, Teacher, TeacherNetwork

__all__ = [
    "BundleTeacher",
    "NnUNetTeacher",
    "Prediction",
    "PredictionFolderTeacher",
    "RegisteredModel",
    "Teacher",
    "TeacherEnsemble",
    "TeacherNetwork",
    "run_rounds",
    "train_nnunet",
]
