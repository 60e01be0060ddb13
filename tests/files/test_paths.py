"""Paths of users: looking at one never raises, and a name is found in the composition that the disk has."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from swinx.files import absolute_path, existing_form, expanded, is_whole_disk, real_path

ODD = ["~nobody-of-this-name/x", "a\0b", "x" * 5000, "loop", "loop/inside", "a\udcffb", ""]


@pytest.mark.parametrize("path", ODD)
def test_no_path_raises(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    for look in (absolute_path, real_path, existing_form):
        assert isinstance(look(path), Path)


@pytest.mark.parametrize("disk", ["NFC", "NFD"])
@pytest.mark.parametrize("listed", ["NFC", "NFD"])
def test_a_file_is_found_in_the_composition_that_the_disk_has(tmp_path, monkeypatch, disk, listed):
    there = tmp_path / unicodedata.normalize(disk, "Zürich") / unicodedata.normalize("NFC", "é.nii")
    there.parent.mkdir()
    there.touch()
    assert (
        existing_form(tmp_path / unicodedata.normalize(listed, "Zürich") / unicodedata.normalize(listed, "é.nii"))
        == there
    )
    monkeypatch.chdir(tmp_path)
    assert existing_form(unicodedata.normalize(listed, "Zürich/é.nii")) == there.relative_to(tmp_path)
    assert existing_form(tmp_path / "Genève") == tmp_path / "Genève", "what is not there keeps its form"


def test_links_are_followed_by_the_real_path_alone(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert absolute_path(tmp_path / "link").name == "link"
    assert real_path(tmp_path / "link").name == "file"


def test_a_whole_disk_is_told_from_a_folder_on_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert is_whole_disk(Path("/"))
    assert is_whole_disk(tmp_path)
    assert is_whole_disk(tmp_path.parent), "it holds the home folder"
    assert not is_whole_disk(tmp_path / "data")
    assert not is_whole_disk(tmp_path.with_name(tmp_path.name + "x"))


@pytest.mark.parametrize("path", ["", "~", "~/x", "~nobody-of-this-name/x"])
def test_a_home_folder_is_put_in_where_it_is_known(monkeypatch, tmp_path, path):
    monkeypatch.setenv("HOME", str(tmp_path))
    known = path[:1] == "~" and "nobody" not in path
    assert expanded(path).is_relative_to(tmp_path) == known
