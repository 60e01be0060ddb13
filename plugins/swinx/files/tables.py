"""Tables as CSV files: names stay text, whatever they look like, and no spreadsheet runs them."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np
import pandas as pd

from swinx.files.atomic import read_text, write_whole
from swinx.rules import TextRules

__all__ = ["read_table", "write_table"]

_FORMULA = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_RUNS = re.compile(f"'*[{_FORMULA}]")
_ESCAPED = re.compile(f"'+[{_FORMULA}]")


def write_table(path: str | os.PathLike[str], table: pd.DataFrame, missing: str = "") -> None:
    """Write a table as CSV in UTF-8, atomically.

    Text that a spreadsheet would run, since it begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break, gets the
    prefix ``'``, be it a cell or the name of a column. :func:`read_table` removes it.

    Args:
        path: The file to appear.
        table: Its columns are written, a named index first.
        missing: Text for values that are missing (nan or None).

    Raises:
        OSError: As :func:`swinx.files.write_whole` does.
    """
    whole = table.reset_index() if table.index.name is not None else table
    names = [_as_text(str(name), missing) for name in whole.columns]
    rows = ([_as_text(value, missing) for value in row] for row in whole.itertuples(index=False, name=None))
    with (
        write_whole(path) as partial,
        partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as out,
    ):
        out.writelines(_lines([names]))
        out.writelines(_lines(rows))


def read_table(path: str | os.PathLike[str], text: Collection[str] = ("case",)) -> pd.DataFrame:
    """Read a table that :func:`write_table` or a spreadsheet wrote.

    Args:
        path: The CSV file, in UTF-8, UTF-16 or UTF-32, with or without byte order mark.
        text: Columns that stay text, such as ``NA``, ``001``, ``1e5`` and ``true``. The others become integers,
            floating-point numbers or truth values where all their cells are such; an empty cell and ``nan`` are nan.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no table; the message names it.
    """
    try:
        rows = [row for row in csv.reader(io.StringIO(read_text(path), newline=""), strict=True) if row]
    except (ValueError, csv.Error) as error:
        raise ValueError(TextRules.NO_TABLE.says(path=path, detail=error)) from error
    if not rows:
        raise ValueError(TextRules.NO_TABLE.says(path=path, detail="it is empty"))
    names, *cells = rows
    names = _as_strings(names)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(TextRules.NO_TABLE.says(path=path, detail=f"column {twice[0]!r} stands twice"))
    if odd := next((number for number, row in enumerate(cells, start=2) if len(row) != len(names)), None):
        found = f"row {odd} has {len(cells[odd - 2])} cells and the first has {len(names)}"
        raise ValueError(TextRules.NO_TABLE.says(path=path, detail=found))
    columns = {
        name: _as_strings(values) if name in text else _as_values(values)
        for name, values in zip(names, zip(*cells, strict=True) if cells else ((),) * len(names), strict=True)
    }
    return pd.DataFrame(columns, columns=names)


def _lines(rows: Iterable[list[str]]) -> Iterable[str]:
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow(row)  # with its own line ends, since it quotes only the breaks that are in those
        yield line.getvalue().removesuffix("\r\n") + "\n"


def _as_text(value: Any, missing: str) -> str:
    if isinstance(value, str):
        return f"'{value}" if _RUNS.match(value) else value
    if value is None or value is pd.NA or (isinstance(value, float | np.floating) and np.isnan(value)):
        return missing
    return repr(float(value)) if isinstance(value, float | np.floating) else str(value)


def _as_strings(values: Iterable[str]) -> list[str]:
    return [value[1:] if _ESCAPED.match(value) else value for value in values]


def _as_values(values: tuple[str, ...]) -> list[Any]:
    for read in (_truth, int, _number):
        try:
            return [_convert(value, read) for value in values]
        except ValueError:
            continue
    return _as_strings(values)


def _convert(value: str, read: Callable[[str], Any]) -> Any:
    if not value.isascii() or "_" in value:
        raise ValueError(value)  # int and float know digits and separators that no other program writes
    return read(value)


def _truth(value: str) -> bool:
    if value not in ("True", "False"):
        raise ValueError(value)
    return value == "True"


def _number(value: str) -> float:
    return float(value) if value.strip() else float("nan")
