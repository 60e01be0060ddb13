"""Errors keep file and reason on their way to the user."""

from __future__ import annotations

import pickle

import pytest
from torch.utils.data import DataLoader, Dataset

from swinx.errors import CaseError, DataListError, TeacherError, TrainingError, WeightsError, find_case_error, reason_of


def raised(outer, inner):
    try:
        try:
            raise inner
        except type(inner) as cause:
            raise outer from cause
    except type(outer) as error:
        return error


def test_a_case_error_survives_the_trip_between_processes():
    copy = pickle.loads(pickle.dumps(CaseError("a.nii", "single slice")))
    assert (copy.path, copy.reason) == ("a.nii", "single slice")


def test_a_case_error_is_found_under_two_layers():
    fault = CaseError("a.nii", "single slice")
    assert find_case_error(raised(ValueError("x"), raised(RuntimeError("y"), fault))) is fault


def test_a_case_error_is_found_in_the_text_of_a_worker():
    text = "Caught RuntimeError\nTraceback:\nswinx.errors.CaseError: a b.nii: NaN: 3 voxels\nThe above exception"
    fault = find_case_error(RuntimeError(text))
    assert fault is not None
    assert (fault.path, fault.reason) == ("a b.nii", "NaN: 3 voxels")


def test_other_errors_hold_no_case_error():
    assert find_case_error(raised(RuntimeError("x"), KeyError("y"))) is None


def test_a_cycle_of_causes_ends():
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert find_case_error(first) is None


@pytest.mark.parametrize(
    "fault",
    [
        CaseError("a.nii", "empty"),
        DataListError("b.json: empty"),
        WeightsError("c.pt"),
        TrainingError("collapsed"),
        TeacherError("model: no plans.json"),
    ],
)
def test_the_reason_is_the_error_written_for_users_however_deep(fault):
    assert reason_of(raised(RuntimeError("a"), raised(OSError("b"), raised(KeyError("c"), fault)))) == str(fault)


def test_the_reason_is_the_sentence_about_a_file_rather_than_what_it_was_raised_from():
    sentence = OSError("cannot write out/a.json: Permission denied; choose another output folder")
    error = raised(RuntimeError("config"), raised(sentence, PermissionError(13, "Permission denied", "/out/.a.json.x")))
    assert reason_of(error) == str(sentence)


def test_the_reason_of_a_system_error_names_its_file():
    error = raised(RuntimeError("config"), FileNotFoundError(2, "No such file or directory", "scan.nii"))
    assert reason_of(error) == "scan.nii: No such file or directory"


def test_the_reason_is_else_the_innermost_cause():
    assert reason_of(raised(RuntimeError("outer"), KeyError("inner"))) == "KeyError: 'inner'"


def test_a_cause_that_was_hidden_on_purpose_is_no_reason():
    error = RuntimeError("the sentence to read")
    error.__context__, error.__suppress_context__ = KeyError("inner"), True  # as `raise ... from None` does
    assert reason_of(error) == "RuntimeError: the sentence to read"


class Broken(Dataset):
    """Every item is a bad case, wrapped as MONAI wraps it."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        try:
            raise CaseError("scan_1.nii", "NaN or infinite voxels: 3")
        except CaseError as fault:
            raise RuntimeError("applying transform") from fault


def test_the_reason_comes_out_of_a_data_loaders_worker():
    batches = iter(DataLoader(Broken(), num_workers=1))
    with pytest.raises(RuntimeError, match="Traceback") as caught:
        next(batches)
    assert list(batches) == [], "read to its end, a loader lets its workers go at once"
    assert reason_of(caught.value) == "scan_1.nii: NaN or infinite voxels: 3"


def test_a_cycle_of_causes_has_a_reason():
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert reason_of(first) == "RuntimeError: b"


def test_a_path_with_a_line_break_is_on_one_line_and_kept_as_it_is():
    error = CaseError("a\nb.nii", "why")
    assert str(error) == "a\\nb.nii: why"
    assert error.path == "a\nb.nii"
