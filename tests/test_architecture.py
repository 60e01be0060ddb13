"""Rooms, floors and names of the package, and imports that belong to one place."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import swinx

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "plugins" / "swinx"
LONGEST_MODULE = 300
MOST_MODULES = 16
# A little above what there is, so that growth is a decision: whoever raises one says in the commit what it buys.
MOST_LINES = {"plugins/swinx/**/*.py": 49_720, "bundles/*/configs/*.json": 2_180}
# Optional packages, the rooms whose modules may import them, and how these modules are called.
OPTIONAL = {
    ("nnunetv2", "batchgenerators", "batchgeneratorsv2", "acvl_utils", "dynamic_network_architectures"): "nnunet",
    ("mlflow",): "tracking",
    ("pydicom", "highdicom"): "dicom",
    ("onnx", "onnxruntime", "onnxscript", "openvino"): "export|backends",
}


@cache
def modules() -> dict[Path, ast.Module]:
    """All modules of the package; none is read where no test of this file runs."""
    return {path: ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}


def floors() -> dict[str, int]:
    """Floor of each room, from the table in CONTRIBUTING.md."""
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    return {room: int(floor) for floor, room in rows}


# Packages that a training on NIfTI does without, and the rooms that need them whatever they do.
IMPORTED_LATE = {"SimpleITK", "matplotlib", "pandas", "sklearn"}
OF_TABLES_AND_PICTURES = ("report", "export", "segmentation")


def room_of(path: Path) -> str:
    """Name of the package, or of the top-level module, that a file belongs to."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield module and name of everything that a piece of code imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def imports_when_imported(path: Path) -> set[str]:
    """First names of the packages that a module imports while it is imported itself."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if for_types or isinstance(node, ast.FunctionDef):
            node.body = [ast.Pass()]
    return {module.split(".")[0] for module, _ in imports(tree)}


def public_names(room: str) -> set[str]:
    """Names in ``__all__`` of a room."""
    tree = modules()[SOURCE / room / "__init__.py"]
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(ast.unparse(target) == "__all__" for target in targets):
            return set(ast.literal_eval(node.value))
    return set()


def test_every_room_is_in_the_table_of_contributing_with_the_first_line_of_its_docstring():
    page = (ROOT / "CONTRIBUTING.md").read_text()
    for path, tree in modules().items():
        if path.parent != SOURCE and path.name != "__init__.py":
            continue
        if path == SOURCE / "__init__.py":
            continue
        name = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        assert f"`{name}` | {(ast.get_docstring(tree) or '').splitlines()[0]} |" in page, name


def test_imports_point_down_and_name_what_a_room_exports():
    floor = floors()
    for path, tree in modules().items():
        here = room_of(path)
        if path == SOURCE / "__init__.py":
            continue
        for module, name in imports(tree):
            if not module.startswith("swinx.") or module.split(".")[1] == here:
                continue
            there = module.split(".")[1]
            assert floor[there] < floor[here], f"{path} imports {module}"
            assert module == f"swinx.{there}", f"{path} imports {module}, not what the room exports"
            if (SOURCE / there).is_dir():
                assert name in public_names(there), f"{path} imports {name}, which {there} does not export"


def test_configurations_name_what_rooms_export():
    for path in ROOT.glob("bundles/*/configs/*.json"):
        text = json.dumps(json.loads(path.read_text()))
        named = re.findall(r'"_target_": "swinx\.([\w.]+)\.(\w+)"', text)
        for room, name in [*named, *re.findall(r"from swinx\.([\w.]+) import (\w+)", text)]:
            assert name in public_names(room), f"{path} names {room}.{name}"


def test_modules_are_short_named_once_and_say_what_is_public():
    names = Counter(path.stem for path in modules() if path.name not in ("__init__.py", "__main__.py"))
    assert not [name for name, count in names.items() if count > 1]
    folders = Counter(path.parent for path in modules() if path.name != "__init__.py")
    assert not {folder: count for folder, count in folders.items() if count > MOST_MODULES}
    for path in modules():
        text = path.read_text()
        assert len(text.splitlines()) <= LONGEST_MODULE, path
        is_inner_room = path.name == "__init__.py" and path.parent.parent != SOURCE
        assert "__all__" in text or path == SOURCE / "__init__.py" or is_inner_room, path


def test_docstrings_begin_with_the_thing_itself():
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                first = (ast.get_docstring(node) or "").partition("\n")[0]
                assert not re.match(r"(What|Whether|How|Which|Return what)\b", first), f"{path}: {first}"


def test_optional_packages_are_imported_in_one_place_and_only_when_needed():
    for path, tree in modules().items():
        for packages, place in OPTIONAL.items():
            if not {module.split(".")[0] for module, _ in imports(tree)} & set(packages):
                continue
            assert re.search(place, str(path.relative_to(SOURCE))), path
            assert not imports_when_imported(path) & set(packages), path


def test_large_packages_are_imported_where_they_are_used():
    for path in modules():
        if room_of(path) not in OF_TABLES_AND_PICTURES:
            assert not imports_when_imported(path) & IMPORTED_LATE, path


def test_checkpoints_are_read_without_pickle_and_tables_by_one_module():
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords), path
        attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not attributes & {"read_csv", "to_csv"}, path
        # handlers write and read rows of numbers, one at a time
        assert ("csv", "") not in imports(tree) or path.name in ("tables.py", "step_log.py", "mlflow_run.py"), path


def test_texts_fit_a_package_that_is_installed_from_its_repository():
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("bundles/*/docs/*.md")]
    for path in [*modules(), *documents]:
        by_name = r"pip install (?![^\n]*(?: @ file:|\.whl))[^\n]*\bswinx\b"
        assert not re.search(by_name, path.read_text()), path
    for path in modules():
        assert "bundles/" not in path.read_text(), path


def test_the_version_is_all_that_importing_the_package_costs():
    assert swinx.__version__
    assert imports_when_imported(SOURCE / "__init__.py") <= {"__future__", "importlib", "typing"}


def keys(content: object) -> Iterator[str]:
    """Yield all keys of a configuration."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield name
            yield from keys(value)
    elif isinstance(content, list):
        for value in content:
            yield from keys(value)


def test_configurations_pick_no_item_by_its_position_in_a_list():
    for path in ROOT.glob("bundles/*/configs/*.json"):
        picked = [key for key in keys(json.loads(path.read_text())) if re.search(r"::\d+(::|$)", key)]
        assert not picked, path


def inner_room_of(path: Path) -> str:
    """Dotted name of the innermost room that a file belongs to; a room around others has its own modules alone."""
    return ".".join(path.relative_to(SOURCE).parts[:-1])


def test_inner_rooms_of_a_room_import_each_other_in_one_direction():
    """Interfaces do not count: the `__init__` of a room exports the names of its inner rooms."""
    needs: dict[str, set[str]] = {}
    for path, tree in modules().items():
        here = inner_room_of(path)
        if path.name == "__init__.py" or not here:
            continue
        for module, _ in imports(tree):
            file = SOURCE.parent / f"{module.replace('.', '/')}.py"
            if file in modules() and (there := inner_room_of(file)) not in (here, ""):
                needs.setdefault(here, set()).add(there)
    TopologicalSorter(needs).prepare()


def test_package_and_configurations_stay_below_their_ceilings():
    for pattern, most in MOST_LINES.items():
        lines = sum(len(path.read_text().splitlines()) for path in ROOT.glob(pattern))
        assert lines <= most, f"{pattern} has {lines} lines"
        assert lines > 0.9 * most, f"{pattern} has {lines} lines; lower the ceiling"
