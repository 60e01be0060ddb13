"""``swinx pretrain | refine | train | evaluate``: a stage as one command, which is a run of MONAI underneath."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from swinx.bundle import SETTINGS, Setting, bundle_folder, check_overlay, nearest, overlays_of, read_setting
from swinx.cli.front.stage_help import stage_help
from swinx.cli.front.terminal import complain, say
from swinx.errors import BundleError, DataListError
from swinx.rules import SettingRules as Rule
from swinx.visible_text import visible

__all__ = ["EVALUATE", "PRETRAIN", "REFINE", "TRAIN", "StageCommand"]

_OVERLAYS = ("profile", "overlay")


@dataclass(frozen=True)
class StageCommand:
    """A stage of the work, run by ``python -m monai.bundle run``.

    Attributes:
        name: The command.
        summary: What it does, for its help.
        data: What its first argument is, for its help.
        bundle: Name of the bundle.
        run_id: What MONAI runs.
        configs: Configuration files of the bundle, of which later ones change earlier ones.
        stage: Name of the stage in the table of settings.
    """

    name: str
    summary: str
    data: str
    bundle: str
    run_id: str
    configs: tuple[str, ...]
    stage: str

    def __call__(self, words: Sequence[str]) -> None:
        """Print the command line of MONAI and run it; the exit code is that of the run.

        Raises:
            BundleError: If a setting is unknown, or an overlay is missing.
            DataListError: If the data are missing.
        """
        line = self.command_line(words)
        say(shlex.join(["python", *line[1:]]))
        sys.stdout.flush()
        if code := _run_to_its_end(line):
            raise SystemExit(code)

    def help(self) -> str:
        """Return the help, with all settings of the stage."""
        folder = bundle_folder(self.bundle) / "configs"
        files = [folder / f"{name}.json" for name in self.configs]
        return stage_help(self.name, self.summary, self.data, self.stage, files)

    def command_line(self, words: Sequence[str]) -> list[str]:
        """Return the program and the arguments that run the stage.

        Args:
            words: The data, and settings as ``--name value`` or ``--name=value``.
        """
        data, given = _read_words(self.name, words)
        overlays = [value for name, value in given if name in _OVERLAYS]
        settings = [(name, value) for name, value in given if name not in _OVERLAYS]
        known = [name for name, row in SETTINGS.items() if self.stage in row.stages]
        for name, _ in settings:
            if name not in known and "::" not in name and "#" not in name:
                raise BundleError(Rule.UNKNOWN.says(name=visible(name), nearest=nearest(name, known)))
        checked = [(name, _checked(name, value)) for name, value in settings]
        named = {name for name, _ in checked}
        places = [("dataset_dir", data)]
        if not os.path.exists(data):  # noqa: PTH110 - never raises
            raise DataListError(f"{visible(data)}: no such file or folder; give the folder of the data, or a data list")
        if data.endswith(".json") and "datalist" in known:
            places = [("dataset_dir", Path(data).parent.as_posix()), ("datalist", data)]
        chosen = [(name, value) for name, value in places if name not in named] + checked
        folder = bundle_folder(self.bundle) / "configs"
        files = [_shown(folder / f"{name}.json") for name in self.configs]
        files += [self._overlay(folder, one) for text in overlays for one in (text or "").split(",")]
        listed = files[0] if len(files) == 1 else "[" + ",".join(f"'{file}'" for file in files) + "]"
        line = [sys.executable, "-m", "monai.bundle", "run", self.run_id, "--config_file", listed]
        return [*line, *(word for name, value in chosen for word in (f"--{name}", value))]

    def _overlay(self, folder: Path, name: str) -> str:
        """Return the file of an overlay: one of the bundle by its name, or any by its path."""
        names = overlays_of(folder, self.configs, self.stage)
        of_bundle = folder / f"{name}.json"
        if of_bundle.is_file():
            check_overlay(of_bundle, self.configs, self.stage, names)
            return _shown(of_bundle)
        if Path(name).is_file():
            return name
        raise BundleError(
            f"{visible(name)}: no such overlay{nearest(name, names)}; give a file, or one of {', '.join(names)}"
        )


def _run_to_its_end(line: Sequence[str]) -> int:
    """Become a program, which then gets signals such as Ctrl-C itself; on Windows, run it and return its exit code."""
    if os.name != "nt":
        os.execv(line[0], list(line))
    return subprocess.call(line)


def _checked(name: str, value: str | None) -> str:
    """Return the text of a setting, after finding out that the setting can have it.

    Args:
        name: Of the setting; those of single components and expressions are left to the run.
        value: None for a name alone, which MONAI's command line takes for true.

    Raises:
        BundleError: If the setting cannot have the value, or needs one.
    """
    from fire.parser import DefaultParseValue

    text = "True" if value is None else value
    if name not in SETTINGS or text == "None" or text[:1] in ("$", "@", "%"):
        return text
    row = SETTINGS[name]
    if value is None and not _is_flag(row):
        raise BundleError(Rule.NO_VALUE.says(name=name, wanted=row.wanted))
    read_setting(row, DefaultParseValue(text))
    return text


def _is_flag(row: Setting) -> bool:
    try:
        return row.read(True) is True
    except ValueError:
        return False


def _read_words(command: str, words: Sequence[str]) -> tuple[str, list[tuple[str, str | None]]]:
    """Return the data and the settings, in the order in which they stand; a name alone has no value."""
    data: list[str] = []
    given: list[tuple[str, str | None]] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("--"):
            data.append(word)
            continue
        name, separator, text = word[2:].partition("=")
        value: str | None = text
        if not separator:
            value = None if not left or left[0].startswith("--") else left.pop(0)
        given.append((name if "::" in name else name.replace("-", "_"), value))
    if len(data) != 1:
        found = f"got {len(data)}: {' '.join(map(visible, data))}" if data else "got none"
        complain(f"error: swinx {command} takes one folder or data list, {found}; see swinx {command} --help")
        raise SystemExit(2)
    return data[0], given


def _shown(path: Path) -> str:
    """Return a path as the working directory sees it."""
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()


_LIST = "Folder with a datalist.json, or a data list; `swinx data list` writes one."

PRETRAIN = StageCommand(
    "pretrain",
    "Pretrain the encoder on scans without labels, by self-supervision (SMIT).",
    "Folder of scans, or a data list.",
    "ssl_smit",
    "training",
    ("train",),
    "pretraining",
)
REFINE = StageCommand(
    "refine",
    "Complete partial labels by the predictions of a teacher, and write a new data list.",
    _LIST,
    "pseudolabel",
    "refine",
    ("inference", "refine"),
    "refinement",
)
TRAIN = StageCommand(
    "train",
    "Train the segmentation network; the same command goes on with an interrupted training.",
    _LIST,
    "swinx_seg",
    "training",
    ("train",),
    "training",
)
EVALUATE = StageCommand(
    "evaluate",
    "Segment the cases of a section, score them and draw them.",
    _LIST,
    "swinx_seg",
    "evaluate",
    ("inference", "evaluate"),
    "evaluation",
)
