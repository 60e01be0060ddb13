"""Locks on folders: a second run ends with a sentence that names the first, and a dead one holds nothing."""

from __future__ import annotations

import socket

import pytest

from support.other_runs import another_run
from swinx.errors import RunError
from swinx.files import hold, holding
from swinx.files.folder_lock import release


def test_a_second_run_is_told_who_is_writing(tmp_path):
    with another_run(tmp_path / "out") as first, pytest.raises(RunError, match="is being written") as refused:
        hold(tmp_path / "out")
    said = str(refused.value)
    assert str(tmp_path / "out") in said
    assert f"process {first.pid} on {socket.gethostname()}, since 2" in said
    assert "-c" in said, "the command that began it"
    assert "\n" not in said


def test_a_run_that_ends_in_order_leaves_nothing_behind(tmp_path):
    with another_run(tmp_path):
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_killed_holds_nothing(tmp_path):
    with another_run(tmp_path) as first:
        first.kill()
        first.wait()
        with holding(tmp_path):
            assert (tmp_path / ".run.lock.json").is_file()
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_the_folder_is_the_folder(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with another_run(tmp_path / "out"), pytest.raises(RunError, match="is being written"):
        hold(tmp_path / "link")


def test_a_run_may_hold_its_folder_twice_and_folders_within_are_others(tmp_path):
    with holding(tmp_path), another_run(tmp_path / "round_1"):
        assert not hold(tmp_path)


def test_a_file_is_held_alone(tmp_path):
    with another_run(tmp_path / "model.pt", is_file=True):
        with holding(tmp_path), holding(tmp_path / "other.pt", is_file=True):
            pass
        with pytest.raises(RunError, match=r"model\.pt is being written"):
            hold(tmp_path / "model.pt", is_file=True)


def test_one_that_waits_gets_the_folder_when_the_other_is_done(tmp_path):
    with another_run(tmp_path) as first:
        first.kill()
        assert hold(tmp_path, wait_seconds=10)
    release(tmp_path)


def test_where_no_lock_can_be_made_that_is_said_and_the_run_goes_on(tmp_path, caplog, monkeypatch):
    def refuse(*_, **__):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("swinx.files.folder_lock.FileLock.acquire", refuse)
    assert not hold(tmp_path)
    assert f"{tmp_path} cannot be locked (No locks available)" in caplog.text


def test_leftovers_of_other_machines_are_removed_under_the_lock(tmp_path):
    (tmp_path / ".a.json.000000-1-abc.partial").touch()
    with holding(tmp_path):
        assert not (tmp_path / ".a.json.000000-1-abc.partial").exists()
