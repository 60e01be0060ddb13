"""Tables: what is written reads back, names are text, and no spreadsheet runs them."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swinx.files import read_table, write_table

NAMES = [
    "NA",
    "NULL",
    "None",
    "nan",
    "001",
    "1e5",
    "true",
    "True",
    "",
    " a ",
    "1_000",
    "=1+1",
    "'=1",
    "''=",
    "'a",
    "-3",
]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


def test_names_that_look_like_something_else_stay_text(tmp_path):
    table = pd.DataFrame({"case": NAMES, "dsc": np.linspace(-1, 1, len(NAMES))})
    write_table(tmp_path / "t.csv", table)
    back = read_table(tmp_path / "t.csv")
    assert list(back["case"]) == NAMES
    np.testing.assert_array_equal(back["dsc"], table["dsc"])


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"])
def test_a_name_that_a_spreadsheet_would_run_is_written_as_text_and_reads_back(tmp_path, name):
    write_table(tmp_path / "t.csv", pd.DataFrame({"case": [name], "value": [-1.5]}))
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream))[1] == [f"'{name}", "-1.5"]
    assert read_table(tmp_path / "t.csv")["case"][0] == name


@pytest.mark.parametrize("name", ["=1+1", '-x "y", z', "+a", "@b", "'=c", "a,b"])
def test_a_column_that_a_spreadsheet_would_run_is_written_as_text_and_reads_back(tmp_path, name):
    table = pd.DataFrame({"case": ["a"], name: [0.5]})
    write_table(tmp_path / "t.csv", table)
    with (tmp_path / "t.csv").open(newline="") as file:
        assert not next(csv.reader(file))[1].startswith(("=", "+", "-", "@"))
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv"), table, check_dtype=False)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(TEXT, TEXT, NUMBERS, st.integers(-(2**60), 2**60)), min_size=1, max_size=5))
def test_every_table_reads_back(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "round_trip.csv"
    table = pd.DataFrame(rows, columns=["case", "reason", "score", "count"])
    write_table(path, table, missing="nan")
    back = read_table(path, text=("case", "reason"))
    for name in ("case", "reason", "count"):
        assert list(back[name]) == list(table[name])
    np.testing.assert_array_equal(back["score"].astype(float), table["score"])


def test_truth_values_counts_and_gaps_have_their_types(tmp_path):
    table = pd.DataFrame({"case": ["a", "b"], "refined": [True, False], "n": [1, 2], "x": [0.5, np.nan]})
    write_table(tmp_path / "t.csv", table)
    back = read_table(tmp_path / "t.csv")
    assert [back[name].dtype.kind for name in ("refined", "n", "x")] == ["b", "i", "f"]
    assert np.isnan(back["x"][1])


def test_a_named_index_is_the_first_column_and_missing_values_have_their_text(tmp_path):
    table = pd.DataFrame({"liver_dsc": [np.nan]}, index=pd.Index(["NA"], name="case"))
    write_table(tmp_path / "t.csv", table, missing="nan")
    assert (tmp_path / "t.csv").read_bytes() == b"case,liver_dsc\nNA,nan\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_table_that_a_spreadsheet_saved_is_read(tmp_path, encoding):
    (tmp_path / "t.csv").write_bytes("case,dsc\r\nMüller,0.5\r\n\r\n".encode(encoding))
    assert read_table(tmp_path / "t.csv").to_dict("list") == {"case": ["Müller"], "dsc": [0.5]}


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"", "it is empty"), (b"a,b\n1\n", "row 2 has 1 cells"), (b"a,a\n1,2\n", "'a' stands twice"), (b"\xff\xff", "")],
)
def test_what_is_no_table_is_named(tmp_path, content, fault):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"t\.csv: not a table: .*{fault}"):
        read_table(tmp_path / "t.csv")


def test_a_file_name_that_is_not_utf_8_does_not_cost_the_table(tmp_path):
    write_table(tmp_path / "t.csv", pd.DataFrame({"file": ["a\udcff.nii.gz"]}, dtype=object))
    assert "a\\udcff.nii.gz" in (tmp_path / "t.csv").read_text()
