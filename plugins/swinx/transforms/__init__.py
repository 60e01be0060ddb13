"""Thin dictionary transforms over `swinx.ops`."""

from __future__ import annotations

from swinx.transforms.annotated_classes import AnnotatedClassesd
from swinx.transforms.block_mask import RandBlockMaskd
from swinx.transforms.compare_rounds import CompareRoundsd
from swinx.transforms.crop_known import RandCropByKnownLabeld
from swinx.transforms.ct_preprocessing import CTPreprocessingd
from swinx.transforms.label_votes import LABEL_SAMPLE, LabelVotesd
from swinx.transforms.mask_unannotated import MaskUnannotatedd
from swinx.transforms.mirroring import RandLeftRightFlipd
from swinx.transforms.refine_labels import RefineLabelsd
from swinx.transforms.refuse_empty import RefuseEmptyLabeld
from swinx.transforms.restore_labels import ON_SCAN_GRID, RestoreLabelsd
from swinx.transforms.sample_voxels import SampleVoxelsd
from swinx.transforms.save_labels import SaveLabelsd
from swinx.transforms.save_reconstruction import SaveReconstructiond
from swinx.transforms.save_refinement import SaveRefinementd
from swinx.transforms.two_views import RandTwoViewsd

__all__ = [
    "LABEL_SAMPLE",
    "ON_SCAN_GRID",
    "AnnotatedClassesd",
    "CTPreprocessingd",
    "CompareRoundsd",
    "LabelVotesd",
    "MaskUnannotatedd",
    "RandBlockMaskd",
    "RandCropByKnownLabeld",
    "RandLeftRightFlipd",
    "RandTwoViewsd",
    "RefineLabelsd",
    "RefuseEmptyLabeld",
    "RestoreLabelsd",
    "SampleVoxelsd",
    "SaveLabelsd",
    "SaveReconstructiond",
    "SaveRefinementd",
]
