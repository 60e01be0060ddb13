"""Settings of preprocessing and network."""

from __future__ import annotations

from swinx.bundle.settings.kinds import Choice, Either, Flag, Many, Number, Whole
from swinx.bundle.settings.setting import NETWORKS, PRETRAININGS, SEGMENTATIONS, TRAININGS, Setting

__all__ = ["NETWORK_SETTINGS"]

NETWORK_SETTINGS = (
    Setting("roi_size", Many(Whole(1, 1024), "[96,96,96]", 3), "window of the network in voxels", NETWORKS),
    Setting(
        "region_size",
        Many(Whole(1, 1024), "[128,128,128]", 3),
        "region in voxels that both views are cropped from",
        ("pretraining",),
    ),
    Setting(
        "pixdim",
        Many(Number(0.1, 20, unit="mm"), "[1.0,1.0,1.0]", 3),
        "voxel size in mm that scans are resampled to",
        NETWORKS,
    ),
    Setting(
        "intensity",
        Choice(("hu_window", "percentiles", "zscore")),
        "scaling of intensities: `window_hu`, or for MR percentiles or z-scores of the body",
        NETWORKS,
    ),
    Setting(
        "window_hu",
        Many(Number(-32768, 32767, unit="HU"), "[-250,250]", 2),
        "CT window in HU that is scaled to 0..1",
        NETWORKS,
    ),
    Setting("body_crop", Flag(), "crop to the body", NETWORKS),
    Setting("body_margin_mm", Number(0, 1000, unit="mm"), "margin around the body in mm", NETWORKS),
    Setting("antialias", Flag(), "averaging where `pixdim` is coarser than the scan", NETWORKS),
    Setting("embed_dim", Whole(1, 4096), "channels of the first stage", NETWORKS),
    Setting("depths", Many(Whole(1, 256), "[2,2,2,2]", least=1), "transformer blocks of each stage", NETWORKS),
    Setting("num_heads", Many(Whole(1, 1024), "[3,6,12,24]", least=1), "attention heads of each stage", NETWORKS),
    Setting("qkv_bias", Flag(), "bias of queries, keys and values", NETWORKS),
    Setting(
        "decoder_channels",
        Either((Whole(1, 4096), Many(Whole(1, 4096), "[16,48,48,48,48]", least=1))),
        "channels of the decoder, of all stages or of each",
        SEGMENTATIONS,
    ),
    Setting(
        "norm",
        Choice(("batch", "instance", "group")),
        "normalisation of the convolutions; that of the paper is batch",
        SEGMENTATIONS,
    ),
    Setting("drop_path_rate", Number(0, 0.99), "stochastic depth of the last block", TRAININGS),
    Setting("use_checkpoint", Flag(), "recompute activations to save memory", TRAININGS),
    Setting("published_window_order", Flag(), "window defect of the published code, to use its checkpoints", NETWORKS),
    Setting("channels_last", Flag(), "memory layout that is faster on CPUs", NETWORKS),
    Setting("out_dim", Whole(1), "prototypes of the distillation heads", PRETRAININGS),
    Setting("hidden_dim", Whole(1), "hidden channels of the distillation heads", PRETRAININGS),
    Setting("bottleneck_dim", Whole(1), "channels before the prototypes", PRETRAININGS),
    Setting("shared_head", Flag(), "one head for patches and images", PRETRAININGS),
    Setting(
        "reconstruction_head",
        Choice(("linear", "unet")),
        "reconstruction from the bottleneck alone, or by a decoder with the skips",
        PRETRAININGS,
    ),
)
"""Rows of :data:`swinx.bundle.SETTINGS`."""
