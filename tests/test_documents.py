"""The documents: links that lead somewhere, and a place for every page."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\(([^)\s]+)\)")
# A command beside figures: in code, followed by its date in the same brackets or sentence.
CITED = re.compile(r"`(?:\.venv/bin/python )?(benchmarks/\w+\.py[^`]*)`[^)]{0,300}?(\d{4}-\d\d-\d\d)")
# Options that say where files lie, which a page leaves out.
PLACES = re.compile(r" --(?:cache|out|checkpoint|dataset_dir) \S+")


def _documents() -> list[Path]:
    return [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("docs/guides/*.md"),
        *ROOT.glob("bundles/*/docs/*.md"),
    ]


def _anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MkDocs make them."""
    heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_links_between_documents_lead_to_a_file_and_a_heading() -> None:
    """A link that leads nowhere is found here, and once more by ``make docs``."""
    broken = []
    for document in _documents():
        for link in LINK.findall(document.read_text(encoding="utf-8")):
            path, _, anchor = link.partition("#")
            if "://" in link:
                continue
            target = document.parent / path if path else document
            if not target.exists() or (anchor and anchor not in _anchors(target)):
                broken.append(f"{document.relative_to(ROOT)}: {link}")
    assert broken == []


def _without_places(command: str) -> str:
    """Return a command as pages write it: no places of files, no quotes of a shell."""
    return PLACES.sub("", command).replace("'", "")


def _cited(document: Path) -> list[tuple[str, str]]:
    """Return the commands of benchmarks that a page cites for its figures, with their dates."""
    text = " ".join(document.read_text(encoding="utf-8").split())
    return [(_without_places(command), date) for command, date in CITED.findall(text)]


def _records() -> dict[str, tuple[str, str]]:
    """Return command and day of each record of a benchmark, by the name of its file."""
    records = {path.name: json.loads(path.read_text()) for path in ROOT.glob("benchmarks/results/*.json")}
    return {name: (_without_places(record["command"]), record["date"][:10]) for name, record in records.items()}


def test_a_page_cites_the_command_and_the_date_of_its_record() -> None:
    """A command that is corrected by hand, without a run, never made the figures beside it."""
    records = set(_records().values())
    programs = {command.split()[0] for command, _ in records}
    wrong = []
    for document in _documents():
        for command, date in _cited(document):
            if command.split()[0] in programs and (command, date) not in records:
                wrong.append(f"{document.relative_to(ROOT)}: {command}, {date}")
    assert wrong == []


def test_every_record_is_cited_by_a_page() -> None:
    """A record counts as cited by its command and date, or by the name of its file."""
    pages = "".join(document.read_text(encoding="utf-8") for document in _documents())
    cited = {citation for document in _documents() for citation in _cited(document)}
    assert [name for name, record in _records().items() if record not in cited and name not in pages] == []


def test_every_page_has_a_place_in_the_site() -> None:
    """A page that the navigation does not name would be found by nobody."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    placed = set(re.findall(r"[\w/-]+\.md", navigation))
    pages = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/guides/*.md")]
    assert [path for path in pages if path.relative_to(ROOT / "docs").as_posix() not in placed] == []
