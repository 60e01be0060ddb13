"""Swin encoder, segmentation network, and weights: building, converting, loading."""

from __future__ import annotations

from swinx.networks.checkpoint import damaged_entry, read_checkpoint, save_weights
from swinx.networks.convert import convert_reference_weights
from swinx.networks.deep_supervision import DeepSupervision
from swinx.networks.parameter_groups import decay_groups, fine_tuning_groups
from swinx.networks.pretrained_weights import load_pretrained, match_output_rows
from swinx.networks.swin_encoder import SwinEncoder, SwinFeatures
from swinx.networks.swinx_seg import ReductionBlock, SwinXSeg
from swinx.networks.tracing import Traced, window_sides
from swinx.networks.weights import LoadReport, load_weights

__all__ = [
    "DeepSupervision",
    "LoadReport",
    "ReductionBlock",
    "SwinEncoder",
    "SwinFeatures",
    "SwinXSeg",
    "Traced",
    "convert_reference_weights",
    "damaged_entry",
    "decay_groups",
    "fine_tuning_groups",
    "load_pretrained",
    "load_weights",
    "match_output_rows",
    "read_checkpoint",
    "save_weights",
    "window_sides",
]
