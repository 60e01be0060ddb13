"""``swinx data example``: the paths of what was fetched, or one sentence."""

from __future__ import annotations

from pathlib import Path


def test_the_paths_are_printed(run, monkeypatch, tmp_path):
    monkeypatch.setattr("swinx.cohorts.fetch_example_ct", lambda folder: (Path(folder, "a"), Path(folder, "b")))
    assert run("data", "example")[:2] == (0, f"{Path('example', 'a')}\n{Path('example', 'b')}\n")
    code, printed, _ = run("data", "example", tmp_path)
    assert (code, printed.splitlines()) == (0, [str(tmp_path / "a"), str(tmp_path / "b")])


def test_without_an_index_it_says_so_in_one_sentence(run, monkeypatch, tmp_path):
    def fail(_):
        raise OSError("pip could not download it")

    monkeypatch.setattr("swinx.cohorts.fetch_example_ct", fail)
    code, printed, complaint = run("data", "example", tmp_path)
    assert (code, printed) == (1, "")
    assert complaint.splitlines()[-1] == "error: pip could not download it"
