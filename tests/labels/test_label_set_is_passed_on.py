"""Every part of the package works with the label set that it is given, and none falls back on FLARE-23 by itself."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "plugins" / "swinx"
FLARE_ROOMS = ("labels", "cohorts")
"""Rooms that may speak of FLARE-23 by name: it is a label set, and the phantoms are of it."""


@cache
def trees() -> dict[str, ast.Module]:
    """All modules of the package, by name; none is read where no test of this file runs."""
    return {
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts): ast.parse(path.read_text())
        for path in sorted(SOURCE.rglob("*.py"))
    }


def test_a_label_set_is_passed_on_to_whatever_takes_one():
    found = {module: dict(callables_with_label_set(tree)) for module, tree in trees().items()}
    lost = []
    for module, tree in trees().items():
        if is_of_flare(module):
            continue
        takes = found[module] | {
            alias.asname or alias.name: found[origin][alias.name]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
            for origin in found
            if origin.startswith(node.module) and alias.name in found[origin]
        }
        for call in ast.walk(tree):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id not in takes:
                continue
            if call.func.id == "CTReader" and all(word.arg != "kind" for word in call.keywords):
                continue  # of scans
            named = any(word.arg in ("label_set", None) for word in call.keywords)
            starred = any(isinstance(word, ast.Starred) for word in call.args)
            if not named and not starred and len(call.args) <= takes[call.func.id]:
                lost.append(f"{module}:{call.lineno} {call.func.id}")
    assert lost == []


def is_of_flare(module: str) -> bool:
    return module.split(".")[1:2] in ([room] for room in FLARE_ROOMS)


def callables_with_label_set(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Functions and classes of a module that take a label set, and its position among the positional arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("__"):
            yield from positions(node.name, node.args, skip=0)
        elif isinstance(node, ast.ClassDef):
            fields = [item.target.id for item in node.body if isinstance(item, ast.AnnAssign)]
            if "label_set" in fields and any("dataclass" in ast.dump(word) for word in node.decorator_list):
                yield node.name, fields.index("label_set")
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                    yield from positions(node.name, item.args, skip=1)


def positions(name: str, arguments: ast.arguments, skip: int) -> Iterator[tuple[str, int]]:
    order = [word.arg for word in arguments.args][skip:]
    if "label_set" in order:
        yield name, order.index("label_set")
    elif any(word.arg == "label_set" for word in arguments.kwonlyargs):
        yield name, 99


def test_no_module_speaks_of_the_classes_of_flare_but_as_a_label_set():
    found = [
        f"{module}: {name}"
        for module, tree in trees().items()
        if not is_of_flare(module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in (alias.name for alias in node.names)
        if name == "FlareLabel"
    ]
    assert found == []


def test_configurations_give_their_label_set_to_each_component_that_takes_one():
    lost = []
    for path in sorted((ROOT / "bundles").glob("*/configs/*.json")):
        for target, given in components(json.loads(path.read_text())):
            room, _, name = target.rpartition(".")
            if room.startswith("swinx.") and "label_set" not in given:
                parameters = inspect.signature(getattr(importlib.import_module(room), name)).parameters
                reads_scans = target == "swinx.data.CTReader" and given.get("kind") != "label"
                if "label_set" in parameters and not reads_scans:
                    lost.append(f"{path.parent.parent.name}/{path.name}: {target}")
    without_classes = ("ssl_smit/train.json", "ssl_smit/inference.json")
    assert [line for line in lost if not line.startswith(without_classes)] == []


def components(value: object) -> Iterator[tuple[str, dict[str, object]]]:
    if isinstance(value, dict):
        if "_target_" in value:
            yield value["_target_"], value
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from components(item)
