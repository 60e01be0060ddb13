"""Inputs that break the rules about runs."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from rules.examples import example
from support.other_runs import another_run
from support.training import start_training
from swinx.data import file_sha256, recorded_content, stamp_of
from swinx.errors import RunError, WeightsError
from swinx.folder_lock import hold
from swinx.handlers import RefinementRecords, TrainingState
from swinx.rules.runs import LockRules, ReadingRules, ResumeRules


@example(LockRules.IN_USE)
def _in_use(folder: Path) -> str:
    with another_run(folder), pytest.raises(RunError) as refused:
        hold(folder)
    return str(refused.value)


@example(LockRules.NO_LOCK)
def _no_lock(folder: Path) -> str:
    return logged(lambda: hold(folder / "file" / "out"), folder)


@example(ReadingRules.CHANGED)
def _changed(folder: Path) -> str:
    scan = folder / "a.nii.gz"
    scan.write_bytes(b"before")
    batch = [{"case": "a", "stamps": {"image": stamp_of(scan)}}]
    scan.write_bytes(b"after")
    item = {"case": "a", "image": str(scan), "section": "training", "annotated": [], "annotated_source": "no label"}
    dataset = SimpleNamespace(dataset=SimpleNamespace(data=[item]))
    output = [{"saved": [], "notes": [], "refinement": {}}]
    state = SimpleNamespace(iteration=1, epoch_length=1, batch=batch, output=output)
    records = RefinementRecords(str(folder), "s", file_sha256, recorded_content)
    records._begin(SimpleNamespace(data_loader=dataset))
    records._end_case(SimpleNamespace(state=state))
    return records.failed[0]["reason"]


@example(LockRules.KEPT)
def _kept(folder: Path) -> str:
    records = RefinementRecords(str(folder), "s", file_sha256, recorded_content)
    (folder / "a.nii.gz").write_bytes(b"of another run")
    return logged(lambda: records._fail("[1/1]", "a", "why"), folder)


def resumed(folder: Path, before: dict, now: dict) -> str:
    """What is said when a training that was begun one way is gone on with another way."""
    training = start_training(folder, max_epochs=1)
    parts = (str(training.state_path), training.network, training.optimizer, None, training.evaluator)
    TrainingState(*parts, **before).save(SimpleNamespace(state=SimpleNamespace(epoch=1, epoch_length=1, max_epochs=1)))
    with pytest.raises(WeightsError) as refused:
        TrainingState(*parts, **now).load(training.trainer)
    return str(refused.value)


@example(ResumeRules.OTHER_SETTINGS)
def _other_settings(folder: Path) -> str:
    return resumed(folder, {"settings": {"body_crop": True}}, {"settings": {"body_crop": False}})


@example(ResumeRules.OTHER_DATA)
def _other_data(folder: Path) -> str:
    return resumed(folder, {"data": {"training": {"a": {}}}}, {"data": {"training": {"a": {}, "b": {}}}})


@example(ResumeRules.NO_BEST)
def _no_best(folder: Path) -> str:
    training = start_training(folder, max_epochs=1).run()
    state = TrainingState(
        str(training.state_path),
        training.network,
        training.optimizer,
        evaluator=training.evaluator,
        checkpoint=str(folder / "elsewhere.pt"),
    )
    return logged(lambda: state.load(training.trainer), folder)


def logged(action, folder: Path) -> str:
    """What swinx logs of an action; ``file`` in the folder is no folder."""
    (folder / "file").touch()
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("swinx").addHandler(handler)
    try:
        action()
    finally:
        logging.getLogger("swinx").removeHandler(handler)
    return "\n".join(lines)
