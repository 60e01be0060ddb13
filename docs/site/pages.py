"""Pages of the documentation site that lie outside ``docs/`` or follow from the code.

The front page is the README, each bundle has a page, and each room of the package a reference of the names it exports.
Links between these files are rewritten to links between pages; a link to a file that is no page keeps its text alone.
"""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "plugins" / "swinx"
# Files of the repository, by the page that they become.
PAGES = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "style.md": "STYLE.md",
    "changelog.md": "CHANGELOG.md",
    "bundles/ssl_smit.md": "bundles/ssl_smit/docs/README.md",
    "bundles/pseudolabel.md": "bundles/pseudolabel/docs/README.md",
    "bundles/swinx_seg.md": "bundles/swinx_seg/docs/README.md",
}
LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)")


def on_config(config: Any) -> Any:
    """Return the configuration with the reference as the last part of the navigation."""
    rooms = [{f"swinx.{name}": f"api/{name}.md"} for name, exports in _exports().items() if exports]
    config.nav.append({"Reference": [{"By room": "api/index.md"}, *rooms]})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Return the files of the site with the generated pages among them."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    rooms = {name: exports for name, exports in _exports().items() if exports}
    for name in rooms:
        files.append(File.generated(config, f"api/{name}.md", content=_reference(name, rooms[name])))
    files.append(File.generated(config, "api/index.md", content=_contents(rooms)))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **others: Any) -> str:  # noqa: ARG001
    """Return a page with links to files of the repository as links between pages."""
    here = page.file.src_uri
    source = PAGES.get(here, f"docs/{here}")
    pages = {path: name for name, path in PAGES.items()}

    def rewrite(link: re.Match[str]) -> str:
        path, mark, anchor = link["target"].partition("#")
        if not path or "://" in path or here.startswith("api/"):
            return link[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        name = pages.get(target, target.removeprefix("docs/") if target.startswith("docs/") else "")
        if name and files.get_file_from_path(name):
            relative = posixpath.relpath(name, posixpath.dirname(here) or ".")
            return f"{link['image']}[{link['text']}]({relative}{mark}{anchor})"
        return link["text"] if (ROOT / target).exists() else link[0]

    return LINK.sub(rewrite, markdown)


def _exports() -> dict[str, list[str]]:
    """Return the names that each room exports, as its ``__all__`` has them; no code is run."""
    modules = [*PACKAGE.glob("*/__init__.py"), *PACKAGE.glob("[a-z]*.py")]
    found = {}
    for path in modules:
        name = path.parent.name if path.name == "__init__.py" else path.stem
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                found[name] = list(ast.literal_eval(node.value))
    return dict(sorted(found.items()))


def _summary(name: str) -> str:
    """Return the first line of a room's docstring."""
    path = PACKAGE / name / "__init__.py"
    tree = ast.parse((path if path.exists() else PACKAGE / f"{name}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0]


def _reference(name: str, exports: list[str]) -> str:
    """Return the page of a room in Markdown: what it is, and each name that it exports."""
    constants_last = sorted(exports, key=lambda export: (export.isupper(), export.lower()))
    entries = "".join(f"\n::: swinx.{name}.{export}\n" for export in constants_last)
    return f"# swinx.{name}\n\n{_summary(name)}\n{entries}"


def _contents(rooms: dict[str, list[str]]) -> str:
    """Return the page that lists the rooms."""
    rows = "".join(f"| [`swinx.{name}`]({name}.md) | {_summary(name)} | {len(rooms[name])} |\n" for name in rooms)
    return (
        "# The package by room\n\n"
        "Configurations and scripts may use the names that a room exports. All else is private to its room.\n\n"
        f"| room | content | names |\n| --- | --- | ---: |\n{rows}"
    )
