"""``swinx data plan``: settings for a training on a collection, with the reason for each."""

from __future__ import annotations

import math
import shlex
from pathlib import Path

from swinx.bundle import find_bundle_root
from swinx.cli.front.terminal import label_set_given, say
from swinx.data import list_label_set
from swinx.errors import DataListError
from swinx.files import shown
from swinx.planning import plan, plan_table, read_fingerprint, this_machine, write_plan
from swinx.rules import PlanningRules as Rule

__all__ = ["plan_settings"]


def plan_settings(
    data_list: Path, out: Path, labels: str | None, gpu_gb: float | None, sample: int = 50, seed: int = 0
) -> None:
    """Write the overlay and its reasons, and print the table and the commands that use it.

    Args:
        data_list: The data list.
        out: The overlay to write.
        labels: Label set as a command line has it; None for that of the data list.
        gpu_gb: Memory of the GPU in GiB, 0 for none; None for that of this machine.
        sample: Most cases whose voxels are read.
        seed: Of the sample.

    Raises:
        DataListError: If no labelled case can be used, or an option is no number that it can be.
        LabelSetError: If there is no such label set.
        OSError: If the files cannot be written.
    """
    _check_number("gpu_gb", gpu_gb, 0, "the memory of the GPU in GiB, or 0 for none")
    _check_number("sample", sample, 1, "a number of cases, 1 or more")
    label_set = label_set_given(labels) or list_label_set(data_list)
    machine = this_machine(gpu_gb)
    found = plan(read_fingerprint(data_list, label_set, sample=int(sample), seed=int(seed), machine=machine))
    overlay, record = write_plan(found, out)
    say(plan_table(found))
    say(f"\n{overlay}: the settings; {record}: the reasons, and what they were made from")
    configs = Path(find_bundle_root("swinx_seg"), "configs")
    places = _option("dataset_dir", data_list.parent.as_posix())
    if data_list.name != "datalist.json":
        places += _option("datalist", data_list.as_posix())
    places += "" if labels is None else _option("labels", labels)
    for run, file in (("training", "train.json"), ("inference", "inference.json")):
        files = ",".join(f"'{path.as_posix()}'" for path in (configs / file, overlay))
        say(f'python -m monai.bundle run {run} --config_file "[{files}]"{places}')
    if (folds := found.values["folds"]) > 1:
        say(f"swinx data list writes a data list for each fold, with --folds {folds}; give them by --datalist")


def _check_number(name: str, value: object, least: int, wanted: str) -> None:
    """Refuse what Fire made of an option if it is no number from ``least`` on.

    Raises:
        DataListError: If it is none.
    """
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and least <= value < math.inf):
        return
    raise DataListError(Rule.OPTION.says(name=name, value=shown(value), wanted=wanted))


def _option(name: str, value: str) -> str:
    return f" --{name} {shlex.quote(value)}"
