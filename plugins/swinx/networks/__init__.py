"""The Swin-X encoder and segmentation network, and their weights."""

from __future__ import annotations

from swinx.networks.active_dropout import with_active_dropout
from swinx.networks.checkpoint import read_checkpoint, save_weights
from swinx.networks.convert import convert_reference_weights
from swinx.networks.decay import decay_groups
from swinx.networks.merged_up_block import MergedUpBlock
from swinx.networks.part_scores import Engine, PartScores, SplitScores, TorchEngine, WholeScores, weights_version
from swinx.networks.probed_encoders import PRETRAINED, ProbedEncoders
from swinx.networks.random_weights import random_encoder
from swinx.networks.smit import SmitNetwork, SmitOutput, SmitPretrainer
from swinx.networks.split import SplitNetwork
from swinx.networks.swin_encoder import SwinEncoder, SwinFeatures
from swinx.networks.swinx_seg import SwinXSeg
from swinx.networks.tracing import Traced, window_sides
from swinx.networks.weights import LoadReport, MisShaped, load_weights

__all__ = [
    "PRETRAINED",
    "Engine",
    "LoadReport",
    "MergedUpBlock",
    "MisShaped",
    "PartScores",
    "ProbedEncoders",
    "SmitNetwork",
    "SmitOutput",
    "SmitPretrainer",
    "SplitNetwork",
    "SplitScores",
    "SwinEncoder",
    "SwinFeatures",
    "SwinXSeg",
    "TorchEngine",
    "Traced",
    "WholeScores",
    "convert_reference_weights",
    "decay_groups",
    "load_weights",
    "random_encoder",
    "read_checkpoint",
    "save_weights",
    "weights_version",
    "window_sides",
    "with_active_dropout",
]
