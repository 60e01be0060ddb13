"""Data never becomes code: what plain data are, and what no setting may be."""

from __future__ import annotations

import json
import os

import pytest

from swinx.errors import RecordError
from swinx.files import check_setting_of, check_settings, file_sha256, is_program, is_setting, open_regular, read_object

CANARY = "$__import__('pathlib').Path('/tmp/swinx-canary').touch()"


@pytest.mark.parametrize(
    "value",
    [
        1,
        0.5,
        True,
        None,
        "texts of words",
        [96, 96, 96],
        {"3": [0, 1], "left kidney": "liver"},
        [[1, 2], [3]],
        "a/b.pt",
    ],
)
def test_plain_values_are_settings(value):
    check_settings({"roi_size": value}, "record")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (CANARY, r"record: setting is .\$__import__.*, and \$, @ and % make a program"),
        ("@network_def", "make a program"),
        ("%run", "make a program"),
        ("50 %", "make a program"),
        (["a", ["b", CANARY]], r"record: setting\[1\]\[1\] is "),
        ({"deep": {"er": CANARY}}, r"record: setting\.deep\.er is "),
        ({"_target_": "os.system"}, "'_target_', by which a configuration builds components"),
        ({"$x": 1}, "make a program"),
        ({"a::b": 1}, "builds components"),
        ("a\nb", "holds control characters"),
        ("a\x1b[2J", "holds control characters"),
        ("a\u202eb", "holds control characters"),
        ("x" * 1025, "a text of 1025 characters, and at most 1024"),
        (float("inf"), "setting is inf, which JSON does not know"),
        (object(), "setting is <object .*give a number"),
        ([[[[[[[1]]]]]]], "nested deeper than 6 levels"),
    ],
)
def test_what_is_more_than_a_plain_value_is_refused_in_one_line_with_its_place(value, reason):
    with pytest.raises(RecordError, match=reason) as refused:
        check_settings({"setting": value}, "record")
    assert len(str(refused.value).splitlines()) == 1
    assert not is_setting("setting", value)


@pytest.mark.parametrize("name", ["run", "imports", "initialize", "finalize", "inference", "network_def", "_target_"])
def test_no_setting_has_the_name_of_a_part_of_the_program(name):
    with pytest.raises(RecordError, match=f"record: no override of {name} is taken"):
        check_settings({name: 1}, "record")


@pytest.mark.parametrize("name", ["a::b", "a#0", "+run", "~run", "a b", "", "naïve", "x\n"])
def test_the_name_of_a_setting_is_one_word(name):
    with pytest.raises(RecordError, match="is no name of a setting") as refused:
        check_settings({name: 1}, "record")
    assert len(str(refused.value).splitlines()) == 1


def test_a_setting_replaces_values_of_a_configuration_and_no_components():
    configuration = {
        "rate": "$0.1 * @batch",
        "roi": [96, 96],
        "loss": {"_target_": "DiceLoss"},
        "train": {"dataset": {"_target_": "Dataset"}},
        "steps": ["$@trainer.run()"],
        "handlers": ["@records"],
        "again": "%steps",
        "filters": [{"_target_": "FillHoles"}],
    }
    check_setting_of(configuration, {"rate": 0.1, "roi": [64, 64], "other": 1}, "record")
    for name in ("loss", "train", "steps", "handlers", "again", "filters"):
        assert is_program(configuration[name])
        with pytest.raises(RecordError, match=f"record: no override of {name} is taken"):
            check_setting_of(configuration, {name: []}, "record")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "holds a list where an object"),
        ('{"a": NaN}', "NaN is no number that JSON knows"),
        ('{"a": 1e999}', "a is inf, which JSON does not know"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ('{"a": {"_target_": "os.system"}}', "by which a configuration builds components"),
        ('{"a": "\\u0000"}', "holds control characters"),
        ('{"a": "\\ud800"}', "holds control characters"),
        ("[" * 100_000, "not JSON: it is nested too deeply"),
        ('{"a":' * 20 + "1" + "}" * 20, "nested deeper than 12"),
        ('{"a": ' + "1" * 5000 + "}", "not JSON"),
        ("\xff", "not JSON"),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_line_that_names_it(tmp_path, text, reason):
    (tmp_path / "record.json").write_text(text, encoding="latin-1")
    with pytest.raises(RecordError, match=reason) as refused:
        read_object(tmp_path / "record.json")
    assert len(str(refused.value).splitlines()) == 1
    assert str(refused.value).startswith(f"{tmp_path / 'record.json'}: ")


def test_a_file_of_another_size_is_not_read_into_memory(tmp_path):
    (tmp_path / "record.json").write_text(json.dumps({"a": "x" * 300}))
    with pytest.raises(RecordError, match="has 309 bytes, and a file of this kind has at most 200"):
        read_object(tmp_path / "record.json", largest=200)


def test_records_may_hold_the_texts_of_messages(tmp_path):
    content = {"reason": "a\nb: 50 % of @voxels cost $5", "cases": [{"case": "a b", "ml": {"1": 0.5}}]}
    (tmp_path / "record.json").write_text(json.dumps(content))
    assert read_object(tmp_path / "record.json") == content


@pytest.mark.parametrize("read", [file_sha256, open_regular, read_object])
def test_pipes_devices_and_folders_are_not_read(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for path, kind in (
        (tmp_path / "pipe", "a named pipe"),
        (tmp_path / "link", "a named pipe"),
        ("/dev/zero", "a device"),
        (tmp_path, "a folder"),
    ):
        with pytest.raises(OSError, match=f"{path}: is {kind}, not a regular file"):
            read(path)
