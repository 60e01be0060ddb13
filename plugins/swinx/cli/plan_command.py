"""``swinx data plan``: settings for a training on a collection, with the reason for each."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from swinx.bundle import find_bundle_root
from swinx.cli.terminal import complain, say
from swinx.data import choose_label_set
from swinx.errors import LabelSetError
from swinx.planning import plan, plan_table, read_fingerprint, this_machine, write_plan

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
        DataListError: If no labelled case can be used.
        LabelSetError: If there is no such label set.
        OSError: If the files cannot be written.
    """
    label_set = choose_label_set(_parsed(labels), data_list)
    machine = this_machine(gpu_gb)
    found = plan(read_fingerprint(data_list, label_set, sample=sample, seed=seed, machine=machine))
    overlay, record = write_plan(found, out)
    say(plan_table(found))
    for case in found.fingerprint.left_out:
        complain(f"left out: {case}")
    say(f"\n{overlay}: the settings; {record}: the reasons, and what they were made from")
    configs = Path(find_bundle_root("swinx_seg"), "configs")
    places = _option("dataset_dir", data_list.parent.as_posix())
    if data_list.name != "datalist.json":
        places += _option("datalist", data_list.as_posix())
    places += "" if labels is None else _option("labels", labels)
    for run, file in (("training", "train.json"), ("inference", "inference.json")):
        files = ",".join(f"'{path.as_posix()}'" for path in (configs / file, overlay))
        say(f'python -m monai.bundle run {run} --config_file "[{files}]"{places}')


def _option(name: str, value: str) -> str:
    return f" --{name} {shlex.quote(value)}"


def _parsed(labels: str | None) -> Any:
    """Return inline JSON as what it holds, and a name or a file as it is."""
    if labels is None or not labels.lstrip().startswith("{"):
        return labels
    try:
        return json.loads(labels)
    except json.JSONDecodeError as error:
        raise LabelSetError(f"--labels: is no JSON: {error}") from error
