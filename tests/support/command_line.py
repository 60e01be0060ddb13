"""The command ``swinx``, in the process of the test."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

import pytest

from swinx.cli import main


@pytest.fixture
def run(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Run the command in this process; return exit code, output and complaints."""
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["swinx", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call
