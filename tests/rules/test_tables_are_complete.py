"""Readers of data take every message from the tables of rules, so that the page of refusals is whole."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "plugins" / "swinx"
AROUND_READERS = {
    "annotated_table",
    "case_files",
    "check_report",
    "flare_layout",
    "held_out",
}
"""Modules of ``data`` that are about sections and settings of a run, not about what a file holds."""

READERS = [
    *(
        path
        for path in sorted((SOURCE / "data").rglob("*.py"))
        if path.stem not in AROUND_READERS and path.parent.name != "dicom_seg"  # a writer
    ),
    *(SOURCE / "geometry" / f"{name}.py" for name in ("grids", "patient_grid", "volume_checks")),
    SOURCE / "refinement" / "refine_labels.py",
    SOURCE / "refinement" / "teachers" / "prediction_folder.py",
    SOURCE / "training" / "partial" / "refuse_empty.py",
]
NO_MESSAGES = {
    "DICOM headers",  # of a progress bar
    "* lies elsewhere",  # an error that is caught
    # what a programmer did wrong
    "kind is 'image' or 'label', not *",
    "one truth makes one refined label; got the keys *",
    "*: merging a second time changed * voxels; * is at fault",
    "no axial axis: *",
    "reading DICOM needs pydicom: pip install pydicom",
    "reading this format needs SimpleITK: pip install simpleitk",
    # parts of messages
    "a JSON data list",
    "a manifest of annotated classes",
    "an empty list",
    "label maps",
    "the label",
    "the pseudo label",
    "pixel spacing",
    "frame of reference",
    "(transfer syntax *)",
    "* (* of * files*",
    "and * more",
    "* and * more",
    "DICOM series",
}
"""Texts of several words that are no refusal of data, whole, with * for a value."""


def sentences(source: str) -> list[str]:
    """Return the texts of several words that functions make and hand to no rule, docstrings left out."""
    functions = [
        part
        for part in ast.walk(ast.parse(source))
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    ]
    inner = {id(part) for outer in functions for part in ast.walk(outer) if part is not outer and part in functions}
    texts = [text for function in functions if id(function) not in inner for text in _texts(function)]
    return [text for text in texts if re.search(r"[A-Za-z]+\W* \W*[A-Za-z]+", text)]


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value.replace("%s", "*")
    elif isinstance(node, ast.JoinedStr):
        yield "".join(part.value if isinstance(part, ast.Constant) else "*" for part in node.values)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "says":
        return
    elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        for part in ast.iter_child_nodes(node):
            yield from _texts(part)


@pytest.mark.parametrize("path", READERS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_reader_takes_its_messages_from_the_tables(path):
    outside = {text.strip() for text in sentences(path.read_text())} - NO_MESSAGES
    assert not outside, "move these texts into a table of swinx/rules, and give each an example in tests/rules"


def test_texts_that_are_let_pass_occur():
    found = {text.strip() for path in READERS for text in sentences(path.read_text())}
    assert not NO_MESSAGES - found, "take these out of the list"


@pytest.mark.parametrize(
    "line",
    [
        "raise CaseError(path, f'{name} has {count} values per voxel')",
        "raise DataListError('section is empty')",
        "return [f'single slice: {shape}']",
        "faults.append(f'{count} NaN voxels')",
        "notes += ['compressed with loss'] if lossy else []",
        "fault = f'{path}: not a manifest'",
    ],
)
def test_a_message_that_is_written_in_a_function_is_found(line):
    assert sentences(f"def read(path):\n    {line}")


def test_a_message_of_a_table_and_a_docstring_are_not_found():
    source = (
        "def read(path):\n    'A line of words.'\n    raise CaseError(path, Rules.A.says(detail='cut off at the end'))"
    )
    assert not sentences(source)
