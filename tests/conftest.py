"""Volumes with the geometry that breaks careless code: anisotropic, oblique, not RAS."""

from __future__ import annotations

import gc
import locale
import os
import sqlite3
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from support.browsers import chromium
from support.geometry import oblique_affine
from support.start_method import use_start_method

pytest_plugins = ("support.command_line", "support.small_networks")

use_start_method()
os.environ["SWINX_CACHE"] = "off"  # no test is right because of an earlier one
os.environ["SWINX_SHIPPED_WEIGHTS"] = "off"  # a test that names no weights has none
os.environ["SWINX_MLFLOW"] = "off"  # also in the commands that tests start; tests of tracking switch it on


def pytest_collection_finish() -> None:
    """Leave the modules and tests, millions of objects that stay, out of every later search for garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=["LPS", "RAS", "PSR", "LAI"])
def oblique(request: pytest.FixtureRequest) -> NDArray[np.float64]:
    """An oblique, anisotropic affine, once for each of four axis orders."""
    return oblique_affine(request.param)


@pytest.fixture(autouse=True)
def _same_locale() -> Iterator[None]:
    """Give the process its locale back: SimpleITK's DICOM writer leaves "C", in which text files are ASCII."""
    before = locale.setlocale(locale.LC_ALL)
    yield
    locale.setlocale(locale.LC_ALL, before)


@pytest.fixture(scope="session", autouse=True)
def _copied_tables() -> Iterator[None]:
    """Let MLflow copy the empty tables of the first SQLite file that it made: migrations take two seconds a file."""
    if "mlflow" not in sys.modules:
        yield
        return
    import sqlalchemy
    from mlflow.store.db import utils

    first = sqlite3.connect(":memory:", check_same_thread=False)
    make = utils._initialize_tables

    def copy(engine: Any) -> None:
        is_new = engine.dialect.name == "sqlite" and not sqlalchemy.inspect(engine).get_table_names()
        is_first = not first.execute("SELECT name FROM sqlite_master").fetchall()
        if is_first or not is_new:
            make(engine)
        if is_new:
            with engine.connect() as connection:
                file = connection.connection.driver_connection
                file.backup(first) if is_first else first.backup(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "_initialize_tables", copy)
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without WebGL."""
    with chromium("--disable-gpu", "--disable-software-rasterizer") as opened:
        yield opened


@pytest.fixture
def webgl_browser() -> Iterator[Any]:
    """Chromium with a WebGL that a processor computes."""
    with chromium("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist") as opened:
        yield opened
