"""Empty labels: believed where someone recorded what was looked for and not all was, refused elsewhere."""

from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from swinx.errors import CaseError
from swinx.labels import FLARE23
from swinx.training import RefuseEmptyLabeld

ALL = list(range(1, 15))
EMPTY = torch.zeros(1, 3, 3, 3, dtype=torch.uint8)


def drawn(value: int) -> torch.Tensor:
    label = EMPTY.clone()
    label[0, 1, 1, 1] = value
    return label


@pytest.mark.parametrize("record", [{"annotated": [14]}, {"annotated": [9, 14]}])
def test_nothing_found_is_a_finding(record):
    item = {"label": EMPTY, "case": "anna", **record}
    assert RefuseEmptyLabeld("label")(item) == item


@pytest.mark.parametrize("record", [{}, {"annotated": None}, {"annotated": ALL}, {"annotated": []}])
@pytest.mark.parametrize("label", [EMPTY, drawn(255)])
def test_an_empty_label_without_such_a_record_is_refused_by_name(record, label):
    with pytest.raises(CaseError, match="anna: empty label: every voxel is background or unknown"):
        RefuseEmptyLabeld("label")({"label": label, "case": "anna", **record})


def test_the_file_is_named_where_it_is_known():
    label = MetaTensor(EMPTY, meta={"filename_or_obj": "labels/anna.nii.gz"})
    with pytest.raises(CaseError, match=r"labels/anna\.nii\.gz: empty label"):
        RefuseEmptyLabeld("label")({"label": label})


@pytest.mark.parametrize("record", [{}, {"annotated": [1]}, {"annotated": ALL}])
def test_any_class_will_do(record):
    RefuseEmptyLabeld("label")({"label": drawn(3), **record})


def test_all_classes_but_one_are_not_all():
    assert FLARE23.may_be_empty(ALL[:-1])
    assert not FLARE23.may_be_empty([*ALL, 14])
