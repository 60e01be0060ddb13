"""Codes of the classes, for DICOM."""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from swinx.labels import FLARE23, LabelClass, LabelSet
from swinx.rules import SegRules

__all__ = ["SegmentCode", "segment_codes"]

_ANATOMICAL = ("91723000", "Anatomical Structure")
_ABNORMAL = ("49755003", "Morphologically Abnormal Structure")
_SIDES = {"right": ("24028007", "Right"), "left": ("7771000", "Left")}
_SNOMED, _PRIVATE = "SCT", "99SWINX"
_LONGEST_VALUE = 16
_HASH_DIGITS = 8

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SegmentCode:
    """Coded name of a class.

    Attributes:
        category: Value and meaning, from CID 7150, Segmentation Property Category.
        kind: Value and meaning; those of known structures are from CID 7192 for anatomical structures and CID 7194 for
            abnormal ones.
        side: Value and meaning, from CID 244, Laterality; None where there is but one.
        scheme: Coding scheme of ``kind``: SCT, or 99SWINX for a class without a SNOMED CT code. The others are of SCT.
    """

    category: tuple[str, str]
    kind: tuple[str, str]
    side: tuple[str, str] | None = None
    scheme: str = _SNOMED


@lru_cache(maxsize=64)
def segment_codes(label_set: LabelSet = FLARE23) -> Mapping[int, SegmentCode]:
    """Return class id to code, after DICOM PS3.16; the log names the classes without a SNOMED CT code.

    Lesions are of the category of abnormal structures. The tumour of FLARE-23 is any lesion taken for a tumour, benign
    or malignant.

    Examples:
        >>> segment_codes()[2].kind, segment_codes()[2].side
        (('64033007', 'Kidney'), ('24028007', 'Right'))
    """
    if private := [each.name for each in label_set.classes if each.code is None]:
        _logger.warning("%s", SegRules.PRIVATE_CODES.says(scheme=_PRIVATE, names=", ".join(private)))
    slugs = [_slug(each.name) for each in label_set.classes]
    return MappingProxyType(
        {
            label: _code(label_set[label], unique=slugs.count(slug) == 1)
            for label, slug in zip(label_set.foreground, slugs, strict=True)
        }
    )


def _code(each: LabelClass, unique: bool) -> SegmentCode:
    category = _ABNORMAL if each.is_lesion else _ANATOMICAL
    side = None if each.side is None else _SIDES[each.side]
    if each.code is not None:
        return SegmentCode(category, each.code, side)
    slug = _slug(each.name)
    if not unique or not 0 < len(slug) <= _LONGEST_VALUE:
        digits = hashlib.sha256(each.name.encode()).hexdigest()[:_HASH_DIGITS]
        slug = f"{slug[: _LONGEST_VALUE - _HASH_DIGITS - 1]}_{digits}"
    return SegmentCode(category, (slug, each.name), side, _PRIVATE)


def _slug(name: str) -> str:
    """Return the letters and digits of a name that DICOM's default character set has, words joined by ``_``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "_".join(re.findall(r"[A-Za-z0-9]+", plain))
