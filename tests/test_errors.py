"""Errors keep file and reason on their way to the user."""

from __future__ import annotations

import pickle

from swinx.errors import CaseError, find_case_error


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
