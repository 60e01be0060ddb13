"""Files and settings from others that are more than plain data, or lead elsewhere."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from rules.examples import example
from support.bundles import ROOT
from swinx.errors import BundleError, RecordError, TeacherError
from swinx.files import check_settings, file_sha256, read_object
from swinx.packaging import pack_bundle
from swinx.refinement.teachers.nnunet.nnunet_names import check_plans
from swinx.rules import FileRules, NnUNetRules, PlainDataRules, TrackingRules
from swinx.tracking import TrackingSession, lineage_tree, sidecar_path, sqlite_uri

AWAY = "http://127.0.0.1:9"  # the discard port, on which nobody listens


def said(action: Callable[[], object], kind: type[Exception] = RecordError) -> str:
    """The message with which something is refused."""
    with pytest.raises(kind) as refused:
        action()
    return str(refused.value)


def of_file(folder: Path, text: str, **options: Any) -> str:
    """The message with which a file of data is refused."""
    (folder / "record.json").write_text(text)
    return said(lambda: read_object(folder / "record.json", **options))


def of_setting(name: str, value: Any) -> str:
    return said(lambda: check_settings({name: value}, "swinx pack"))


@example(FileRules.NOT_REGULAR)
def _pipe(folder: Path) -> str:
    os.mkfifo(folder / "model.pt")
    return said(lambda: file_sha256(folder / "model.pt"), OSError)


@example(FileRules.LINK_OUTSIDE)
def _link(folder: Path) -> str:
    bundle = Path(shutil.copytree(ROOT / "bundles" / "swinx_seg", folder / "swinx_seg"))
    (folder / "metadata.json").write_text("{}")
    (bundle / "configs" / "metadata.json").unlink()
    (bundle / "configs" / "metadata.json").symlink_to(folder / "metadata.json")
    return said(lambda: pack_bundle(bundle, folder / "dist"), BundleError)


@example(PlainDataRules.NO_OBJECT)
def _list(folder: Path) -> str:
    return of_file(folder, "[]")


@example(PlainDataRules.TOO_LARGE)
def _large(folder: Path) -> str:
    return of_file(folder, json.dumps({"a": "x" * 100}), largest=50)


@example(PlainDataRules.TOO_DEEP)
def _deep(folder: Path) -> str:
    return of_file(folder, '{"a":' * 20 + "1" + "}" * 20)


@example(PlainDataRules.TOO_MANY)
def _many(folder: Path) -> str:
    return of_file(folder, json.dumps({"a": [0] * 300_000}))


@example(PlainDataRules.LONG_TEXT)
def _long(_: Path) -> str:
    return of_setting("mode", "x" * 2000)


@example(PlainDataRules.CONTROL)
def _control(folder: Path) -> str:
    return of_file(folder, '{"a": "\\u001b[2J"}')


@example(PlainDataRules.NOT_FINITE)
def _infinite(folder: Path) -> str:
    return of_file(folder, '{"a": 1e999}')


@example(PlainDataRules.NO_PLAIN_VALUE)
def _object(_: Path) -> str:
    return of_setting("mode", object())


@example(PlainDataRules.COMPONENT)
def _component(folder: Path) -> str:
    return of_file(folder, '{"settings": {"loss": {"_target_": "os.system"}}}')


@example(PlainDataRules.OTHER_KIND)
def _other_kind(folder: Path) -> str:
    sidecar_path(folder / "model.pt").write_text('{"run_id": ["a"]}')
    (folder / "model.pt").touch()
    return said(lambda: lineage_tree(folder / "model.pt", AWAY))


@example(PlainDataRules.EXPRESSION)
def _expression(_: Path) -> str:
    return of_setting("overlap", "$__import__('os').system('true')")


@example(PlainDataRules.SETTING_NAME)
def _name(_: Path) -> str:
    return of_setting("inferer::mode", "gaussian")


@example(PlainDataRules.PROGRAM)
def _program(_: Path) -> str:
    return of_setting("run", [])


@example(NnUNetRules.FOREIGN_CODE)
def _foreign_code(_: Path) -> str:
    network = {"network_class_name": "os.system", "arch_kwargs": {}, "_kw_requires_import": []}
    plans = {"configurations": {"3d_fullres": {"architecture": network}}}
    return said(lambda: check_plans(plans, Path("plans.json")), TeacherError)


@example(NnUNetRules.NO_NAME)
def _no_name(_: Path) -> str:
    return said(lambda: check_plans({"label_manager": "os.system"}, Path("plans.json")), TeacherError)


@contextmanager
def tracked(folder: Path, **settings: Any) -> Iterator[list[str]]:
    """A project in which nothing is set, with a bundle; yields what swinx logs."""
    (folder / "bundle" / "configs").mkdir(parents=True)
    (folder / "out").mkdir()
    (folder / "pyproject.toml").touch()
    content = json.dumps({"system_metrics": False} | settings)
    (folder / "bundle" / "configs" / "mlflow.json").write_text(content)
    lines: list[str] = []
    handler, logger = logging.Handler(), logging.getLogger("swinx")
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("URI", "TOKEN", "USERNAME", "PASSWORD"):
            patch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("SWINX_MLFLOW", "on")
        patch.chdir(folder)
        yield lines
    logger.removeHandler(handler)


def run(folder: Path, resume: bool = False) -> None:
    session = TrackingSession("training", str(folder / "bundle"), str(folder / "out"))
    session.begin(resume)
    session.end()


@example(TrackingRules.NOT_CONTACTED, TrackingRules.NOT_LOOKED_AT)
def _foreign_sidecar(folder: Path) -> str:
    source = {"name": "data", "path": "/elsewhere/list.json", "run_id": "r", "tracking_uri": AWAY}
    sidecar_path(folder / "model.pt").write_text(json.dumps({"upstream": [source]}))
    (folder / "model.pt").touch()
    return lineage_tree(folder / "model.pt", sqlite_uri(folder / "mlflow.db"))


@example(TrackingRules.OTHER_STORE)
def _other_store(folder: Path) -> str:
    with tracked(folder) as lines:
        (folder / "out" / "mlflow_run.json").write_text(json.dumps({"run_id": "r", "tracking_uri": AWAY}))
        run(folder, resume=True)
    return "\n".join(lines)


@example(TrackingRules.CREDENTIALS)
def _credentials(folder: Path) -> str:
    with tracked(folder, tracking_uri=AWAY) as lines, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
        run(folder)
    return "\n".join(lines)


@example(TrackingRules.FOREIGN_ARTIFACTS)
def _foreign_artifacts(folder: Path) -> str:
    with tracked(folder) as lines:
        client = MlflowClient(tracking_uri=sqlite_uri(folder / "mlflow.db"))
        client.create_experiment("swinx", f"{AWAY}/artifacts")
        run(folder)
    return "\n".join(lines)
