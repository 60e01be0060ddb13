"""Settings on the command line of a bundle run, as a user types and misspells them."""

from __future__ import annotations

import json
import sys

import pytest

from support.bundles import CONFIGS, PRETRAINING, ROOT, SMALL, run, run_bundle

pytestmark = pytest.mark.slow

REFINEMENT = "bundles/pseudolabel/configs"


def last_lines(finished) -> list[str]:
    """What stands in the terminal after MONAI's own first words, which no configuration can hold back."""
    return [
        line for line in finished.stderr.splitlines() if "scripts.py" not in line and "create_workflow(" not in line
    ]


def refused(finished, reason: str) -> None:
    """Assert that a run ended with one sentence, last and alone."""
    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr + finished.stdout
    (line,) = last_lines(finished)
    assert f"stopped: {reason}" in line, line


@pytest.mark.parametrize(
    ("run_id", "config", "folder", "given", "reason"),
    [
        ("training", "train", CONFIGS, {"max_epoch": 3}, "there is no setting max_epoch; did you mean max_epochs?"),
        (
            "evaluate",
            ["inference", "evaluate", "demo", "fast"],
            CONFIGS,
            {"overlpa": 0.3},
            "there is no setting overlpa; did you mean overlap?",
        ),
        (
            "inference",
            ["inference", "inference_openvino"],
            CONFIGS,
            {"datset_dir": "x"},
            "there is no setting datset_dir; did you",
        ),
        (
            "training",
            ["train", "multi_gpu_train"],
            PRETRAINING,
            {"mask_ration": 1},
            "there is no setting mask_ration; did you mean mask_ratio?",
        ),
        ("refine", "rounds", REFINEMENT, {"round": 2}, "there is no setting round; did you mean rounds?"),
        (
            "training",
            "train",
            REFINEMENT,
            {"epochs": "None", "seed": "None"},
            "seed None: MONAI drops settings that are None",
        ),
    ],
)
def test_a_wrong_setting_ends_the_run_at_once_with_one_sentence(tmp_path, run_id, config, folder, given, reason):
    refused(run_bundle(run_id, config, configs=folder, output_dir=tmp_path / "out", **given), reason)
    assert not (tmp_path / "out").exists()


def test_paths_that_look_like_numbers_are_paths_and_the_traceback_of_a_known_reason_is_in_the_log(tmp_path):
    config = str(ROOT / CONFIGS / "train.json")
    command = ["training", "--config_file", config, "--dataset_dir", "Smith,Anna", "--output_dir=1e5"]
    more = ["--checkpoint", "1.10", "--resume", "off", "--pretrained", "None"]
    finished = run([sys.executable, "-m", "monai.bundle", "run", *command, *more], cwd=tmp_path)
    assert finished.returncode == 1
    warning, reason = last_lines(finished)
    assert "pretrained None: MONAI drops settings that are None; taken as none" in warning
    assert "stopped: Smith,Anna/datalist.json: cannot read the data list" in reason
    log = (tmp_path / "1e5" / "training.log").read_text()
    assert "Traceback" in log
    assert log.splitlines()[-1].endswith("No such file or directory")


def test_overlays_components_ids_and_tracking_of_monai_stay_possible(trained, cohort, tmp_path):
    overlay = tmp_path / "mine.json"
    changes = {"my_overlap": 0.25, "inferer::settings::overlap": "@my_overlap", "mine": {"_target_": "Identity"}}
    overlay.write_text(json.dumps(changes))
    finished = run_bundle(
        "inference",
        "inference",
        config_file=[str(ROOT / CONFIGS / "inference.json"), str(overlay)],
        tracking="mlflow",
        run_name="mine",
        dataset_dir=cohort / "images" / "testing_6_0000.nii.gz",
        output_dir=tmp_path / "out",
        checkpoint=trained,
        my_overlap=0.5,
        **{"inferer#settings#mode": "constant"},
        **SMALL,
    )
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert (tmp_path / "out" / "testing_6.nii.gz").is_file()
    assert "nvImageCodec" not in finished.stderr + finished.stdout
