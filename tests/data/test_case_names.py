"""Case names: composed text that can name a file, and a record of its own for each."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swinx.data import name_fault, record_path
from swinx.data.case_names import MAX_NAME_BYTES, composed

FIXED = ["cases", "summary", "mlflow_run", "scores", "probe", "check", "manifest", "datalist", "model", "Cases"]


@pytest.mark.parametrize(
    "name", ["NA", "001", "true", "a b", "Müller", "a.b", "$x_1$", "<b>", "🙂", "a" * MAX_NAME_BYTES]
)
def test_a_name_that_can_be_a_file_has_no_fault(name, tmp_path):
    assert name_fault(name) is None
    (tmp_path / f"{name}_reconstruction.nii.gz").touch()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        ("a\nb", "control"),
        ("a\0", "control"),
        ("a\u2028b", "line breaks"),
        ("a\udcff", "not valid UTF-8"),
        ("a/b", "between folders"),
        ("a\\b", "between folders"),
        (".", "hidden"),
        ("..", "hidden"),
        (".a", "hidden"),
        ("ü" * 120, "240 bytes"),
        (7, "no text"),
        (None, "no text"),
    ],
)
def test_a_name_that_cannot_be_a_file_is_named_with_the_reason_on_one_line(name, fault):
    found = name_fault(name)
    assert fault in found
    assert len(found.splitlines()) == 1
    found.encode()


@given(st.text(max_size=20))
def test_composed_names_are_equal_where_they_look_alike(name):
    assert composed(unicodedata.normalize("NFD", name)) == composed(name) == composed(composed(name))


@given(st.lists(st.tuples(st.sampled_from([*FIXED, "a", "cases.x"]), st.sampled_from(["", ".case", ".case.case"]))))
def test_no_two_cases_share_a_record_and_none_has_that_of_a_file_of_the_run(parts):
    names = {first + last for first, last in parts}
    files = {record_path("out", name).name for name in names}
    assert len(files) == len(names)
    assert not {file.lower() for file in files} & {f"{name.lower()}.json" for name in FIXED}


def test_the_record_of_an_ordinary_case_is_named_after_it():
    assert record_path("out", "a").as_posix() == "out/a.json"
