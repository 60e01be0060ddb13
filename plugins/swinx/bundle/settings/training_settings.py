"""Settings of trainings."""

from __future__ import annotations

from swinx.bundle.settings.kinds import Flag, Number, Whole
from swinx.bundle.settings.setting import TRAININGS, Setting

__all__ = ["TRAINING_SETTINGS"]

TRAINING_SETTINGS = (
    Setting("max_epochs", Whole(1), "epochs of the run", TRAININGS),
    Setting("warmup_epochs", Whole(0), "epochs in which the learning rate rises", TRAININGS),
    Setting("val_interval", Whole(1), "epochs between validations", ("training",)),
    Setting(
        "learning_rate",
        Number(0, above=True),
        "peak learning rate",
        ("pretraining", "teacher", "training"),
        optional=True,
    ),
    Setting("weight_decay", Number(0, 1), "weight decay of AdamW", TRAININGS),
    Setting(
        "encoder_learning_rate",
        Number(0, above=True),
        "peak learning rate of the encoder's last block; none for `learning_rate`",
        ("training",),
        optional=True,
    ),
    Setting(
        "layer_decay",
        Number(0, 1, above=True),
        "ratio of the learning rate of an encoder block to that of the next",
        ("training",),
    ),
    Setting("freeze_encoder_epochs", Whole(0), "epochs in which the encoder keeps its weights", ("training",)),
    Setting("decay_norms", Flag(), "weight decay of norms and biases, too", ("training",)),
    Setting("scans_per_batch", Whole(1, 100000), "scans of a step on each process", TRAININGS),
    Setting("positive_patches", Whole(0, 100000), "patches of a scan centred on an organ", ("training",)),
    Setting("negative_patches", Whole(0, 100000), "patches of a scan centred elsewhere", ("training",)),
    Setting("flip_prob", Number(0, 1), "probability of a flip along each axis", ("training",)),
    Setting("flip_swaps_sides", Flag(), "exchange of left and right organs in a left-right flip", ("training",)),
    Setting("partial_labels", Flag(), "loss over the annotated classes of a case alone", ("training",)),
    Setting("pseudo_weight", Number(0, 1), "weight of a class of pseudo labels in the loss", ("training",)),
    Setting(
        "deep_supervision",
        Flag(),
        "loss at a half and a quarter of the resolution, too, by layers that inference does without",
        ("training",),
    ),
    Setting(
        "ema_momentum", Number(0, 1, above=True), "share of a step in the running mean of the weights", ("training",)
    ),
    Setting("patches_per_epoch", Whole(1), "generated patches of an epoch", ("training",)),
    Setting(
        "max_gradient_norm", Number(0, above=True), "largest joint norm of all gradients", ("pretraining", "training")
    ),
    Setting("block_size", Whole(1, 1024), "side of a masked block in voxels", ("pretraining", "reconstruction")),
    Setting(
        "mask_block_mm",
        Number(0, 1000, above=True, unit="mm"),
        "side of a masked block in mm, to the nearest 4, 8, 16, ... voxels; none for `block_size`",
        ("pretraining", "reconstruction"),
        optional=True,
    ),
    Setting("mask_ratio", Number(0, 1), "share of the blocks that is masked", ("pretraining", "reconstruction")),
    Setting("min_tissue", Number(0, 1), "share of tissue that a view must have", ("pretraining",)),
    Setting("max_draws", Whole(1), "draws of a view before the best so far is taken", ("pretraining",)),
    Setting(
        "recolour_prob", Number(0, 1), "probability of each change of intensity of a view; 0 for none", ("pretraining",)
    ),
    Setting("masked_prediction_weight", Number(0), "weight of the masked image prediction", ("pretraining",)),
    Setting("patch_weight", Number(0), "weight of the patch distillation", ("pretraining",)),
    Setting("image_weight", Number(0), "weight of the image distillation", ("pretraining",)),
    Setting("student_temperature", Number(0, 10, above=True), "temperature of the student", ("pretraining",)),
    Setting(
        "teacher_temperature", Number(0, 10, above=True), "temperature of the teacher at the start", ("pretraining",)
    ),
    Setting(
        "final_teacher_temperature",
        Number(0, 10, above=True),
        "temperature of the teacher after the ramp",
        ("pretraining",),
    ),
    Setting(
        "temperature_ramp_epochs", Whole(0), "epochs in which the temperature of the teacher rises", ("pretraining",)
    ),
    Setting(
        "image_temperature_delay_epochs", Whole(0), "epochs before the ramp of the image distillation", ("pretraining",)
    ),
    Setting(
        "patch_temperature_delay_epochs", Whole(0), "epochs before the ramp of the patch distillation", ("pretraining",)
    ),
    Setting("centre_momentum", Number(0, 1), "momentum of the centres of the teacher", ("pretraining",)),
    Setting("teacher_momentum", Number(0, 1), "highest momentum of the teacher at the start", ("pretraining",)),
    Setting(
        "freeze_prototypes_epochs", Whole(0), "epochs in which the last layers of the heads rest", ("pretraining",)
    ),
    Setting("picture_interval", Whole(0), "epochs between pictures of reconstructions; 0 for none", ("pretraining",)),
    Setting("save_interval", Whole(1), "epochs between checkpoints", ("pretraining",)),
    Setting(
        "collapse_patience",
        Whole(0),
        "epochs in a row that look collapsed before a training stops; 0 for never",
        ("pretraining",),
    ),
)
"""Rows of :data:`swinx.bundle.SETTINGS`."""
