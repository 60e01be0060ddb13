"""The notebook of the documentation runs, cell after cell."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl
import pytest

from support.bundles import ROOT
from support.segmentation import write_scan
from swinx.segmentation import LoadedModel, loaded_model, model_files

NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"


def test_four_cells_lead_from_a_file_to_a_picture(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(model_files, "own_weights", lambda _: str(weights))
    configured = loaded_model._configured
    monkeypatch.setattr(loaded_model, "_configured", lambda *given: configured(*given[:3], {"backend": "torch"}))
    write_scan(tmp_path / "ct.nii.gz")
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert len(cells) == 4
    names: dict = {}
    with mpl.rc_context({"backend": "agg"}):
        for cell in cells:
            exec("".join(cell["source"]), names)  # in the process: a kernel would import everything anew
    assert isinstance(names["model"], LoadedModel)
    assert (tmp_path / "labels.nii.gz").is_file()
    assert set(names["result"].statistics["class"]) == {"liver", "spleen", "left kidney"}
    assert names["axes"].images
