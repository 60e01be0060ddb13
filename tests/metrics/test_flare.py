"""score_case: the organisers' rule, quirk by quirk, and the protocol without the quirks."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from swinx.labels import CLASS_NAMES
from swinx.metrics import score_case

GOLDEN = Path(__file__).parents[1] / "golden" / "flare_small"
with (GOLDEN / "expected.csv").open() as rows:
    EXPECTED = {row.pop("case"): list(map(float, row.values())) for row in csv.DictReader(rows)}


@pytest.mark.parametrize("case", EXPECTED)
def test_flare23_gives_the_numbers_of_the_organisers_script(case):
    reference, prediction = (nib.load(GOLDEN / f"{case}_{kind}.nii.gz") for kind in ("ref", "pred"))
    scores = score_case(
        np.asarray(reference.dataobj), np.asarray(prediction.dataobj), reference.header.get_zooms(), "flare23"
    )
    assert tuple(scores) == CLASS_NAMES[1:]
    np.testing.assert_allclose([s["dsc"] for s in scores.values()], EXPECTED[case][0::2], rtol=0, atol=1e-4)
    np.testing.assert_allclose([s["nsd"] for s in scores.values()], EXPECTED[case][1::2], rtol=0, atol=2e-3)
