"""Manifests of annotated classes: names are text, in one composition, whoever wrote the file."""

from __future__ import annotations

import json
import unicodedata

import pytest

from swinx.data import load_annotated_manifest, look_up_annotated
from swinx.data.lists.annotated_manifest import manifest_notes
from swinx.errors import DataListError

NFC, NFD = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))


@pytest.mark.parametrize("case", ["NA", "NULL", "None", "nan", "001", "1e5", "true", "-1", NFC])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_name_is_text_in_csv_and_json_of_any_encoding(tmp_path, case, encoding):
    (tmp_path / "m.csv").write_bytes(f"case,annotated\r\n{case},1 2\r\n".encode(encoding))
    (tmp_path / "m.json").write_bytes(json.dumps({case: [2, 1]}, ensure_ascii=False).encode(encoding))
    for name in ("m.csv", "m.json"):
        assert load_annotated_manifest(tmp_path / name) == {case: [1, 2]}


@pytest.mark.parametrize("row", [NFD, f"{NFD[:3]}*"])
def test_rows_and_patterns_match_a_name_of_other_composition(tmp_path, row):
    (tmp_path / "m.json").write_text(json.dumps({row: [1]}))
    manifest = load_annotated_manifest(tmp_path / "m.json")
    assert look_up_annotated(manifest, NFC) == look_up_annotated(manifest, NFD) == [1]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("m.json", '{"a": [1], "a": [2]}', "key 'a' stands twice"),
        ("m.json", json.dumps({NFC: [1], NFD: [2]}), "has two rows"),
        ("m.csv", "case,annotated\na,1\na,2\n", "case a has two rows"),
        ("m.csv", "case;annotated\na;1\n", "columns .* instead of case, annotated"),
        ("m.csv", "case,annotated\na,livver\n", "'livver' is no class id"),
        ("m.csv", f"case,annotated\na,{'9' * 5000}\n", "is no class id"),
        ("m.csv", "", "it is empty"),
        ("m.json", '{"a": [99]}', "not a list of class ids"),
    ],
)
def test_an_unusable_manifest_is_named(tmp_path, name, content, fault):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataListError, match=rf"{name}.*{fault}"):
        load_annotated_manifest(tmp_path / name)


def test_a_manifest_in_the_home_of_an_unknown_user_is_named():
    with pytest.raises(DataListError, match=r"nobody-of-this-name/m\.json: cannot read the manifest"):
        load_annotated_manifest("~nobody-of-this-name/m.json")


def test_rows_that_match_no_case_and_cases_without_a_row_are_named():
    manifest = {"a_*": [1], f"b_{NFC}": [1], "a_2": [2], "c_*": [1], "annna": [3]}
    cases = ["a_1", "a_2", f"b_{NFD}", "d"]
    unused, uncovered = manifest_notes("m.csv", manifest, cases, ["a_1", "d"])
    assert unused.startswith("m.csv: 2 rows match no case")
    assert unused.endswith(": c_*, annna")
    assert uncovered == "m.csv: 1 labelled cases have no row and count as complete: d"
    (inferred,) = manifest_notes("m.csv", {"a_*": [1]}, cases, ["d"], infer=True)
    assert inferred == "m.csv: 1 labelled cases have no row, and what occurs in them counts as annotated: d"
    assert manifest_notes("m.csv", {"*": [1]}, cases, cases) == ()
