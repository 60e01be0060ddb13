"""Cases of a refinement: an unusable entry of the list costs its own case."""

from __future__ import annotations

import json

import pytest

from swinx.data import load_refinement_cases, pending_cases
from swinx.data.refined_list import assemble_refined
from swinx.data.refinement_settings import RefinementSettings
from swinx.tables import read_table


@pytest.fixture
def listed(tmp_path):
    """A data list with one good entry and several bad ones."""
    entries = [
        {"case": "NA", "image": "a.nii.gz"},
        {"case": "a\nb", "image": "b.nii.gz"},
        {"case": "c", "image": "../c.nii.gz"},
        {"image": "d\0.nii.gz"},
    ]
    (tmp_path / "datalist.json").write_text(json.dumps({"unlabeled": entries, "validation": [{"image": "v.nii"}, 7]}))
    return tmp_path / "datalist.json"


def test_an_unusable_entry_is_a_pending_case_with_its_fault(listed, tmp_path):
    items = load_refinement_cases(listed)
    assert [item["case"] for item in items] == ["NA", "unlabeled[1]", "c", "unlabeled[3]"]
    assert ["fault" in item for item in items] == [False, True, True, True]
    assert pending_cases(items, tmp_path / "out", "settings") == items


def test_the_outcome_names_every_case_as_the_list_does_and_takes_over_good_entries(listed, tmp_path):
    items = load_refinement_cases(listed)
    failures = [{"case": item["case"], "reason": item["fault"]} for item in items if "fault" in item]
    settings = RefinementSettings("0", {})
    assemble_refined(items, tmp_path / "out", listed, settings, failures=failures)
    table = read_table(tmp_path / "out" / "cases.csv", text=("case", "reason"))
    assert list(table["case"]) == ["NA", "unlabeled[1]", "c", "unlabeled[3]"]
    assert "outside the data directory" in table["reason"][2]
    written = json.loads((tmp_path / "out" / "datalist.json").read_text())
    assert [entry["case"] for entry in written["validation"]] == ["v"]
