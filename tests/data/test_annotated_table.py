"""annotated_table: who has what, at a glance."""

from __future__ import annotations

import json

import pytest

from swinx.cli.data_commands import DataCommands
from swinx.data import annotated_table

ITEMS = [
    {"case": "anna", "annotated": [1, 14], "annotated_source": "manifest"},
    {"case": "bert_with_a_longer_name", "annotated": [1, 2], "pseudo": [2]},
    {"case": "carl"},
]


def columns(line: str) -> list[str]:
    return line.split()[1:15]


def test_marks_stand_under_their_classes():
    head, anna, bert, carl, total, names = annotated_table(ITEMS).splitlines()
    assert columns(head) == [str(value) for value in range(1, 15)]
    assert columns(anna) == ["x", *["."] * 12, "x"]
    assert columns(bert) == ["x", "p", *["."] * 12]
    assert columns(carl) == ["?"] * 14
    assert columns(total) == ["2", "1", *["0"] * 11, "1"]
    assert anna.endswith("manifest")
    assert head.index("14") + 1 == anna.rindex("x  ")
    assert "1 liver; 2 right kidney" in names


def test_the_command_reads_a_list_and_a_manifest(tmp_path, capsys):
    entries = [{"case": "a", "image": "a.nii.gz", "label": "a_label.nii.gz", "annotated": [3]}]
    (tmp_path / "datalist.json").write_text(json.dumps({"training": entries}))
    DataCommands().annotated(str(tmp_path))
    assert columns(capsys.readouterr().out.splitlines()[1])[2] == "x"
    (tmp_path / "manifest.csv").write_text("case,annotated\n*,5 6\n")
    DataCommands().annotated(str(tmp_path / "datalist.json"), manifest=str(tmp_path / "manifest.csv"))
    row = capsys.readouterr().out.splitlines()[1]
    assert columns(row)[4:6] == ["x", "x"]
    assert columns(row)[2] == "."
    assert row.endswith("manifest")


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(ValueError, match="cannot read the data list"):
        DataCommands().annotated(str(tmp_path / "nowhere.json"))
