"""Tables of what swinx refuses, warns of and repairs, for its messages and the page that lists them."""

from __future__ import annotations

from swinx.rules.dicom_rules import HeaderRules, RescaleRules, SeriesChoiceRules, SliceRules, StructureSetRules
from swinx.rules.figures_rules import ScoreRules, TeacherRules
from swinx.rules.folders_rules import LabelFolderRules, ScanFolderRules, SegRules, SeriesRules
from swinx.rules.label_maps_rules import CollectionRules, LabelMaskRules, LabelRules, PredictionRules, TruthRules
from swinx.rules.label_sets_rules import LabelSetRules
from swinx.rules.lists_rules import CollectionListRules, ListRules, ManifestRules
from swinx.rules.names_rules import EntryRules, NameRules, TextRules
from swinx.rules.planning_rules import PlanningRules
from swinx.rules.rule import Rules
from swinx.rules.runs_rules import CacheRules, LockRules, ReadingRules, ResultRules, ResumeRules
from swinx.rules.scans_rules import ByteRules, GeometryRules, ValueRules
from swinx.rules.settings_rules import RelationRules, SettingRules
from swinx.rules.trust_rules import FileRules, NnUNetRules, PlainDataRules, TrackingRules
from swinx.rules.volumes_rules import GridRules, VolumeFileRules, VoxelRules
from swinx.rules.weights_rules import ModelRules, ScanInputRules, WeightsRules

__all__ = [
    "ALL_RULES",
    "ByteRules",
    "CacheRules",
    "CollectionListRules",
    "CollectionRules",
    "EntryRules",
    "FileRules",
    "GeometryRules",
    "GridRules",
    "HeaderRules",
    "LabelFolderRules",
    "LabelMaskRules",
    "LabelRules",
    "LabelSetRules",
    "ListRules",
    "LockRules",
    "ManifestRules",
    "ModelRules",
    "NameRules",
    "NnUNetRules",
    "PlainDataRules",
    "PlanningRules",
    "PredictionRules",
    "ReadingRules",
    "RelationRules",
    "RescaleRules",
    "ResultRules",
    "ResumeRules",
    "Rules",
    "ScanFolderRules",
    "ScanInputRules",
    "ScoreRules",
    "SegRules",
    "SeriesChoiceRules",
    "SeriesRules",
    "SettingRules",
    "SliceRules",
    "StructureSetRules",
    "TeacherRules",
    "TextRules",
    "TrackingRules",
    "TruthRules",
    "ValueRules",
    "VolumeFileRules",
    "VoxelRules",
    "WeightsRules",
]

ALL_RULES: dict[str, tuple[type[Rules], ...]] = {
    "Files of scans and label maps": (VolumeFileRules, ByteRules, VoxelRules, ValueRules),
    "Geometry": (GridRules, GeometryRules),
    "DICOM series": (HeaderRules, SeriesChoiceRules, SliceRules, RescaleRules, StructureSetRules),
    "Label maps, refinement, predictions of others": (
        LabelSetRules,
        LabelRules,
        LabelMaskRules,
        CollectionRules,
        TruthRules,
        PredictionRules,
    ),
    "Folders": (LabelFolderRules, ScanFolderRules, SegRules, SeriesRules),
    "Names, data lists and tables": (NameRules, ListRules, EntryRules, ManifestRules, CollectionListRules, TextRules),
    "Runs and their results": (LockRules, CacheRules, ReadingRules, ResumeRules, ResultRules),
    "Settings and weights": (SettingRules, RelationRules, PlanningRules, WeightsRules),
    "Models and scans of swinx segment": (ModelRules, ScanInputRules),
    "Files and settings from others": (PlainDataRules, FileRules, NnUNetRules, TrackingRules),
    "Figures": (ScoreRules, TeacherRules),
}
"""The tables by the heading of their section."""
