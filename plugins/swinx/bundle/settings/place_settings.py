"""Settings of places, machines and records."""

from __future__ import annotations

from swinx.bundle.settings.kinds import Device, Either, Flag, Many, Number, Object, PathName, Text, Whole
from swinx.bundle.settings.setting import (
    NETWORKS,
    PREDICTIONS,
    PRETRAININGS,
    REFINEMENTS,
    RUNS,
    SEGMENTATIONS,
    TRAININGS,
    Setting,
    Stage,
)

__all__ = ["PLACE_SETTINGS"]

_SHARED: tuple[Stage, ...] = ("refinement", *PREDICTIONS)
_RESUMED: tuple[Stage, ...] = (*TRAININGS, *PREDICTIONS)

PLACE_SETTINGS = (
    Setting("bundle_root", PathName(), "folder of the bundle", RUNS),
    Setting(
        "dataset_dir",
        Either((PathName(), Many(PathName(), "['a.nii.gz','series']", least=1))),
        "folder of the data; for inference also a scan, or a list of scans and folders",
        RUNS,
    ),
    Setting(
        "datalist",
        PathName(),
        "JSON data list, goes before dataset_dir; without one all scans of the folder",
        (*PRETRAININGS, "teacher", "refinement", *SEGMENTATIONS),
        optional=True,
    ),
    Setting(
        "labels",
        Either(
            (Object("names and numbers, such as \"{'background': 0, 'liver': 1}\""), PathName("a name or a JSON file"))
        ),
        "label set; null for that of the weights, of the data list, or FLARE-23",
        ("probes", "teacher", *REFINEMENTS, *SEGMENTATIONS),
        optional=True,
    ),
    Setting("source_dir", PathName(), "folder of the scans that patches are generated from", ("training",)),
    Setting("output_dir", PathName(), "folder for results, log and state", RUNS),
    Setting("scores_dir", PathName(), "folder for tables of scores", ("evaluation",)),
    Setting("overlay_dir", PathName(), "folder for pictures of scores", ("evaluation",)),
    Setting("split", PathName(), "file with the cases that a training keeps for its validation", ("training",)),
    Setting("checkpoint", PathName(), "weights of the network, written by trainings and read by the others", NETWORKS),
    Setting("pretrained", PathName(), "checkpoint whose encoder a training starts from", TRAININGS, optional=True),
    Setting(
        "section",
        Either((Text(), Many(Text(), "['unlabeled','training']", least=1))),
        "section of the data list, or a list of sections",
        (*PRETRAININGS, "teacher", *PREDICTIONS),
    ),
    Setting(
        "sections",
        Either((Text(), Many(Text(), "['training','unlabeled']", least=1))),
        "sections of the data list that are refined",
        ("refinement",),
    ),
    Setting("fit_section", Text(), "section of the data list that the probes are fitted on", ("probes",)),
    Setting("exported", PathName(), "exported network", ("inference",)),
    Setting("series", Text(), "SeriesInstanceUID of the DICOM series to segment", ("inference",), optional=True),
    Setting("device", Device(), "where the network runs", (*PRETRAININGS, "teacher", *REFINEMENTS, *SEGMENTATIONS)),
    Setting(
        "amp",
        Flag(),
        "mixed precision, on a GPU; in trainings also on a processor with bfloat16",
        (*PRETRAININGS, "teacher", *SEGMENTATIONS),
    ),
    Setting("num_workers", Whole(0, 1024), "processes that load scans", (*PRETRAININGS, *REFINEMENTS, *SEGMENTATIONS)),
    Setting("num_processes", Whole(1, 1024), "processes of nnU-Net", ("teacher",)),
    Setting("cache_rate", Number(0, 1), "share of the scans kept preprocessed in memory", TRAININGS),
    Setting(
        "cache_dir",
        PathName(),
        "folder in which all scans are kept preprocessed, also for later runs",
        TRAININGS,
        optional=True,
    ),
    Setting("progress", Flag(), "progress bars", (*PRETRAININGS, *REFINEMENTS, *SEGMENTATIONS)),
    Setting(
        "is_rank_zero",
        Flag(),
        "first process of a distributed run, set by multi-GPU overlays",
        ("pretraining", "refinement", "one case", "training", *PREDICTIONS),
    ),
    Setting("rank", Whole(0, 100000), "number of the process, set by multi-GPU overlays", _SHARED),
    Setting("world_size", Whole(1, 100000), "number of processes, set by multi-GPU overlays", _SHARED),
    Setting(
        "seed",
        Whole(0, 2**32 - 1),
        "seed of all random numbers",
        ("pretraining", "reconstruction", "probes", "teacher", "training"),
    ),
    Setting("resume", Flag(), "go on from the state, or leave out the done cases, in `output_dir`", _RESUMED),
    Setting(
        "mlflow",
        Flag(),
        "tracking of the run in MLflow",
        ("pretraining", "probes", "teacher", "refinement", "training", "evaluation"),
    ),
    Setting("registered_model", Text(), "name in the model registry of MLflow", ("training",), optional=True),
    Setting(
        "time_limit_minutes",
        Number(0, above=True, unit="minutes"),
        "time after which a training stops, with its state saved",
        TRAININGS,
        optional=True,
    ),
    Setting("tracking_uri", Text(), "address of the MLflow server, in `mlflow.json`", ("tracking",), optional=True),
    Setting("experiment", Text(), "experiment of MLflow, in `mlflow.json`", ("tracking",)),
    Setting("system_metrics", Flag(), "load of the machine in MLflow, in `mlflow.json`", ("tracking",)),
    Setting("step_interval", Whole(1), "steps between rows of `steps.csv` and of MLflow", ("pretraining", "tracking")),
)
"""Rows of :data:`swinx.bundle.SETTINGS`."""
