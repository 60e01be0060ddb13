"""Rounds of self-training: a teacher refines, a student is trained and teaches the next round."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swinx.errors import DataListError, RecordError, TrainingError
from swinx.files import (
    PROGRAM_NAMES,
    check_overrides,
    expanded,
    file_sha256,
    hold,
    holding,
    open_regular,
    read_json,
    read_object,
    write_json,
)
from swinx.runs import run_child

__all__ = ["run_rounds", "student_settings"]

_logger = logging.getLogger(__name__)
_PLACES = frozenset({"dataset_dir", "datalist", "section", "output_dir", "checkpoint", "num_workers", "progress"})


def run_rounds(
    rounds: int,
    output_dir: str | os.PathLike[str],
    *,
    dataset_dir: str | os.PathLike[str],
    teacher_dir: str | os.PathLike[str],
    refine_configs: str | Sequence[str],
    refine_overrides: Mapping[str, Any] | None = None,
    student_bundle: str | os.PathLike[str],
    student_configs: str | Sequence[str],
    student_overrides: Mapping[str, Any] | None = None,
    student_teacher_config: str,
    last_round: str | Sequence[str] = (),
    launcher: Sequence[str] = (sys.executable,),
) -> Path:
    """Refine ``rounds`` times, and train a student between one refinement and the next.

    The first teacher predicts in round 1, in every later round the student of the round before. Each
    refinement and each training is a bundle run in a process of its own, in ``<output_dir>/round_<k>/refined`` and
    ``.../student``. From the second round on the reports have the disagreement of the rounds. The same command goes
    on after an interruption: cases that are refined and trainings that are finished, on the same data, are not done
    again. The folder is locked until this process ends, and the runs that it starts end with it.

    Args:
        rounds: Refinements, 1 or more.
        output_dir: Folder of the rounds.
        dataset_dir: Data directory of the refinement.
        teacher_dir: Model folder of the first teacher.
        refine_configs: Configuration files of the refinement: ``inference.json`` and ``refine.json`` of the bundle, and
            overlays.
        refine_overrides: More of its settings, plain values.
        student_bundle: Folder of the student's bundle.
        student_configs: Its training: ``train.json``, and overlays.
        student_overrides: Settings of the training, plain values; those that its ``inference.json`` has too apply there
            as well, when the student teaches.
        student_teacher_config: The overlay that makes a bundle the teacher, ``teacher_bundle.json``.
        last_round: Overlays for the last refinement alone, such as a selection by the disagreement of the rounds.
        launcher: What starts Python on a module: an interpreter, or ``torchrun`` with its options.

    Returns:
        The data list of the last round, to train from.

    Raises:
        ValueError: If ``rounds`` is no whole number of 1 or more.
        RecordError: If an override is not plain, or names a part of a configuration's program.
        DataListError: If a configuration file does not exist.
        RunError: If another process runs rounds in the folder.
        TrainingError: If a run fails; cases that fail do not end a round, they are named again at the end.
    """
    _check_rounds(rounds)
    _check_overrides(refine_overrides=refine_overrides or {}, student_overrides=student_overrides or {})
    root = expanded(output_dir).absolute()
    refine, train, last = _as_list(refine_configs), _as_list(student_configs), _as_list(last_round)
    for file in (*refine, *train, student_teacher_config, *last):
        if not Path(file).is_file():
            raise DataListError(f"{file}: no such configuration file")
    bundle = expanded(student_bundle).absolute()
    hold(root)
    places = {"dataset_dir": dataset_dir, "teacher_dir": teacher_dir}
    given = {name: str(expanded(path).absolute()) for name, path in places.items()} | dict(refine_overrides or {})
    settings = student_settings(bundle / "configs" / "inference.json", train, student_overrides or {})
    failed: dict[str, str] = {}
    for number in range(1, rounds + 1):
        here = root / f"round_{number}"
        earlier = [str(root / f"round_{k}" / "refined") for k in range(1, number)]
        changes = {**given, "output_dir": str(here / "refined"), "previous_rounds": earlier}
        files = list(refine)
        if number > 1:
            student = root / f"round_{number - 1}" / "student" / "model.pt"
            files.append(os.fspath(student_teacher_config))
            changes |= {
                "teacher_bundle": str(bundle),
                "teacher_checkpoint": str(student),
                "teacher_overrides": settings,
            }
            changes["label_map"] = None  # that of the first teacher; a student has the classes of its bundle
        files += last if number == rounds else []
        _logger.info("round %d of %d: refining, into %s", number, rounds, here / "refined")
        failed |= _refine(_Run("refine", files, changes, here / "refine.json", tuple(launcher)))
        if number < rounds:
            _logger.info("round %d of %d: training a student, in %s", number, rounds, here / "student")
            _train(here, train, student_overrides or {}, tuple(launcher))
    for case, reason in failed.items():
        _logger.error("failed in some round: %s: %s", case, reason)
    return root / f"round_{rounds}" / "refined" / "datalist.json"


def _as_list(files: str | Sequence[str]) -> list[str]:
    return [files] if isinstance(files, str) else list(map(os.fspath, files))


def _check_rounds(rounds: Any) -> None:
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise ValueError(f"rounds must be a whole number, 1 or more, not {rounds!r}")


def _check_overrides(**given: Mapping[str, Any]) -> None:
    """Refuse what the configurations that overrides are written into would evaluate.

    Raises:
        RecordError: If there is something.
    """
    try:
        for name, overrides in given.items():
            check_overrides(overrides, name)
    except RecordError as error:
        advice = "put anything else into a configuration file and add that to the list of configurations"
        raise RecordError(f"{error}; {advice}") from error


@dataclass(frozen=True)
class _Run:
    """One run of a bundle: part, configuration files, changes and the file that the changes are written to."""

    part: str
    configs: Sequence[str]
    changes: Mapping[str, Any]
    changes_file: Path
    launcher: Sequence[str]
    extra: Mapping[str, str] = field(default_factory=dict)

    def __call__(self) -> int:
        """Run it and return the exit code; it prints to the streams of this process."""
        write_json(self.changes_file, dict(self.changes))
        files = [*self.configs, str(self.changes_file)]
        words = [word for name, value in self.extra.items() for word in (f"--{name}", value)]
        command = [*self.launcher, "-m", "monai.bundle", "run", self.part, "--config_file", str(files), *words]
        return run_child(command)


def _refine(run: _Run) -> dict[str, str]:
    """Refine, and return the cases that failed with their reasons."""
    manifest = Path(run.changes["output_dir"]) / "manifest.json"
    before = manifest.stat().st_mtime_ns if manifest.is_file() else None
    code = run()
    finished = manifest.is_file() and manifest.stat().st_mtime_ns != before
    if not finished:
        raise TrainingError(
            f"the refinement ended with exit code {code} before it was complete; its messages are above"
        )
    failed = read_object(manifest).get("failed")
    if not isinstance(failed, dict):
        raise TrainingError(f"{manifest}: does not name the failed cases; it is not the manifest of a refinement")
    if code and not failed:
        raise TrainingError(f"the refinement ended with exit code {code}; its messages are above")
    return {str(case): str(reason) for case, reason in failed.items()}


def _train(here: Path, configs: Sequence[str], overrides: Mapping[str, Any], launcher: Sequence[str]) -> None:
    """Train a student on the refined labels of the round, unless it is trained; resume an interrupted training."""
    data, folder = here / "refined", here / "student"
    paths = {"dataset_dir": str(data), "output_dir": str(folder), "checkpoint": str(folder / "model.pt")}
    changes = {**overrides, **paths}
    key = _digest(changes, [*map(Path, configs), data / "datalist.json", data / "manifest.json"])
    record = folder / "student.json"
    content = read_object(record) if record.is_file() else {}
    same = content.get("key") == key
    model = folder / "model.pt"
    if same and model.is_file() and content.get("model") == file_sha256(model):
        _logger.info("%s is trained already", model)
        return
    if not same:
        with holding(folder):  # another process may be training there
            model.unlink(missing_ok=True)  # of other data or settings: it may not pass for this student
            write_json(record, {"key": key})
    resume = {"resume": str(same)}
    code = _Run("training", configs, changes, here / "train.json", launcher, resume)()
    if code:
        raise TrainingError(f"the student's training ended with exit code {code}; see {folder} and the messages above")
    if not model.is_file():
        raise TrainingError(f"the student's training left no {model}; it saves one when it validates (val_interval)")
    write_json(record, {"key": key, "model": file_sha256(model)})


def _digest(changes: Mapping[str, Any], files: Sequence[Path]) -> str:
    """Return the hash of all that decides a training; the manifest of its data has the hashes of the labels."""
    digest = hashlib.sha256(json.dumps(changes, sort_keys=True, default=str).encode())
    for path in files:
        with open_regular(path) as stream:
            digest.update(stream.read())
    return digest.hexdigest()


def student_settings(inference: Path, training: Sequence[str | Path], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a training that hold for the predictions of the student as well.

    A setting is a plain value at the top of a configuration. Those of the overlays and the overrides count, if the
    inference has one of the same name; paths, expressions and components do not.

    Args:
        inference: The configuration that predicts.
        training: Files of the training; the first is the bundle's own, the others are overlays on it, in their order.
        overrides: Values that replace those of the files.

    Raises:
        DataListError: If a file cannot be read as a configuration.
    """
    known = set(_read(inference)) - _PLACES - PROGRAM_NAMES
    merged: dict[str, Any] = {}
    for overlay in training[1:]:
        merged |= _read(Path(overlay))
    merged |= overrides
    return {name: value for name, value in merged.items() if name in known and _is_plain(value)}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path, "a configuration")
    except OSError as error:
        raise DataListError(f"{path}: cannot be read as a configuration: {error.strerror or error}") from error
    except ValueError as error:
        raise DataListError(str(error)) from error
    if not isinstance(content, dict):
        raise DataListError(f"{path}: holds no configuration")
    return content


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return False
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(_is_plain(item) for item in value)
    return not (isinstance(value, str) and value[:1] in ("$", "@", "%"))
