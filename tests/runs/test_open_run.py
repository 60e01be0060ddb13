"""The opening of a run: what it says before anything is replaced."""

from __future__ import annotations

import pytest

from support.bundles import ROOT
from swinx.runs import open_run

BUNDLE = str(ROOT / "bundles" / "swinx_seg")


@pytest.mark.parametrize(("weights", "state", "warned"), [(1, 0, True), (1, 1, False), (0, 0, False)])
def test_weights_of_another_training_are_not_replaced_without_a_word(tmp_path, caplog, weights, state, warned):
    checkpoint, folder = tmp_path / "model.pt", tmp_path / "run"
    folder.mkdir()
    for path in [checkpoint] * weights + [folder / "training_state.pt"] * state:
        path.write_bytes(b"of a training")
    caplog.set_level("WARNING")
    open_run(BUNDLE, str(folder), "training.log", checkpoint=str(checkpoint))
    said = f"{checkpoint}: weights are there that are not of the training in {folder}, and will be replaced"
    assert (said in caplog.text) == warned
