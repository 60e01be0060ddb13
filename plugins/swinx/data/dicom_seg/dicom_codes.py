"""SNOMED CT codes of the classes, for DICOM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from swinx.labels import FlareLabel

__all__ = ["SEGMENT_CODES", "SegmentCode"]


@dataclass(frozen=True)
class SegmentCode:
    """Coded name of a class; all values are of the scheme SCT.

    Attributes:
        category: Value and meaning, from CID 7150, Segmentation Property Category.
        kind: Value and meaning, from CID 7192 for anatomical structures and CID 7194 for abnormal ones.
        side: Value and meaning, from CID 244, Laterality; None where there is but one.
    """

    category: tuple[str, str]
    kind: tuple[str, str]
    side: tuple[str, str] | None = None


_ANATOMICAL = ("91723000", "Anatomical Structure")
_ABNORMAL = ("49755003", "Morphologically Abnormal Structure")
_RIGHT, _LEFT = ("24028007", "Right"), ("7771000", "Left")
_KIDNEY, _ADRENAL_GLAND = ("64033007", "Kidney"), ("23451007", "Adrenal gland")

SEGMENT_CODES: Mapping[FlareLabel, SegmentCode] = MappingProxyType(
    {
        FlareLabel.LIVER: SegmentCode(_ANATOMICAL, ("10200004", "Liver")),
        FlareLabel.RIGHT_KIDNEY: SegmentCode(_ANATOMICAL, _KIDNEY, _RIGHT),
        FlareLabel.SPLEEN: SegmentCode(_ANATOMICAL, ("78961009", "Spleen")),
        FlareLabel.PANCREAS: SegmentCode(_ANATOMICAL, ("15776009", "Pancreas")),
        FlareLabel.AORTA: SegmentCode(_ANATOMICAL, ("15825003", "Aorta")),
        FlareLabel.INFERIOR_VENA_CAVA: SegmentCode(_ANATOMICAL, ("64131007", "Inferior vena cava")),
        FlareLabel.RIGHT_ADRENAL_GLAND: SegmentCode(_ANATOMICAL, _ADRENAL_GLAND, _RIGHT),
        FlareLabel.LEFT_ADRENAL_GLAND: SegmentCode(_ANATOMICAL, _ADRENAL_GLAND, _LEFT),
        FlareLabel.GALLBLADDER: SegmentCode(_ANATOMICAL, ("28231008", "Gallbladder")),
        FlareLabel.ESOPHAGUS: SegmentCode(_ANATOMICAL, ("32849002", "Esophagus")),
        FlareLabel.STOMACH: SegmentCode(_ANATOMICAL, ("69695003", "Stomach")),
        FlareLabel.DUODENUM: SegmentCode(_ANATOMICAL, ("38848004", "Duodenum")),
        FlareLabel.LEFT_KIDNEY: SegmentCode(_ANATOMICAL, _KIDNEY, _LEFT),
        FlareLabel.TUMOR: SegmentCode(_ABNORMAL, ("108369006", "Neoplasm")),
    }
)
"""Class to code, after DICOM PS3.16. The tumour of FLARE-23 is any lesion taken for a tumour, benign or malignant."""
