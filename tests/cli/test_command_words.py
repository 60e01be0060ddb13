"""Words that a command cannot take are told in a line of swinx, before anything is done."""

from __future__ import annotations

import pytest

from support.segmentation import write_scan


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["segment"], "swinx segment needs SCANS and OUTPUT, got none; see swinx segment --help"),
        (["segment", "ct.nii.gz"], "swinx segment needs SCANS and OUTPUT, got ct.nii.gz alone"),
        (["segment", "a", "b", "c"], "swinx segment takes SCANS and OUTPUT, got 3: a b c"),
        (["segment", "a", "--output", "b", "c"], "swinx segment takes SCANS, got 2: a c"),
        (["segment", "a", "b", "--preview", "maybe"], "--preview is maybe; give it without a value, or True or False"),
        (["data", "synthetic"], "swinx data synthetic needs OUT, got none"),
        (["data", "nonsense"], "there is no command data nonsense; see swinx data --help"),
        (["data", "chek", "x"], "there is no command data chek; did you mean check?"),
        (["bundles", "list", "extra", "more", "x"], "swinx bundles takes ACTION, NAME and FOLDER, got 4"),
        (
            ["score", "a", "b", "c", "--protocoll", "flare"],
            "swinx score has no option --protocoll; did you mean",
        ),
    ],
)
def test_words_that_a_command_cannot_take_are_told_in_one_line(run, words, reason):
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {reason}")
    assert len(err.splitlines()) == 1


def test_a_second_scan_on_the_line_is_not_overwritten(run, tmp_path):
    scans = [write_scan(tmp_path / f"{name}.nii.gz") for name in "abc"]
    before = [path.read_bytes() for path in scans]
    for words in (scans[:2], scans):
        code, _, err = run("segment", *words, "--model", "nowhere.pt")
        assert code > 0
        assert err.startswith("error: ")
    assert [path.read_bytes() for path in scans] == before


def test_a_misspelt_option_of_the_command_and_a_missing_scan_are_told(run, tmp_path):
    scan = write_scan(tmp_path / "a.nii.gz")
    assert (
        "there is no setting clases; did you mean classes?" in run("segment", scan, tmp_path / "o", "--clases", "x")[2]
    )
    code, _, err = run("segment", tmp_path / "no.nii.gz", tmp_path / "o", "--model", "nowhere.pt")
    assert (code, err) == (1, f"error: {tmp_path / 'no.nii.gz'}: no such file or folder\n")
