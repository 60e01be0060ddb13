"""The import rule, the size of modules, and what only one module may import."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "plugins" / "swinx"
LEAVES = {
    "case_names",
    "child_guard",
    "child_process",
    "errors",
    "files",
    "folder_lock",
    "labels",
    "mixed_precision",
    "nifti",
    "partial_files",
    "paths",
    "plain_data",
    "regular_files",
    "resources",
    "rules",
    "tables",
    "visible_text",
    "volume_ranges",
    "written_files",
}
BELOW = {
    "case_names": {"rules", "visible_text"},
    "child_guard": set(),
    "child_process": {"child_guard"},
    "errors": {"visible_text"},
    "files": {"partial_files", "regular_files", "rules", "written_files"},
    "folder_lock": {"errors", "files", "partial_files", "paths", "plain_data", "rules", "visible_text"},
    "labels": set(),
    "mixed_precision": set(),
    "nifti": {"files"},
    "partial_files": set(),
    "paths": set(),
    "plain_data": {"errors", "files", "regular_files", "rules", "visible_text"},
    "regular_files": {"rules"},
    "resources": set(),
    "rules": set(),
    "tables": {"files", "rules"},
    "visible_text": set(),
    "written_files": set(),
    "volume_ranges": {"errors", "labels", "plain_data", "rules"},
    "ops": LEAVES,
    "networks": LEAVES | {"ops"},
    "tracking": LEAVES,
    "bundle": LEAVES | {"tracking"},
    "losses": LEAVES | {"ops"},
    "transforms": LEAVES | {"ops"},
    "metrics": LEAVES | {"ops"},
    "data": LEAVES | {"ops", "networks", "transforms", "metrics"},
    "inferers": LEAVES | {"ops", "networks", "transforms", "metrics"},
    "engines": LEAVES | {"ops", "networks", "losses", "transforms", "metrics"},
    "handlers": LEAVES | {"ops", "networks", "losses", "transforms", "metrics", "tracking", "bundle"},
    "interop": LEAVES | {"ops", "networks", "transforms", "metrics", "data", "inferers"},
    "exports": LEAVES | {"ops", "networks", "transforms", "metrics", "data", "tracking", "bundle"},
    "packaging": LEAVES | {"networks", "tracking", "bundle"},
    "report": LEAVES
    | {"ops", "networks", "losses", "transforms", "metrics", "data", "inferers", "engines", "handlers", "tracking"},
}
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def imported(path: Path) -> set[str]:
    """Full names of all modules that a file imports, anywhere in it."""
    return imported_by(path.read_text())


def imported_by(source: str) -> set[str]:
    """Full names of all modules that a piece of code imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def room(path: Path) -> str:
    """The package, or the top-level module, that a file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path):
    here = room(path)
    if here in ("cli", "__main__"):
        return
    rooms = {name.split(".")[1] for name in imported(path) if name.startswith("swinx.")}
    assert rooms - {here} <= BELOW[here]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_is_one_idea(path):
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_says_what_is_public(path):
    assert "__all__" in path.read_text()


def test_pure_functions_know_no_engine():
    for path in (SOURCE / "ops").glob("*.py"):
        assert not {name for name in imported(path) if name.startswith(("monai.engines", "monai.handlers", "ignite"))}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nnunet_is_imported_by_its_own_modules_alone_and_only_when_it_is_needed(path):
    theirs = {"nnunetv2", "batchgenerators", "batchgeneratorsv2", "acvl_utils", "dynamic_network_architectures"}
    if not any(name.split(".")[0] in theirs for name in imported(path)):
        return
    assert (room(path), path.name.startswith("nnunet")) == ("interop", True)
    at_import = ast.parse(path.read_text())
    for function in [node for node in ast.walk(at_import) if isinstance(node, ast.FunctionDef)]:
        function.body = [ast.Pass()]
    assert not {name.split(".")[0] for name in imported_by(ast.unparse(at_import))} & theirs


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_mlflow_is_imported_where_runs_are_tracked_and_only_when_it_is_needed(path):
    if not any(name.split(".")[0] == "mlflow" for name in imported(path)):
        return
    assert room(path) == "tracking"
    at_import = ast.parse(path.read_text())
    for function in [node for node in ast.walk(at_import) if isinstance(node, ast.FunctionDef)]:
        function.body = [ast.Pass()]
    assert "mlflow" not in {name.split(".")[0] for name in imported_by(ast.unparse(at_import))}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_pydicom_and_highdicom_are_imported_by_modules_about_dicom_alone_and_only_when_needed(path):
    theirs = {"pydicom", "highdicom"}
    if not any(name.split(".")[0] in theirs for name in imported(path)):
        return
    assert room(path) in ("data", "interop")
    assert path.name.startswith("dicom")
    at_import = ast.parse(path.read_text())
    for part in ast.walk(at_import):
        for_types = isinstance(part, ast.If) and ast.unparse(part.test) == "TYPE_CHECKING"
        if isinstance(part, ast.FunctionDef) or for_types:
            part.body = [ast.Pass()]
    assert not {name.split(".")[0] for name in imported_by(ast.unparse(at_import))} & theirs


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_exporters_are_imported_by_their_own_modules_alone_and_only_when_they_are_needed(path):
    theirs = {"onnx", "onnxruntime", "onnxscript", "openvino", "torch_tensorrt"}
    if not any(name.split(".")[0] in theirs for name in imported(path)):
        return
    assert room(path) == "exports"
    at_import = ast.parse(path.read_text())
    for function in [node for node in ast.walk(at_import) if isinstance(node, ast.FunctionDef)]:
        function.body = [ast.Pass()]
    assert not {name.split(".")[0] for name in imported_by(ast.unparse(at_import))} & theirs


def test_the_package_never_opens_the_bundles():
    for path in MODULES:
        assert "bundles/" not in path.read_text(), path


def test_nobody_is_told_to_install_this_package_by_its_name_from_an_index_that_does_not_have_it():
    root = SOURCE.parents[1]
    documents = [*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("bundles/*/docs/*.md")]
    for path in [*MODULES, *documents]:
        assert not re.search(r"pip install [^\n]*\bswinx\b", path.read_text()), path


def test_checkpoints_are_read_without_pickle():
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords), path


def test_tables_are_written_and_read_by_one_module_so_that_names_stay_text():
    for path in MODULES:
        attributes = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert not attributes & {"read_csv", "to_csv"}, path
        # the handlers write and read rows of numbers, one at a time
        assert "csv" not in imported(path) or path.name in ("tables.py", "step_log.py", "mlflow_run.py"), path
