"""The page of the documentation that lists all rules."""

from __future__ import annotations

import sys

from swinx.rules import ALL_RULES

__all__ = ["rules_page"]

_INTRODUCTION = """\
# What swinx refuses, warns of, and repairs

- **refused**: the case, or the file, is not used. A batch goes on with the others, names it with the reason, and ends
  with exit code 1.
- **warned**: the case is used. The log and the record of the case (`warnings` in `<case>.json`) say what was found.
- **repaired**: the case is used with the value that is certainly meant, and the log says so.
- **skipped**: the file or the folder is no case of its own; the line `scans in ...` of the log names it.

The same rules hold in `swinx data check`, pretraining, refinement, training, inference and scoring. Words in italics
stand for what was found. This page is generated from the tables that the code uses (`make sync`), and each row is a
test.

A format without a checksum (DICOM, compressed or not, and uncompressed files) does not tell a value that was changed
into another possible one: of these, only missing and impossible values can be found. The checksum of MetaImage,
Adler-32, misses one in thousands of changed bits. Keep checksums of such files yourself where that matters.
"""


def rules_page() -> str:
    """Return the page in Markdown, a table for each group of rules."""
    parts = [_INTRODUCTION]
    for heading, tables in ALL_RULES.items():
        rows = [rule.value.as_row() for table in tables for rule in table]
        parts.append("\n".join([f"## {heading}\n", "| | where | message |", "| --- | --- | --- |", *rows]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(rules_page())
