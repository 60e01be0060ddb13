"""write_atomic: a file is written completely, or is as it was."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from support.disks import nearly_full_disk
from swinx.files import read_json, write_atomic, write_json, write_several_atomic
from swinx.files.partial_files import remove_leftovers


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    return path


def test_the_file_appears_only_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "folder" / "table.csv"
    with write_atomic(path) as partial:
        partial.write_text("half")
        assert not path.exists()
        partial.write_text("whole")
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError("a fault"), KeyboardInterrupt()])
def test_an_exception_leaves_the_old_file_and_no_other(target, error):
    with pytest.raises(type(error)), write_atomic(target) as partial:  # noqa: PT012
        partial.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def test_a_full_disk_leaves_the_old_file_and_names_it(target):
    with nearly_full_disk(10), pytest.raises(OSError, match=f"cannot write {target}: .*choose another"):
        write_json(target, list(range(100)))
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_that_cannot_be_made_is_named(target):
    inside = target / "folder" / "table.csv"
    with pytest.raises(OSError, match=f"cannot write {inside}: .*choose another"), write_atomic(inside):
        pytest.fail("the block must not be entered")


def test_a_folder_in_the_place_of_the_file_is_named_and_kept(tmp_path):
    folder = tmp_path / "table.csv"
    folder.mkdir()
    with pytest.raises(OSError, match=f"cannot write {folder}: ") as caught:
        write_json(folder, {})
    assert ".table.csv." not in str(caught.value), "the temporary name is none of the user's business"
    assert list(tmp_path.iterdir()) == [folder]


def test_errors_of_other_files_keep_their_own_words(target):
    with pytest.raises(FileNotFoundError, match=r"source\.csv"), write_atomic(target):
        (target.parent / "source.csv").read_text()


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_those_of_an_ordinary_new_file(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_json(tmp_path / "a.json", {})
    finally:
        assert os.umask(before) == umask, "the process's own mask must not change"
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == mode


def test_the_suffix_is_that_of_the_partial_file(tmp_path):
    with write_atomic(tmp_path / "a.nii.gz", suffix=".nii.gz") as partial:
        assert partial.name.endswith(".nii.gz")
        assert partial.name.startswith("."), "searches for scans skip hidden files"


def test_what_json_cannot_express_leaves_no_file(tmp_path):
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(tmp_path / "a.json", {"set": {1}})
    assert list(tmp_path.iterdir()) == []


def test_json_reads_back(tmp_path):
    write_json(tmp_path / "a.json", {"ä": [1, 2.5, None]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"ä": [1, 2.5, None]}


WRITER = """
import os, signal, sys
from swinx.files import write_several_atomic, write_atomic
with write_atomic(sys.argv[1] + "/table.csv") as partial, write_several_atomic(sys.argv[1] + "/model.xml") as folder:
    partial.write_text("half")
    (folder / "model.bin").write_text("half")
    print(partial, flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def writer(folder: Path) -> subprocess.Popen[str]:
    """A process that is writing two files, and kills itself when it is told."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_there_and_nothing_else(tmp_path):
    others = [".hidden", ".table.csv.x1y2", "a.partial", "table.csv"]
    for name in others:
        (tmp_path / name).touch()
    with writer(tmp_path) as killed:
        killed.communicate("now")
    assert len(list(tmp_path.iterdir())) == len(others) + 2
    write_json(tmp_path / "other.json", {})
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "other.json"])


def test_what_another_process_is_writing_stays(tmp_path):
    with writer(tmp_path) as running:
        write_json(tmp_path / "other.json", {})
        assert len(list(tmp_path.iterdir())) == 3
        running.communicate("now")


def test_what_a_process_of_another_machine_left_stays_where_it_may_be_running(tmp_path):
    left = tmp_path / ".a.json.000000-1-abc.partial"
    left.touch()
    write_json(tmp_path / "other.json", {})
    assert left.exists()
    remove_leftovers(tmp_path, of_other_machines=True)
    assert [path.name for path in tmp_path.iterdir()] == ["other.json"]


def test_a_file_is_on_the_disk_before_it_gets_its_name_and_the_name_is_after(tmp_path, monkeypatch):
    done = []
    rename, sync = Path.replace, os.fsync

    def noted_sync(descriptor):
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    monkeypatch.setattr(Path, "replace", lambda *paths: done.append("rename") or rename(*paths))
    monkeypatch.setattr(os, "fsync", noted_sync)
    write_json(tmp_path / "a.json", {})
    assert done == ["file", "rename", "folder"]
    done.clear()
    with write_several_atomic(tmp_path / "model.xml") as folder:
        (folder / "model.bin").touch()
        (folder / "model.xml").touch()
    assert done == ["file", "rename", "file", "rename", "folder"]


def test_files_that_belong_together_appear_when_the_block_ends_and_their_folder_with_them(tmp_path):
    path = tmp_path / "new" / "model.xml"
    with write_several_atomic(path) as folder:
        (folder / "model.xml").write_text("graph")
        (folder / "model.bin").write_text("weights")
        assert not path.parent.exists()
    assert {file.name: file.read_text() for file in path.parent.iterdir()} == {
        "model.xml": "graph",
        "model.bin": "weights",
    }
    assert list(tmp_path.iterdir()) == [path.parent]


def test_an_exception_leaves_no_folder_and_the_files_from_before(target):
    for path in (target, target.parent / "new" / "table.csv"):
        with pytest.raises(ValueError, match="a fault"), write_several_atomic(path) as folder:  # noqa: PT012
            (folder / "table.csv").write_text("half")
            raise ValueError("a fault")
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def test_a_place_where_several_files_cannot_be_written_is_named_before_the_work(target):
    for path in (target / "inside.csv", target.parent, Path("/proc/nowhere/table.csv")):
        with pytest.raises(OSError, match=f"cannot write {path}: .*; choose another"), write_several_atomic(path):
            pytest.fail("the block must not be entered")


def test_a_full_disk_is_named_by_the_file_that_was_to_appear(target):
    with (
        nearly_full_disk(10),
        pytest.raises(OSError, match=f"cannot write {target}: .*choose another"),
        write_several_atomic(target) as folder,
    ):
        (folder / "table.csv").write_text("0" * 100)
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_json_is_read_in_the_encoding_that_another_program_gave_it(tmp_path, encoding):
    (tmp_path / "a.json").write_bytes('{"case": "Müller"}'.encode(encoding))
    assert read_json(tmp_path / "a.json") == {"case": "Müller"}


def test_a_key_that_stands_twice_is_named_since_the_first_would_be_lost(tmp_path):
    (tmp_path / "a.json").write_text('{"training": [{"case": 1}], "x": {"testing": 1, "testing": 2}}')
    with pytest.raises(ValueError, match=r"a\.json: not a list: key 'testing' stands twice"):
        read_json(tmp_path / "a.json", "a list")


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff\xfe\xfa", b"", b"[" * 100_000, b'"\xed\xa0\x80"', b"9" * 5000],
    ids=["cut", "bytes", "empty", "deep", "surrogate", "digits"],
)
def test_what_is_no_json_is_named(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.json: not JSON: "):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("name", ["a" * 240 + ".nii.gz", "ü" * 120 + ".json", "a" * 255])
def test_a_name_as_long_as_a_file_system_allows_is_written_and_its_leftovers_are_found(tmp_path, name):
    with write_atomic(tmp_path / name, suffix=".nii.gz") as partial:
        leftover = partial.with_name(partial.name.replace(".partial", "x.partial"))
        leftover.touch()
        partial.write_text("whole")
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with write_several_atomic(tmp_path / "new" / name) as folder:
        (folder / name).write_text("whole")
    assert (tmp_path / "new" / name).is_file()


def test_a_pipe_that_no_program_writes_to_does_not_stop_the_reader(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(OSError, match=r"a\.json: .*pipe"):
        read_json(tmp_path / "a.json")
