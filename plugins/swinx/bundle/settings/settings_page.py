"""The page of the documentation that lists all settings."""

from __future__ import annotations

import sys

from swinx.bundle.settings.setting import RUNS, Setting
from swinx.bundle.settings.settings_table import SECTIONS

__all__ = ["settings_page"]

_INTRODUCTION = """\
# Settings

A setting stands at the top of a configuration and is given as `--name value` to `monai.bundle run`, such as
`--max_epochs 20 --resume no --pixdim "[1.5,1.5,1.5]"`. Defaults are in the configurations and in the READMEs of the
bundles.

- Names and values are checked before a run begins. A misspelt name, a value of another kind or out of range, and two
  settings that contradict each other end the run with one sentence; see [what is refused](refusals.md).
- `False`, `false`, `no`, `off` and `0` mean the same, as do `True`, `true`, `yes`, `on` and `1`.
- `none` clears a setting that may be none.
- A path may look like a number: `--dataset_dir 20230101`.
- A `$` at the start makes an expression of a value, which is not checked; `a::b` and `a#b` lead into components.

Commands: `pretraining`, `reconstruction` and `probes` are `training`, `inference` and `evaluate` of `ssl_smit`;
`teacher`, `refinement`, `one case` and `rounds` are `train.json`, `refine.json`, `inference.json` and `rounds.json` of
`pseudolabel`; `training`, `inference` and `evaluation` are those of `swinx_seg`; `tracking` is `mlflow.json`.
`swinx settings NAME` prints a row. This page is generated from the table that the code uses (`make sync`).
"""


def settings_page() -> str:
    """Return the page in Markdown, a table for each section."""
    parts = [_INTRODUCTION]
    for heading, rows in SECTIONS.items():
        head = [f"## {heading}\n", "| setting | meaning | value | commands |", "| --- | --- | --- | --- |"]
        parts.append("\n".join([*head, *map(_row, rows)]) + "\n")
    return "\n".join(parts)


def _row(row: Setting) -> str:
    stages = "all" if row.stages == RUNS else ", ".join(row.stages)
    return f"| `{row.name}` | {row.meaning} | {row.wanted} | {stages} |".replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(settings_page())
