"""The table of settings agrees with the configurations of all bundles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigParser

from swinx.bundle import SETTINGS, read_setting
from swinx.bundle.references import is_plain, names_in_use
from swinx.bundle.settings.kinds import Choice
from swinx.bundle.settings.settings_page import settings_page
from swinx.cli.settings_command import settings
from swinx.errors import BundleError
from swinx.inference import BACKENDS
from swinx.metrics import PROTOCOLS
from swinx.pretraining import PROBES

ROOT = Path(__file__).parents[2]
STAGES = {
    "ssl_smit/train": "pretraining",
    "ssl_smit/inference": "reconstruction",
    "ssl_smit/evaluate": "probes",
    "pseudolabel/train": "teacher",
    "pseudolabel/refine": "refinement",
    "pseudolabel/low_disagreement": "refinement",
    "pseudolabel/teacher_bundle": "refinement",
    "pseudolabel/teacher_folder": "refinement",
    "pseudolabel/inference": "one case",
    "pseudolabel/rounds": "rounds",
    "swinx_seg/train": "training",
    "swinx_seg/strong": "training",
    "swinx_seg/weights": "training",
    "swinx_seg/inference": "inference",
    "swinx_seg/inference_dicom": "inference",
    "swinx_seg/inference_openvino": "inference",
    "swinx_seg/evaluate": "evaluation",
}


def configuration_of(path: Path) -> dict[str, Any]:
    """Content of a file; of an overlay that runs something, together with the configuration that it lies over."""
    content = json.loads(path.read_text())
    if path.stem in ("evaluate", "refine") and "bundle_root" not in content:
        return ConfigParser.load_config_files([str(path.with_name("inference.json")), str(path)])
    return content


CONFIGURATIONS = {
    f"{path.parents[1].name}/{path.stem}": configuration_of(path)
    for path in sorted((ROOT / "bundles").glob("*/configs/*.json"))
    if path.name != "metadata.json"
}
WHOLE = sorted(name for name, content in CONFIGURATIONS.items() if "bundle_root" in content)
REPLACED = {"label", "block_size", "mask_block_mm", "mask_ratio"}
"""Settings of an inference that an overlay which runs something else leaves unused."""


def plain(configuration: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in configuration.items() if name.isidentifier() and is_plain(value)}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_value_in_a_configuration_is_one_that_its_setting_can_have(name):
    for setting, value in plain(CONFIGURATIONS[name]).items():
        if setting not in ("selection", "filters"):
            assert setting in SETTINGS, f"{setting} of {name} is not in the table of settings"
            assert read_setting(SETTINGS[setting], value) == value


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda setting: setting.name)
def test_the_stages_of_a_setting_are_those_whose_configurations_have_it(setting):
    having = {name: stage for name, stage in STAGES.items() if setting.name in CONFIGURATIONS[name]}
    if setting.name in REPLACED:
        having = {name: stage for name, stage in having.items() if setting.name in names_in_use(CONFIGURATIONS[name])}
    found = set(having.values())
    components = {stage for name, stage in STAGES.items() if isinstance(CONFIGURATIONS[name].get(setting.name), dict)}
    if any(setting.name in CONFIGURATIONS[f"{bundle}/mlflow"] for bundle in ("ssl_smit", "pseudolabel", "swinx_seg")):
        found.add("tracking")
    assert found - components <= set(setting.stages) <= found


def test_every_setting_of_a_command_is_used_by_something_in_its_configuration():
    for name in WHOLE:
        configuration = CONFIGURATIONS[name]
        unused = set(plain(configuration)) - names_in_use(configuration)
        assert unused <= REPLACED, f"nothing in {name} refers to these"
        assert not unused or name.endswith(("/evaluate", "/refine")), name


def test_what_a_run_does_begins_with_the_check_of_its_settings():
    runs = {name: content["run"] for name, content in CONFIGURATIONS.items() if "run" in content}
    assert set(WHOLE) <= set(runs)
    for name, run in runs.items():
        assert run[0] == "$check_run_settings()", name


def test_choices_are_those_of_the_code_that_takes_them():
    for setting, names in {"backend": BACKENDS, "protocol": PROTOCOLS, "probe": PROBES}.items():
        kind = SETTINGS[setting].kind
        assert isinstance(kind, Choice)
        assert set(names) <= set(kind.names)


def test_the_page_of_settings_is_made_from_the_table():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), "make sync writes the page anew"
    for name in SETTINGS:
        assert f"| `{name}` |" in page


def test_meanings_are_short_noun_phrases():
    for setting in SETTINGS.values():
        assert setting.meaning[0].islower() or setting.meaning.startswith(
            ("JSON", "MLflow", "CT ", "FLARE", "GPU", "DICOM", "SeriesInstanceUID")
        )
        assert not setting.meaning.endswith(".")
        assert len(setting.meaning) <= 90


def test_the_command_tells_of_settings_by_name_and_of_the_nearest(capsys):
    settings("max_epochs", "pretrained")
    assert capsys.readouterr().out.splitlines() == [
        "--max_epochs: epochs of the run; a whole number, 1 or more (pretraining, training)",
        "--pretrained: checkpoint whose encoder a training starts from; a path, or none (pretraining, training)",
    ]
    settings()
    assert len(capsys.readouterr().out.splitlines()) == len(SETTINGS)
    with pytest.raises(BundleError, match=r"there is no setting max_epoch; did you mean max_epochs\?"):
        settings("max_epoch")
