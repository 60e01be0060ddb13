"""Help, version, unknown commands: fast, readable, with the right exit code."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import swinx
from swinx.cli.front.command_table import GROUPS, commands, load_command
from swinx.cli.front.help_pages import command_help

ROOT = Path(__file__).parents[2]
_HEAVY = ("torch", "monai", "pandas", "numpy", "scipy", "mlflow", "matplotlib")


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",), ("help",)])
def test_the_help_lists_every_command_with_a_line(run, words):
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    for group in GROUPS.values():
        for name, command in group.items():
            assert f"  {name:<10}{command.summary}" in out


def test_the_version_is_printed(run):
    for words in (("--version",), ("-V",), ("version",)):
        assert run(*words)[:2] == (0, f"{swinx.__version__}\n")


def test_an_unknown_command_is_refused_in_one_line_with_the_nearest(run):
    code, out, err = run("segmnt", "a", "b")
    assert (code, out) == (2, "")
    assert err == "error: there is no command segmnt; did you mean segment?; swinx --help lists all\n"


@pytest.mark.parametrize("name", commands())
def test_the_help_of_each_command_tells_every_argument(run, name):
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: swinx {name}")
    command = load_command(commands()[name])
    methods = [method for method in vars(type(command)) if not method.startswith("_")]
    for method in methods if not callable(command) else ():
        assert f"  {method} " in out
        assert run(name, method, "--help")[1].startswith(f"usage: swinx {name} {method}")


def test_help_has_kinds_defaults_and_meanings_of_a_function():
    def grow(scan: str, *, steps: int = 3, share: float | None = None, quick: bool = False, **settings: str) -> None:
        """Grow a region; 50 % is enough.

        Args:
            scan: The ``scan``.
            steps: How often,
                at most.
            share: Part of it.
            quick: Skip checks.
            settings: Others.
        """

    text = " ".join(command_help("swinx grow", grow).split())
    assert "Grow a region; 50 % is enough." in text
    for part in ("SCAN The scan.", "--steps N How often, at most. Default: 3.", "--share NUMBER Part of it."):
        assert part in text
    assert "--quick Skip checks." in text
    assert "--SETTING VALUE Others." in text


def test_an_argument_that_may_be_left_out_is_shown_by_its_place(run):
    assert run("bundles", "--help")[1].startswith("usage: swinx bundles [-h] [ACTION] [NAME] [FOLDER]")
    assert run("data", "example", "--help")[1].startswith("usage: swinx data example [-h] [FOLDER]")


def test_options_are_written_with_underscores_in_the_help_and_on_every_page(run):
    helps = [run(name, "--help")[1] for name in commands()]
    pages = [path.read_text() for path in (ROOT / "README.md", *ROOT.glob("docs/**/*.md"))]
    lines = [line for page in pages for line in page.splitlines() if line.lstrip("$ ").startswith("swinx ")]
    assert not [line for line in [*helps, *lines] if re.search(r"--[a-z]+-[a-z]", line)]


def test_a_command_takes_its_options_with_dashes_and_with_underscores(run, tmp_path):
    for option in ("--max-epochs", "--max_epochs"):
        _, _, err = run("data", "verdict", str(tmp_path), option, "5")
        assert str(tmp_path / "scores.csv") in err, err


@pytest.mark.parametrize(
    ("words", "seconds"), [(["--help"], 0.5), (["score", "--help"], 2.0), (["train", "--help"], 2.0)]
)
def test_help_starts_fast_and_without_the_libraries_of_the_network(words, seconds):
    program = (
        "import sys, time, swinx.cli\n"
        f"sys.argv = ['swinx', *{words!r}]\n"
        "swinx.cli.main()\n"
        f"print('imported:', [name for name in {_HEAVY!r} if name in sys.modules], time.process_time())"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    last = finished.stdout.splitlines()[-1]
    assert last.startswith("imported: []")
    assert float(last.split()[-1]) < seconds


def test_the_package_is_imported_fast():
    program = "import time, sys, swinx; print('torch' in sys.modules, time.process_time())"
    started = time.perf_counter()
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy, seconds = finished.stdout.split()
    assert heavy == "False"
    assert float(seconds) < 0.5, time.perf_counter() - started
