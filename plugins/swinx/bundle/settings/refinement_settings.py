"""Settings of teachers and of the refinement of labels."""

from __future__ import annotations

from swinx.bundle.settings.kinds import Choice, Either, Flag, Many, Number, Object, PathName, Text, Whole
from swinx.bundle.settings.setting import REFINEMENTS, Setting

__all__ = ["REFINEMENT_SETTINGS"]

REFINEMENT_SETTINGS = (
    Setting(
        "teacher_dir",
        PathName(),
        "folder of the model, or of the predictions, of the teacher",
        ("refinement", "one case", "rounds"),
    ),
    Setting("teacher_bundle", PathName(), "bundle that is the teacher", ("refinement",)),
    Setting("teacher_checkpoint", PathName(), "weights of the bundle that is the teacher", ("refinement",)),
    Setting(
        "teacher_overrides",
        Object("settings by name, such as \"{'overlap': 0.25}\""),
        "settings of the bundle that is the teacher",
        ("refinement",),
    ),
    Setting("teacher_source", PathName(), "file or folder that the run of the teacher wrote", ("refinement",)),
    Setting(
        "label_map",
        Either((Object("classes by name, such as \"{'liver': 1}\""), PathName("the name of a label set"))),
        "class of each class of the teacher",
        REFINEMENTS,
        optional=True,
    ),
    Setting(
        "folds",
        Either((Many(Either((Whole(0, 4), Choice(("all",)))), "[0]", least=1), Whole(0, 4), Choice(("all",)))),
        "folds of nnU-Net; null for those that are trained, or that the cases allow",
        ("teacher", "refinement", "one case"),
        optional=True,
    ),
    Setting("per_fold", Flag(), "prediction of each fold for the rules on disagreement", REFINEMENTS),
    Setting("confidence", Flag(), "confidence of the teacher for the rule `MinimumConfidence`", REFINEMENTS),
    Setting(
        "annotated",
        Either((Many(Either((Whole(0, 254), Text())), "[1,2,3]"), PathName())),
        "annotated classes, a manifest of them, or `inferred`",
        REFINEMENTS,
        optional=True,
    ),
    Setting("label", PathName(), "partial label of the case", ("one case",), optional=True),
    Setting("pseudo_tumor", Flag(), "pseudo labels of tumor", REFINEMENTS),
    Setting("check_volumes", Flag(), "rule against organs of the teacher of implausible volume", REFINEMENTS),
    Setting(
        "volume_ranges",
        PathName(),
        "JSON file of least and largest volumes in ml; null for those of the package",
        REFINEMENTS,
        optional=True,
    ),
    Setting("drop_unpredicted", Flag(), "rule against classes that the teacher predicts in no case", ("refinement",)),
    Setting(
        "previous_rounds",
        Many(PathName(), "['round_1']"),
        "folders of earlier refinements to compare with",
        REFINEMENTS,
    ),
    Setting("quantile", Number(0, 1), "share of the cases that `low_disagreement.json` keeps", ("refinement",)),
    Setting("rounds", Whole(1, 100), "rounds of refinement and training", ("rounds",)),
    Setting("configs_dir", PathName(), "folder of the configurations of the bundle", ("rounds",)),
    Setting(
        "refine_configs",
        Many(PathName(), "['inference.json','refine.json']", least=1),
        "configurations of the refinement",
        ("rounds",),
    ),
    Setting(
        "refine_overrides",
        Object("settings by name, such as \"{'sections': ['training']}\""),
        "settings of the refinement",
        ("rounds",),
    ),
    Setting("student_bundle", PathName(), "bundle that is trained", ("rounds",)),
    Setting(
        "student_configs", Many(PathName(), "['train.json']", least=1), "configurations of the student", ("rounds",)
    ),
    Setting(
        "student_overrides",
        Object("settings by name, such as \"{'max_epochs': 10}\""),
        "settings of the student",
        ("rounds",),
    ),
    Setting(
        "last_round",
        Many(PathName(), "['low_disagreement.json']"),
        "overlays for the refinement of the last round",
        ("rounds",),
    ),
    Setting("launcher", Many(Text(), "['python']", least=1), "program that starts each run", ("rounds",)),
    Setting(
        "classes",
        Either((Many(Either((Whole(1, 254), Text())), "[1,2,3]", least=1), Choice(("auto",)))),
        "classes that the teacher learns; null for all, auto for those that the cases allow",
        ("teacher",),
        optional=True,
    ),
    Setting("configuration", Choice(("2d", "3d_fullres", "3d_lowres")), "configuration of nnU-Net", ("teacher",)),
    Setting("epochs", Whole(1), "epochs of nnU-Net", ("teacher",), optional=True),
    Setting("iterations", Whole(1), "steps of an epoch of nnU-Net", ("teacher",), optional=True),
    Setting("nnunet_trainer", Text(), "trainer class of nnU-Net", ("teacher",)),
    Setting("optimizer", Choice(("SGD", "AdamW")), "optimizer of nnU-Net", ("teacher",)),
    Setting(
        "planner",
        Choice(("ExperimentPlanner", "nnUNetPlannerResEncM", "nnUNetPlannerResEncL", "nnUNetPlannerResEncXL")),
        "planner of nnU-Net",
        ("teacher",),
    ),
    Setting(
        "gpu_memory_gb",
        Number(0, above=True, unit="GB"),
        "GPU memory that nnU-Net plans for",
        ("teacher",),
        optional=True,
    ),
    Setting(
        "spacing_mm",
        Many(Number(0.1, 20, unit="mm"), "[5.0,5.0,5.0]", 3),
        "voxel size in mm of nnU-Net, as z, y, x",
        ("teacher",),
        optional=True,
    ),
    Setting("feature_divisor", Whole(1, 1024), "divisor of the channels of nnU-Net", ("teacher",)),
)
"""Rows of :data:`swinx.bundle.SETTINGS`."""
