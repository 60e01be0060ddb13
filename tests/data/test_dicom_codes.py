"""segment_codes: every class has a code; of known structures, one that DICOM lists for its purpose."""

from __future__ import annotations

import logging

import pytest
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from swinx.data import segment_codes
from swinx.labels import FLARE23, known_label_sets, read_label_set

SEGMENT_CODES = segment_codes(FLARE23)
LABELS = list(FLARE23.foreground)
TUMOR = FLARE23.lesions[0]


def in_cid(code: tuple[str, str], cid: str) -> bool:
    """Say whether a context group of PS3.16 lists this value with this very meaning."""
    group = getattr(codes, cid)
    listed = [getattr(group, keyword) for keyword in group.dir()]
    return any((item.value, item.scheme_designator, item.meaning) == (code[0], "SCT", code[1]) for item in listed)


def test_every_class_but_the_background_has_a_code():
    assert set(SEGMENT_CODES) == set(LABELS)


@pytest.mark.parametrize("label", LABELS, ids=FLARE23.names[1:])
def test_each_code_is_in_the_context_group_that_dicom_names_for_it(label):
    code = SEGMENT_CODES[label]
    assert code.scheme == "SCT"
    assert in_cid(code.category, "cid7150")
    assert in_cid(code.kind, "cid7192" if label in FLARE23.organs else "cid7194")
    assert code.side is None or in_cid(code.side, "cid244")


@pytest.mark.parametrize("label", LABELS, ids=FLARE23.names[1:])
def test_each_code_means_what_the_class_is_called(label):
    code = SEGMENT_CODES[label]
    meaning = " ".join(part[1] for part in (code.side, code.kind) if part).lower()
    assert meaning == {"tumor": "neoplasm"}.get(FLARE23.names[label], FLARE23.names[label])


def test_the_category_tells_organs_from_tumours():
    assert {SEGMENT_CODES[label].category[1] for label in FLARE23.organs} == {"Anatomical Structure"}
    assert SEGMENT_CODES[TUMOR].category[1] == "Morphologically Abnormal Structure"


def test_paired_organs_differ_in_their_side_alone():
    for right, left in FLARE23.pairs:
        assert SEGMENT_CODES[right].kind == SEGMENT_CODES[left].kind
        assert (SEGMENT_CODES[right].side[1], SEGMENT_CODES[left].side[1]) == ("Right", "Left")
    paired = {label for pair in FLARE23.pairs for label in pair}
    assert {label for label in LABELS if SEGMENT_CODES[label].side} == paired


@pytest.mark.parametrize("name", ["amos", "btcv", "flare22", "flare23"])
def test_no_two_classes_share_a_code(name):
    found = segment_codes(read_label_set(name)).values()
    assert len({(code.kind, code.side) for code in found}) == len(found)


@pytest.mark.parametrize("name", known_label_sets())
def test_all_values_fit_into_dicom(name):
    for code in segment_codes(read_label_set(name)).values():
        for value, meaning in filter(None, (code.category, code.kind, code.side)):
            assert 0 < len(value) <= 16
            assert 0 < len(meaning) <= 64


def test_a_class_without_a_code_has_a_private_one_that_means_its_name_and_is_told_once(caplog):
    names = [
        "gizzard",
        "left crop sac",
        "proventriculus of birds",
        "proventriculus of bird embryos",
        "Kaumagen",
        "Κρέας",
    ]
    label_set = read_label_set({"background": 0, **{name: index for index, name in enumerate(names, 1)}, "liver": 9})
    with caplog.at_level(logging.WARNING):
        found = segment_codes(label_set)
        assert segment_codes(label_set) == found
    assert [code.scheme for code in found.values()] == ["99SWINX"] * 6 + ["SCT"]
    assert [code.kind[1] for code in found.values()] == [*names, "Liver"]
    values = [code.kind[0] for code in found.values()]
    assert values[:2] == ["gizzard", "left_crop_sac"]
    assert len(set(values)) == len(values)
    assert all(value.isascii() and 0 < len(value) <= 16 for value in values)
    assert found[2].side == ("7771000", "Left")
    told = [record.message for record in caplog.records]
    assert len(told) == 1
    assert "gizzard, left crop sac, " in told[0]
    assert "liver" not in told[0]


def test_a_private_code_does_not_depend_on_the_other_classes():
    first = segment_codes(read_label_set({"background": 0, "proventriculus of birds": 1}))
    second = segment_codes(read_label_set({"background": 0, "gizzard": 1, "proventriculus of birds": 2}))
    assert first[1] == second[2]


def test_a_wrong_code_would_be_found():
    assert not in_cid(("10200004", "Spleen"), "cid7192")
    assert Code("10200004", "SCT", "Liver") == codes.SCT.Liver
