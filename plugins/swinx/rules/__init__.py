"""What swinx refuses, warns of and repairs: the tables behind its messages and behind the page that lists them."""

from __future__ import annotations

from swinx.rules.figures import ScoreRules, TeacherRules
from swinx.rules.folders import LabelFolderRules, ScanFolderRules, SegRules, SeriesRules
from swinx.rules.names import EntryRules, NameRules, TextRules
from swinx.rules.rule import Action, Rule, Rules
from swinx.rules.runs import LockRules, ReadingRules, ResumeRules
from swinx.rules.scans import ByteRules, GeometryRules, ValueRules
from swinx.rules.settings import RelationRules, SettingRules
from swinx.rules.trust import FileRules, NnUNetRules, PlainDataRules, TrackingRules

__all__ = [
    "ALL_RULES",
    "Action",
    "ByteRules",
    "FileRules",
    "GeometryRules",
    "NnUNetRules",
    "PlainDataRules",
    "Rule",
    "Rules",
    "TrackingRules",
    "ValueRules",
]

ALL_RULES: dict[str, tuple[type[Rules], ...]] = {
    "Files of scans": (ByteRules, GeometryRules, ValueRules),
    "Folders": (LabelFolderRules, ScanFolderRules, SegRules, SeriesRules),
    "Names, data lists and tables": (NameRules, EntryRules, TextRules),
    "Runs and their results": (LockRules, ReadingRules, ResumeRules),
    "Settings": (SettingRules, RelationRules),
    "Files and settings from others": (PlainDataRules, FileRules, NnUNetRules, TrackingRules),
    "Figures": (ScoreRules, TeacherRules),
}
"""The tables by the heading of their section."""
