"""Tables as CSV files: names stay text, whatever they look like, and no spreadsheet runs them."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from swinx.files.atomic import read_text, write_atomic
from swinx.rules import TextRules

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["read_rows", "read_table", "write_rows", "write_table"]

_FORMULA = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_RUNS = re.compile(f"'*[{_FORMULA}]")
_ESCAPED = re.compile(f"'+[{_FORMULA}]")


def write_rows(path: str | os.PathLike[str], rows: Sequence[Mapping[str, Any]], missing: str = "") -> None:
    """Write a table as CSV in UTF-8, atomically, without pandas.

    Text that a spreadsheet would run, since it begins with ``=``, ``+``, ``-``, ``@``, a tab or a line break, gets the
    prefix ``'``, be it a cell or the name of a column. :func:`read_table` removes it.

    Args:
        path: The file to appear.
        rows: Values by column; a column that a row lacks is missing there.
        missing: Text for values that are missing (nan or None).

    Raises:
        OSError: As :func:`swinx.files.write_atomic` does.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    _write(path, columns, ([row.get(name) for name in columns] for row in rows), missing)


def write_table(path: str | os.PathLike[str], table: pd.DataFrame, missing: str = "") -> None:
    """Write a table as :func:`write_rows` does, a named index first."""
    import pandas as pd

    whole = table.reset_index() if table.index.name is not None else table
    rows = whole.itertuples(index=False, name=None)
    _write(path, whole.columns, ([None if value is pd.NA else value for value in row] for row in rows), missing)


def read_table(path: str | os.PathLike[str], text: Collection[str] = ("case",)) -> pd.DataFrame:
    """Read a table as :func:`read_rows` does."""
    import pandas as pd  # here, since most commands read no table

    columns = _read_columns(path, text)
    return pd.DataFrame(columns, columns=list(columns))


def read_rows(path: str | os.PathLike[str], text: Collection[str] = ("case",)) -> list[dict[str, Any]]:
    """Read a table that :func:`write_rows`, :func:`write_table` or a spreadsheet wrote, without pandas.

    Args:
        path: The CSV file, in UTF-8, UTF-16 or UTF-32, with or without byte order mark.
        text: Columns that stay text, such as ``NA``, ``001``, ``1e5`` and ``true``. The others become integers,
            floating-point numbers or truth values where all their cells are such; an empty cell and ``nan`` are nan.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is no table; the message names it.
    """
    columns = _read_columns(path, text)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _read_columns(path: str | os.PathLike[str], text: Collection[str]) -> dict[str, list[Any]]:
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
    return {
        name: _as_strings(values) if name in text else _as_values(values)
        for name, values in zip(names, zip(*cells, strict=True) if cells else ((),) * len(names), strict=True)
    }


def _write(path: str | os.PathLike[str], names: Iterable[Any], rows: Iterable[Iterable[Any]], missing: str) -> None:
    with (
        write_atomic(path) as partial,
        partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as out,
    ):
        out.writelines(_lines([[_as_text(str(name), missing) for name in names]]))
        out.writelines(_lines([_as_text(value, missing) for value in row] for row in rows))


def _lines(rows: Iterable[list[str]]) -> Iterable[str]:
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow(row)  # with its own line ends, since it quotes only the breaks that are in those
        yield line.getvalue().removesuffix("\r\n") + "\n"


def _as_text(value: Any, missing: str) -> str:
    if isinstance(value, str):
        return f"'{value}" if _RUNS.match(value) else value
    import numpy as np

    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
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
