"""What swinx refuses, warns of and repairs: the tables behind its messages and behind the page that lists them."""

from __future__ import annotations

from swinx.rules.dicom import HeaderRules, RescaleRules, SeriesChoiceRules, SliceRules
from swinx.rules.figures import ScoreRules, TeacherRules
from swinx.rules.folders import LabelFolderRules, ScanFolderRules, SegRules, SeriesRules
from swinx.rules.label_maps import LabelRules, PredictionRules, TruthRules
from swinx.rules.lists import ListRules, ManifestRules
from swinx.rules.names import EntryRules, NameRules, TextRules
from swinx.rules.rule import Action, Rule, Rules
from swinx.rules.runs import LockRules, ReadingRules, ResultRules, ResumeRules
from swinx.rules.scans import ByteRules, GeometryRules, ValueRules
from swinx.rules.settings import RelationRules, SettingRules
from swinx.rules.trust import FileRules, NnUNetRules, PlainDataRules, TrackingRules
from swinx.rules.volumes import GridRules, VolumeFileRules, VoxelRules

__all__ = [
    "ALL_RULES",
    "Action",
    "ByteRules",
    "EntryRules",
    "FileRules",
    "GeometryRules",
    "GridRules",
    "HeaderRules",
    "LabelFolderRules",
    "LabelRules",
    "ListRules",
    "LockRules",
    "ManifestRules",
    "NameRules",
    "NnUNetRules",
    "PlainDataRules",
    "PredictionRules",
    "ReadingRules",
    "RelationRules",
    "RescaleRules",
    "ResultRules",
    "ResumeRules",
    "Rule",
    "Rules",
    "ScanFolderRules",
    "ScoreRules",
    "SegRules",
    "SeriesChoiceRules",
    "SeriesRules",
    "SettingRules",
    "SliceRules",
    "TeacherRules",
    "TextRules",
    "TrackingRules",
    "TruthRules",
    "ValueRules",
    "VolumeFileRules",
    "VoxelRules",
]

ALL_RULES: dict[str, tuple[type[Rules], ...]] = {
    "Files of scans and label maps": (VolumeFileRules, ByteRules, VoxelRules, ValueRules),
    "Geometry": (GridRules, GeometryRules),
    "DICOM series": (HeaderRules, SeriesChoiceRules, SliceRules, RescaleRules),
    "Label maps, refinement, predictions of others": (LabelRules, TruthRules, PredictionRules),
    "Folders": (LabelFolderRules, ScanFolderRules, SegRules, SeriesRules),
    "Names, data lists and tables": (NameRules, ListRules, EntryRules, ManifestRules, TextRules),
    "Runs and their results": (LockRules, ReadingRules, ResumeRules, ResultRules),
    "Settings": (SettingRules, RelationRules),
    "Files and settings from others": (PlainDataRules, FileRules, NnUNetRules, TrackingRules),
    "Figures": (ScoreRules, TeacherRules),
}
"""The tables by the heading of their section."""
