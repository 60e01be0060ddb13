"""A run whose case fails removes what is old or its own, and nothing that another process wrote meanwhile."""

from __future__ import annotations

import subprocess
import sys

from swinx.files import EarlierFiles, write_json


def write_elsewhere(path):
    program = "import sys; from swinx.files import write_json; write_json(sys.argv[1], [1])"
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)


def test_what_was_there_before_may_be_removed_until_another_process_replaces_it(tmp_path):
    write_elsewhere(tmp_path / "a.json")
    earlier = EarlierFiles([tmp_path / "a.json"])
    assert earlier.may_remove(tmp_path / "a.json")
    write_elsewhere(tmp_path / "a.json")
    assert not earlier.may_remove(tmp_path / "a.json")


def test_what_this_process_wrote_may_be_removed_until_another_replaces_it(tmp_path):
    earlier = EarlierFiles([tmp_path / "a.json"])
    write_json(tmp_path / "a.json", {})
    assert earlier.may_remove(tmp_path / "a.json")
    write_elsewhere(tmp_path / "a.json")
    assert not earlier.may_remove(tmp_path / "a.json")


def test_what_is_not_there_is_not_removed(tmp_path):
    assert not EarlierFiles([tmp_path / "a.json"]).may_remove(tmp_path / "a.json")
