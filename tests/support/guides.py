"""Guides followed to the letter: their commands and code run in a folder that has what they ask for."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.bundles import ROOT, SMALL, SMALL_PRETRAINING, run
from swinx import inference
from swinx.cli import main
from swinx.cli.front import stage_commands
from swinx.inference import choose_backend

__all__ = ["GUIDES", "Block", "blocks", "follow"]

GUIDES = ROOT / "docs" / "guides"
Block = tuple[str, str, str]
"""Language, content, and the line before."""

_FENCE = re.compile(
    r"(?:^(?P<before>[^\n]*)\n\n?)?^```(?P<language>\w+)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL
)
_ONE_EPOCH = {"max_epochs": 1, "warmup_epochs": 0, "device": "cpu"}
_SMALLER: dict[str, dict[str, object]] = {
    "train": SMALL
    | _ONE_EPOCH
    | {"val_interval": 1, "positive_patches": 1, "negative_patches": 1, "scans_per_batch": 1},
    "pretrain": SMALL_PRETRAINING
    | _ONE_EPOCH
    | {"region_size": [36, 36, 36], "scans_per_batch": 2, "picture_interval": 1},
    "evaluate": {"device": "cpu", "backend": "torch", "num_workers": 0, "progress": False},
    "segment": {"backend": "torch", "progress": False, "device": "cpu"},
}
"""Settings by command with which it takes seconds."""


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of code of a page."""
    for found in _FENCE.finditer(text):
        yield found["language"], found["content"], found["before"] or ""


def follow(text: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Do what a guide says, in a folder; what is for other programs is looked up, not run."""
    patch.chdir(folder)
    patch.setattr(stage_commands, "_run_to_its_end", _call)
    patch.setattr(
        inference, "choose_backend", lambda *_: choose_backend("torch")
    )  # OpenVINO compiles for eleven seconds
    names: dict[str, object] = {}
    for language, content, before in blocks(text):
        if language == "json":
            (name,) = re.findall(r"^`(\S+)`:$", before)
            (folder / name).write_text(content)
        elif language == "python":
            exec(compile(content, "<guide>", "exec"), names)
        elif language == "sh":
            for line in content.splitlines():
                _run(shlex.split(line, comments=True), patch)
        else:
            assert language == "console", f"{language} is not followed"
            for line in content.splitlines():
                _look_up(shlex.split(line, comments=True))


def _run(words: list[str], patch: pytest.MonkeyPatch) -> None:
    program, *rest = words
    if program == "python":
        patch.setattr(sys, "argv", rest)
        runpy.run_path(str(ROOT / rest[0]), run_name="__main__")
        return
    assert program == "swinx", f"{program} is not followed"
    for name, value in _SMALLER.get(rest[0], {}).items():
        if f"--{name}" in rest:  # a guide's own value must not be replaced unseen
            raise AssertionError(f"{words} sets {name}, which the test has to set")
        rest += [f"--{name}", str(value)]
    patch.setattr(sys, "argv", [program, *rest])
    code = None
    try:
        main()
    except SystemExit as end:
        code = end.code
    assert not code, f"{words} ended with {code}"


def _call(line: list[str]) -> int:
    """Run a stage's line of MONAI with its imports done."""
    done = run(line, Path.cwd())
    assert done.returncode == 0, done.stderr[-3000:]
    sys.stderr.write(done.stdout + done.stderr)
    return done.returncode


def _look_up(words: list[str]) -> None:
    if words[0] == "make":
        targets = "\n".join(path.read_text() for path in (ROOT / "Makefile", *ROOT.glob("*.mk")))
        assert re.search(rf"^{re.escape(words[1])}:", targets, re.MULTILINE), f"make {words[1]} is no target"
    elif words[:2] == ["docker", "build"]:
        assert (ROOT / words[words.index("-f") + 1]).is_file()
    else:
        assert words[0] in ("docker", "curl")
