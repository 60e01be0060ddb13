"""Names of cases, under which results are filed."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

from swinx.data.formats.file_formats import DICOM_SUFFIXES, bare_name, volume_suffix
from swinx.files import absolute_path
from swinx.rules import NameRules
from swinx.visible_text import visible

__all__ = ["MAX_NAME_BYTES", "case_name", "composed", "name_fault", "record_path"]

MAX_NAME_BYTES = 233
"""Longest name in bytes of UTF-8: file systems allow 255 for a file, and ``_reconstruction.nii.gz`` takes 22."""

_SHOWN = 60
_CHANNEL_SUFFIX = "_0000"
_FIXED = (
    "cases", "check", "cohort", "datalist", "dataset", "environment", "manifest", "metadata", "mlflow_run", "model",
    "plans", "probe", "run", "scores", "student", "summary", "training",
)  # fmt: skip
_TAKEN = re.compile(rf"({'|'.join(_FIXED)})(\.case)*", re.IGNORECASE)


def composed(name: str) -> str:
    r"""Return a name in composed Unicode (NFC), in which names that look the same are equal.

    Examples:
        >>> composed("Mu\u0308ller") == "M\u00fcller"
        True
    """
    return unicodedata.normalize("NFC", name)


def case_name(path: str | os.PathLike[str]) -> str:
    """Return the name under which results of a scan are filed: no folder, extension or ``_0000``.

    Names are in composed form (NFC), so that those of macOS and of others are equal.

    A DICOM slice stands for its series and is named after its folder.

    Examples:
        >>> case_name("imagesVal/FLARE23Ts_0001_0000.nii.gz")
        'FLARE23Ts_0001'
        >>> case_name("patients/1.2.840.113/")
        '1.2.840.113'
        >>> case_name("patients/anna/IM0001.dcm")
        'anna'
    """
    place = absolute_path(path)
    name = composed(place.parent.name if volume_suffix(place) in DICOM_SUFFIXES else bare_name(place))
    return name.removesuffix(_CHANNEL_SUFFIX) or name


def name_fault(case: object) -> str | None:
    """Return the reason why a name cannot name a file of results, as a sentence; None if it can.

    Args:
        case: The name, as a data list or a file system has it.
    """
    if not isinstance(case, str):
        return NameRules.NO_TEXT.says(case=visible(repr(case))[:_SHOWN])
    rule = _broken_rule(case)
    if rule is NameRules.LONG:
        found = len(case.encode())
        return rule.says(case=f"{case[:_SHOWN]}...", found=found, allowed=MAX_NAME_BYTES)
    return None if rule is None else rule.says(case=case if len(case) <= _SHOWN else f"{case[:_SHOWN]}...")


def record_path(folder: str | os.PathLike[str], case: str) -> Path:
    """Return the path of a case's record in a folder of results: ``<case>.json``.

    Runs write files of their own into the same folder, such as ``cases.json``. A case of such a name has its record in
    ``cases.case.json``, and no two cases share a file.

    Examples:
        >>> [record_path("out", case).name for case in ("a", "cases", "cases.case")]
        ['a.json', 'cases.case.json', 'cases.case.case.json']
    """
    return Path(folder) / f"{case}{'.case' if _TAKEN.fullmatch(case) else ''}.json"


def _broken_rule(case: str) -> NameRules | None:
    if not case.strip():
        return NameRules.EMPTY
    if any("\ud800" <= character <= "\udfff" for character in case):
        return NameRules.NOT_UNICODE
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in case):
        return NameRules.CONTROL
    if set(case) & set("/\\"):
        return NameRules.FOLDER
    if case.startswith("."):
        return NameRules.HIDDEN
    return NameRules.LONG if len(case.encode()) > MAX_NAME_BYTES else None
