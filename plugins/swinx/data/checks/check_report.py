"""The result of an integrity check, as an object, a table and files."""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from swinx.files import write_json, write_table
from swinx.visible_text import visible

__all__ = ["CheckReport", "Finding", "format_report", "probe_folder", "write_report"]

_COLUMNS = ("severity", "case", "file", "finding")


@dataclass(frozen=True)
class Finding:
    """A fault or a note about one file.

    Attributes:
        severity: ``"fault"``: the case cannot be used; ``"note"``: it can, but look at it.
        case: Name of the case.
        file: The file it was found in.
        finding: One sentence.
    """

    severity: str
    case: str
    file: str
    finding: str


@dataclass(frozen=True)
class CheckReport:
    """The findings of :func:`check_data`.

    Attributes:
        num_cases: Cases looked at, unusable entries of a data list included.
        findings: Faults and notes in case order.
        collection: Lines on the collection as a whole.
    """

    num_cases: int
    findings: tuple[Finding, ...]
    collection: tuple[str, ...] = ()

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that make a case unusable."""
        return tuple(finding for finding in self.findings if finding.severity == "fault")

    @property
    def notes(self) -> tuple[Finding, ...]:
        """The findings that leave the case usable."""
        return tuple(finding for finding in self.findings if finding.severity == "note")

    @property
    def ok(self) -> bool:
        """True if every case can be used."""
        return not self.faults


def format_report(report: CheckReport) -> str:
    """Return the findings as a table for a terminal, lines on the whole collection, and a summary as the last line."""
    rows = [_COLUMNS, *[tuple(map(visible, asdict(finding).values())) for finding in report.findings]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS) - 1)]
    lines = ["  ".join([*map(str.ljust, row[:-1], widths), row[-1]]) for row in rows]
    bad = len({(finding.case, finding.file) for finding in report.faults})
    cases = len({finding.case for finding in report.faults})
    summary = f"{report.num_cases} cases: {cases} unusable ({bad} files at fault), {len(report.notes)} notes"
    return "\n".join([*(lines if report.findings else []), *report.collection, summary])


def write_report(report: CheckReport, out_dir: str | os.PathLike[str]) -> None:
    """Write ``check.json`` and ``check.csv`` into ``out_dir``, each atomically."""
    rows = [asdict(finding) for finding in report.findings]
    content = {"ok": report.ok, "num_cases": report.num_cases, "findings": rows, "collection": list(report.collection)}
    write_json(Path(out_dir) / "check.json", content)
    import pandas as pd

    # as objects, since file names that are not UTF-8 are no strings to pandas
    write_table(Path(out_dir) / "check.csv", pd.DataFrame(rows, columns=list(_COLUMNS), dtype=object))


def probe_folder(folder: str | os.PathLike[str]) -> None:
    """Make ``folder`` and check that it can be written to, before the work rather than after it.

    Raises:
        OSError: If it cannot; the message names the folder.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(f"cannot write to {folder}: {error.strerror or error}; choose another output folder") from error
