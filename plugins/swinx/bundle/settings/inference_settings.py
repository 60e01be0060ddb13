"""Settings of inference, evaluation and probes."""

from __future__ import annotations

from swinx.bundle.settings.kinds import Choice, Either, Flag, Many, Number, Text, Whole
from swinx.bundle.settings.setting import PREDICTIONS, SEGMENTATIONS, Setting

__all__ = ["INFERENCE_SETTINGS"]

INFERENCE_SETTINGS = (
    Setting("overlap", Number(0, 0.95), "share of a window that the next one covers, too", SEGMENTATIONS),
    Setting(
        "sw_batch_size",
        Whole(1, 100000),
        "windows of a call of the network",
        ("reconstruction", "probes", "training", "inference", "evaluation"),
    ),
    Setting("backend", Choice(("plain", "torch", "openvino", "auto")), "backend that runs the network", PREDICTIONS),
    Setting("bfloat16", Either((Flag(), Choice(("auto",)))), "bfloat16 in OpenVINO", PREDICTIONS),
    Setting(
        "margin",
        Number(0, 0.5),
        "share of a window at each end that is not used where a neighbour covers it",
        PREDICTIONS,
    ),
    Setting("skip_air", Flag(), "leave out windows of air", PREDICTIONS),
    Setting("half_logits", Flag(), "logits in half precision", PREDICTIONS),
    Setting(
        "max_gpu_mb", Number(0, above=True, unit="MiB"), "largest GPU memory of a case", PREDICTIONS, optional=True
    ),
    Setting("max_ram_mb", Number(0, above=True, unit="MiB"), "largest memory of a case", PREDICTIONS, optional=True),
    Setting("max_seconds", Number(0, above=True, unit="seconds"), "longest time of a case", PREDICTIONS, optional=True),
    Setting("protocol", Choice(("auto", "flare23", "standard", "fixed")), "scoring protocol", ("evaluation",)),
    Setting("seg_type", Choice(("BINARY", "LABELMAP")), "kind of DICOM SEG", ("inference",)),
    Setting("seg_algorithm", Text(), "algorithm that a DICOM SEG names", ("inference",)),
    Setting("probe", Choice(("linear", "knn")), "classifier on the features", ("probes",)),
    Setting(
        "feature_levels", Many(Whole(0, 4), "[0,1,2,3,4]", least=1), "stages whose features are probed", ("probes",)
    ),
    Setting("max_fit_cases", Whole(1), "most cases that the probes are fitted on", ("probes",), optional=True),
    Setting("random_seeds", Whole(0, 1000), "encoders of random weights to compare with", ("probes",)),
    Setting("voxels_per_class", Whole(1), "voxels of a class and case that are probed", ("probes",)),
    Setting("include_background", Flag(), "background as a class of the probes", ("probes",)),
)
"""Rows of :data:`swinx.bundle.SETTINGS`."""
