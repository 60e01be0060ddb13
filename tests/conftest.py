"""Volumes with the geometry that breaks careless code: anisotropic, oblique, not RAS."""

from __future__ import annotations

import locale
import os
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from support.geometry import oblique_affine

os.environ["SWINX_MLFLOW"] = "off"  # also in the commands that tests start; tests of tracking switch it on


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
