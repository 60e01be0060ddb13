"""SEGMENT_CODES: every class has a code that DICOM lists for its purpose."""

from __future__ import annotations

import pytest
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from swinx.data import SEGMENT_CODES
from swinx.labels import LEFT_RIGHT_PAIRS, ORGANS, FlareLabel, class_name

LABELS = list(FlareLabel)[1:]


def in_cid(code: tuple[str, str], cid: str) -> bool:
    """Say whether a context group of PS3.16 lists this value with this very meaning."""
    group = getattr(codes, cid)
    listed = [getattr(group, keyword) for keyword in group.dir()]
    return any((item.value, item.scheme_designator, item.meaning) == (code[0], "SCT", code[1]) for item in listed)


def test_every_class_but_the_background_has_a_code():
    assert set(SEGMENT_CODES) == set(LABELS)


@pytest.mark.parametrize("label", LABELS, ids=lambda label: label.name)
def test_each_code_is_in_the_context_group_that_dicom_names_for_it(label):
    code = SEGMENT_CODES[label]
    assert in_cid(code.category, "cid7150")
    assert in_cid(code.kind, "cid7192" if label in ORGANS else "cid7194")
    assert code.side is None or in_cid(code.side, "cid244")


@pytest.mark.parametrize("label", LABELS, ids=lambda label: label.name)
def test_each_code_means_what_the_class_is_called(label):
    code = SEGMENT_CODES[label]
    meaning = " ".join(part[1] for part in (code.side, code.kind) if part).lower()
    assert meaning == {"tumor": "neoplasm"}.get(class_name(label), class_name(label))


def test_the_category_tells_organs_from_tumours():
    assert {SEGMENT_CODES[label].category[1] for label in ORGANS} == {"Anatomical Structure"}
    assert SEGMENT_CODES[FlareLabel.TUMOR].category[1] == "Morphologically Abnormal Structure"


def test_paired_organs_differ_in_their_side_alone():
    for right, left in LEFT_RIGHT_PAIRS:
        assert SEGMENT_CODES[right].kind == SEGMENT_CODES[left].kind
        assert (SEGMENT_CODES[right].side[1], SEGMENT_CODES[left].side[1]) == ("Right", "Left")
    paired = {label for pair in LEFT_RIGHT_PAIRS for label in pair}
    assert {label for label in LABELS if SEGMENT_CODES[label].side} == paired


def test_no_two_classes_share_a_code():
    assert len({(code.kind, code.side) for code in SEGMENT_CODES.values()}) == len(LABELS)


def test_a_wrong_code_would_be_found():
    assert not in_cid(("10200004", "Spleen"), "cid7192")
    assert Code("10200004", "SCT", "Liver") == codes.SCT.Liver
