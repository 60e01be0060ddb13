"""Self-supervised pretraining by SMIT: views, masks, losses, trainer, health."""

from __future__ import annotations

from swinx.pretraining.collapse import CollapseDetector
from swinx.pretraining.masking import RandBlockMaskd, block_sides
from swinx.pretraining.pretraining_health import PretrainingHealth
from swinx.pretraining.probe.linear_probe import PROBES, run_probe
from swinx.pretraining.probe.probe_cases import load_probe_cases
from swinx.pretraining.probe.probe_report import ProbeReport, probe_encoders
from swinx.pretraining.probe.probed_encoders import PRETRAINED, ProbedEncoders, random_encoder
from swinx.pretraining.probe.sample_voxels import SampleVoxelsd
from swinx.pretraining.probe.voxel_features import CaseFeatures, FeatureRecords, SampledFeaturesInferer
from swinx.pretraining.recolouring import view_recolouring
from swinx.pretraining.reconstruction.masked_reconstruction import MaskedReconstructionInferer
from swinx.pretraining.reconstruction.reconstruction_figure import draw_reconstruction, draw_triplets
from swinx.pretraining.reconstruction.reconstruction_pictures import ReconstructionPictures
from swinx.pretraining.reconstruction.save_reconstruction import SaveReconstructiond
from swinx.pretraining.representations import agreement, effective_rank, entropy_of_mean, mean_entropy, relative_spread
from swinx.pretraining.schedules import MomentumSchedule, Temperatures, TemperatureSchedule
from swinx.pretraining.smit_loss import MaskedPredictionLoss, SmitLoss
from swinx.pretraining.smit_network import SmitNetwork, SmitOutput, SmitPretrainer
from swinx.pretraining.smit_trainer import SmitTrainer, prepare_views
from swinx.pretraining.token_distillation import (
    ImageTokenDistillationLoss,
    PatchTokenDistillationLoss,
    TeacherCentre,
    teacher_targets,
)
from swinx.pretraining.two_views import RandTwoViewsd

__all__ = [
    "PRETRAINED",
    "PROBES",
    "CaseFeatures",
    "CollapseDetector",
    "FeatureRecords",
    "ImageTokenDistillationLoss",
    "MaskedPredictionLoss",
    "MaskedReconstructionInferer",
    "MomentumSchedule",
    "PatchTokenDistillationLoss",
    "PretrainingHealth",
    "ProbeReport",
    "ProbedEncoders",
    "RandBlockMaskd",
    "RandTwoViewsd",
    "ReconstructionPictures",
    "SampleVoxelsd",
    "SampledFeaturesInferer",
    "SaveReconstructiond",
    "SmitLoss",
    "SmitNetwork",
    "SmitOutput",
    "SmitPretrainer",
    "SmitTrainer",
    "TeacherCentre",
    "TemperatureSchedule",
    "Temperatures",
    "agreement",
    "block_sides",
    "draw_reconstruction",
    "draw_triplets",
    "effective_rank",
    "entropy_of_mean",
    "load_probe_cases",
    "mean_entropy",
    "prepare_views",
    "probe_encoders",
    "random_encoder",
    "relative_spread",
    "run_probe",
    "teacher_targets",
    "view_recolouring",
]
