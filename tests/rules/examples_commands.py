"""Words of commands that are refused before a run begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.examples import example
from swinx.cli.front.stage_commands import TRAIN
from swinx.errors import BundleError
from swinx.rules import SettingRules


@example(SettingRules.NO_VALUE)
def a_name_without_its_value(folder: Path) -> str:
    assert TRAIN.command_line([str(folder), "--mlflow"])[-2:] == ["--mlflow", "True"]
    with pytest.raises(BundleError) as told:
        TRAIN.command_line([str(folder), "--max_epochs", "--mlflow"])
    return str(told.value)
