"""Names, data lists and tables that break the rules of names."""

from __future__ import annotations

import io
import json
import logging
import unicodedata
from pathlib import Path
from typing import Any

from monai.transforms import Compose

from rules.examples import example
from swinx.data import load_cases, load_data_list
from swinx.errors import DataListError
from swinx.inference import CaseDataset
from swinx.refinement import load_refinement_cases
from swinx.rules import EntryRules, NameRules, TextRules
from swinx.scoring import read_scores


def _failures(folder: Path, entry: Any, **more: Any) -> str:
    """Return the reasons that a batch reports of an entry."""
    path = folder / "list.json"
    path.write_text(json.dumps({"testing": [entry], **more}))
    found = CaseDataset(load_cases(path, "testing", need_label=True), Compose([]))
    return "\n".join(str(item.get("failure", "")) for item in found)


def _refusal(folder: Path, content: str | dict[str, Any], must_exist: bool = True) -> str:
    """Return the error of a list that is read for training."""
    path = folder / "list.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    try:
        load_data_list(path, "training", must_exist=must_exist)
    except DataListError as error:
        return str(error)
    return ""


def _log(folder: Path, content: dict[str, Any]) -> str:
    """Return the lines of the log on a list."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("swinx")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        _refusal(folder, content)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    return stream.getvalue()


@example(NameRules.NO_TEXT)
def a_name_that_is_a_number(folder: Path) -> str:
    return _failures(folder, {"case": 1, "image": "a.nii"})


@example(NameRules.EMPTY)
def an_empty_name(folder: Path) -> str:
    return _failures(folder, {"case": "", "image": "a.nii"})


@example(NameRules.FOLDER)
def a_name_that_leads_out_of_the_folder(folder: Path) -> str:
    return _failures(folder, {"case": "../a", "image": "a.nii"})


@example(NameRules.HIDDEN)
def a_name_with_a_leading_dot(folder: Path) -> str:
    return _failures(folder, {"case": ".a", "image": "a.nii"})


@example(NameRules.CONTROL)
def a_name_of_two_lines(folder: Path) -> str:
    return _failures(folder, {"case": "a\nb", "image": "a.nii"})


@example(NameRules.NOT_UNICODE)
def a_file_name_that_is_not_utf_8(folder: Path) -> str:
    return _failures(folder, {"image": "a\udcff.nii"})


@example(NameRules.LONG)
def a_name_without_room_for_an_ending(folder: Path) -> str:
    return _failures(folder, {"case": "a" * 250, "image": "a.nii"})


@example(EntryRules.NO_OBJECT)
def an_entry_that_is_a_path(folder: Path) -> str:
    return _failures(folder, "a.nii")


@example(EntryRules.NO_KEY)
def an_entry_without_a_label(folder: Path) -> str:
    return _failures(folder, {"image": "a.nii"})


@example(EntryRules.MISSPELT)
def a_key_that_lacks_a_letter(folder: Path) -> str:
    return _log(folder, {"training": [{"image": "a.nii", "label": "a.nii", "anotated": [1]}]})


@example(EntryRules.NO_PATH)
def a_path_that_is_null(folder: Path) -> str:
    return _failures(folder, {"image": None})


@example(EntryRules.OUTSIDE)
def a_path_outside_the_data_directory(folder: Path) -> str:
    return _failures(folder, {"image": "../a.nii"})


@example(EntryRules.MISSING)
def a_file_that_does_not_exist(folder: Path) -> str:
    return _refusal(folder, {"training": [{"image": "a.nii"}]})


@example(EntryRules.TWICE)
def a_case_that_is_listed_twice(folder: Path) -> str:
    return _refusal(folder, {"training": [{"case": "a", "image": "a.nii"}] * 2}, must_exist=False)


@example(EntryRules.SHARED_FILE)
def a_case_called_as_the_second_file_of_another(folder: Path) -> str:
    listed = folder / "list.json"
    entries = [{"case": case, "image": "a.nii"} for case in ("a", "a_source")]
    listed.write_text(json.dumps({"unlabeled": entries}))
    return str(load_refinement_cases(listed)[1]["fault"])


@example(EntryRules.CLASS_IDS)
def a_class_that_there_is_not(folder: Path) -> str:
    return _failures(folder, {"image": "a.nii", "annotated": [99]})


@example(EntryRules.NOT_PLAIN)
def a_value_of_many_levels(folder: Path) -> str:
    return _failures(folder, {"image": "a.nii", "note": [[[[[[[1]]]]]]]})


@example(EntryRules.UNICODE_FORM)
def a_file_name_as_macos_writes_it(folder: Path) -> str:
    (folder / unicodedata.normalize("NFD", "Müller.nii")).touch()
    return _log(folder, {"training": [{"image": unicodedata.normalize("NFC", "Müller.nii")}]})


@example(EntryRules.HEAD)
def a_list_whose_name_is_a_number(folder: Path) -> str:
    return _refusal(folder, {"name": 7, "training": []})


@example(EntryRules.WIDE_ROOT)
def a_list_that_may_read_the_whole_disk(folder: Path) -> str:
    return _refusal(folder, {"roots": ["/"], "training": []})


@example(EntryRules.NEAR_SECTION)
def a_section_with_a_letter_missing(folder: Path) -> str:
    return _log(folder, {"trainig": [], "training": []})


@example(TextRules.UNREADABLE)
def a_list_that_is_no_json(folder: Path) -> str:
    return _refusal(folder, "{")


@example(TextRules.KEY_TWICE)
def a_section_that_stands_twice(folder: Path) -> str:
    return _refusal(folder, '{"training": [], "training": []}')


@example(TextRules.NO_TABLE)
def a_table_with_a_short_row(folder: Path) -> str:
    (folder / "scores.csv").write_text("case,liver_dsc\na\n")
    try:
        read_scores(folder / "scores.csv")
    except DataListError as error:
        return str(error)
    return ""


@example(EntryRules.LABEL_MAP)
def a_label_map_that_is_a_list(folder: Path) -> str:
    entry = {"image": "a.nii.gz", "label": "a.nii.gz", "label_map": [1, 2]}
    return _refusal(folder, {"training": [entry]}, must_exist=False)


@example(EntryRules.NO_SOURCE)
def a_source_without_a_label_map(folder: Path) -> str:
    entry = {"image": "a.nii.gz", "label": "a.nii.gz", "source": "site C"}
    return _refusal(folder, {"label_maps": {"site A": "btcv"}, "training": [entry]}, must_exist=False)


@example(EntryRules.OTHER_MEANING)
def annotated_numbers_that_mean_something_else_in_the_file(folder: Path) -> str:
    head = {"labels": {"background": 0, "liver": 1, "spleen": 2}, "label_map": {"6": "liver", "1": "spleen"}}
    entry = {"image": "a.nii.gz", "label": "a.nii.gz", "annotated": [1]}
    return _refusal(folder, {**head, "training": [entry]}, must_exist=False)
