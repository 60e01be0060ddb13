"""Hashes of files: one implementation, and values that records of earlier runs have."""

from __future__ import annotations

import hashlib

from swinx.files import file_sha256, files_sha256, json_sha256


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path):
    content = bytes(range(256)) * 8192
    (tmp_path / "scan.nii").write_bytes(content)
    assert file_sha256(tmp_path / "scan.nii") == hashlib.sha256(content).hexdigest()


def test_the_hash_of_several_files_is_that_of_a_list_of_names_and_hashes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.raw").write_bytes(name.encode())
    files = [("1.raw", tmp_path / "a" / "1.raw"), ("1.raw", tmp_path / "b" / "1.raw")]
    text = "{}" + "".join(f"1.raw {hashlib.sha256(content).hexdigest()}\n" for content in (b"a", b"b"))
    assert files_sha256(files, "{}") == hashlib.sha256(text.encode()).hexdigest()
    assert files_sha256(files) != files_sha256(files[::-1])


def test_the_hash_of_content_depends_on_values_and_not_on_the_order_of_keys():
    assert json_sha256({"a": 1, "b": [2]}) == json_sha256({"b": [2], "a": 1})
    assert json_sha256({"a": 1}) != json_sha256({"a": 2})
    assert json_sha256([1, 2]) != json_sha256([2, 1])
