"""Volumes with the geometry that breaks careless code: anisotropic, oblique, not RAS."""

from __future__ import annotations

import gc
import locale
import os
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from support.geometry import oblique_affine

pytest_plugins = ("support.command_line", "support.small_networks")

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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, driven by playwright without a window; the test is skipped where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()
