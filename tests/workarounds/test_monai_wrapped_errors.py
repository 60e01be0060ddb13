"""The hook for uncaught errors is put in front of the one that was there, once."""

from __future__ import annotations

import sys

import pytest

from swinx.errors import CaseError
from swinx.workarounds import end_with_reason


@pytest.fixture
def seen(monkeypatch):
    """Kinds of the errors that the hook of somebody else was called with."""
    kinds: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, _error, _traceback: kinds.append(kind))
    end_with_reason()
    end_with_reason()
    return kinds


@pytest.mark.parametrize("error", [KeyError("lost"), KeyboardInterrupt()])
def test_the_hook_that_was_there_gets_what_is_no_known_reason_once(seen, error):
    sys.excepthook(type(error), error, None)
    assert seen == [type(error)]


def test_the_hook_that_was_there_does_not_get_a_known_reason(seen, capsys):
    sys.excepthook(CaseError, CaseError("scan.nii.gz", "single slice"), None)
    assert seen == []
    assert capsys.readouterr().err.count("stopped: scan.nii.gz: single slice") <= 1
