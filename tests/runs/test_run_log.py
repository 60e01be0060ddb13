"""start_log: everything at INFO or above in one file, and the reason of a failure last."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from swinx.errors import CaseError
from swinx.runs import require_writable, start_log


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    """Give the process its hook, handlers and level back."""
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out" / "training.log"


def test_what_any_logger_says_at_info_or_above_is_in_the_file(path):
    assert start_log(str(path)) == path
    logging.getLogger("some.library").info("an epoch")
    logging.getLogger("swinx").error("a fault")
    logging.getLogger("some.library").debug("a detail")
    lines = path.read_text().splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["INFO some.library: an epoch", "ERROR swinx: a fault"]


def test_starting_twice_writes_each_line_once(path):
    start_log(str(path))
    start_log(str(path))
    logging.getLogger("swinx").info("once")
    assert path.read_text().count("once") == 1


def test_a_log_that_is_there_is_added_to(path):
    path.parent.mkdir()
    path.write_text("yesterday\n")
    start_log(str(path))
    logging.getLogger("swinx").info("today")
    assert path.read_text().startswith("yesterday\n")
    assert path.read_text().endswith("today\n")


def test_all_but_the_first_process_write_no_file(path):
    handlers = list(logging.getLogger().handlers)
    assert start_log(str(path), enabled=False) is None
    assert logging.getLogger().handlers == handlers
    assert not path.parent.exists()


@pytest.mark.parametrize(("before", "after"), [("WARNING", "INFO"), ("NOTSET", "INFO"), ("DEBUG", "DEBUG")])
def test_the_level_is_lowered_to_info_and_never_raised(path, before, after):
    logging.getLogger().setLevel(before)
    start_log(str(path))
    assert logging.getLogger().level == getattr(logging, after)


def test_a_path_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "training.log"
    handlers = list(logging.getLogger().handlers)
    with pytest.raises(OSError, match=f"cannot write the log {path}: .*choose another output folder"):
        start_log(str(path))
    assert logging.getLogger().handlers == handlers


def test_a_known_reason_stands_alone_in_the_terminal_and_after_its_traceback_in_the_log(path, capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    start_log(str(path))
    wrapped = RuntimeError("while parsing the config")
    wrapped.__cause__ = CaseError("scan.nii.gz", "single slice")
    sys.excepthook(RuntimeError, wrapped, None)
    assert path.read_text().endswith("ERROR swinx: stopped: scan.nii.gz: single slice\n")
    assert "RuntimeError: while parsing the config" in path.read_text()
    assert capsys.readouterr().err == "stopped: scan.nii.gz: single slice\n"


def test_an_unknown_error_shows_its_traceback_in_the_terminal_too(path, capsys):
    start_log(str(path))
    sys.excepthook(KeyError, KeyError("lost"), None)
    assert "KeyError: 'lost'" in capsys.readouterr().err
    assert path.read_text().endswith("ERROR swinx: stopped: KeyError: 'lost'\n")


def test_a_traceback_of_a_known_reason_that_monai_logs_stays_out_of_the_terminal(path):
    shown = io.StringIO()
    logging.getLogger().addHandler(logging.StreamHandler(shown))
    start_log(str(path))
    for error in (CaseError("scan.nii.gz", "single slice"), KeyError("lost")):
        logging.getLogger("monai").error("Exception: %s", error, exc_info=error)
    assert "single slice" not in shown.getvalue()
    assert "lost" in shown.getvalue()
    assert "single slice" in path.read_text()


def test_an_interrupt_by_the_user_is_no_error(path):
    start_log(str(path))
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert path.read_text() == ""


def test_a_place_for_the_result_is_tried_and_left_empty(tmp_path):
    require_writable(str(tmp_path / "models" / "model.pt"))
    assert list((tmp_path / "models").iterdir()) == []


def test_a_place_that_cannot_be_written_is_named_before_the_work(tmp_path):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "model.pt"
    with pytest.raises(OSError, match=f"cannot write {path}: "):
        require_writable(str(path))


def test_a_file_name_forges_no_line_of_the_log_or_of_the_console(path):
    shown = io.StringIO()
    console = logging.StreamHandler(shown)
    console.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.getLogger().addHandler(console)
    start_log(str(path))
    logging.getLogger("swinx").info("saved %s", "a\nERROR forged\r\x1b[2Kb\udcff.nii.gz")
    logging.getLogger("swinx").error("failed: %s", CaseError("a\nERROR forged", "why"))
    for text in (path.read_text(encoding="utf-8"), shown.getvalue()):
        assert not [line for line in text.splitlines() if line.startswith("ERROR forged")]
        assert "\x1b" not in text
        assert "b\\udcff.nii.gz" in text
