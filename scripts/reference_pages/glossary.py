"""docs/reference/glossary.md: the words for one thing in five languages, from the data that a test reads too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "glossary.json"

GROUPS: Final = {
    "catalogue": "Catalogue",
    "access": "Access and exchange",
    "people": "Nodes and people",
    "evidence": "Evidence",
    "keys": "Keys and encryption",
    "pages": "Pages and messages",
    "scenarios": "Scenarios",
}

LANGUAGES: Final = {"nl": "Nederlands", "fr": "Français", "de": "Deutsch", "cs": "Čeština"}

OPENING: Final = """# Glossary

One thing has one word, in each of the five languages of the pages. The words are those that open-data portals use.
Where they have none, it is the plainest word that a civil servant would say. Texts address the reader politely:
*u*, *vous*, *Sie*, *vy*.

The words are kept in [glossary.json](glossary.json). `tests/unit/texts/test_glossary.py` holds every catalogue of
texts to them: where the English text says a term, the other languages say its word. Words that were replaced are
used nowhere. To change a word, change it there and in the texts, and run `scripts/reference`.
"""


def glossary() -> str:
    """Return the page."""
    data = json.loads(DATA.read_text("utf-8"))
    unknown = {term["group"] for term in data["terms"]} - set(GROUPS)
    if unknown:
        raise ValueError(f"{DATA.name} has groups without a heading: {', '.join(sorted(unknown))}")
    sections = [
        _section(title, [term for term in data["terms"] if term["group"] == name]) for name, title in GROUPS.items()
    ]
    return "\n".join([OPENING, *sections, _replaced(data["never"])])


def _section(title: str, terms: list[dict[str, Any]]) -> str:
    rows = [f"## {title}", "", f"| English | {' | '.join(LANGUAGES.values())} | what it is |", "|---" * 6 + "|"]
    rows += [
        f"| {term['term']} | {' | '.join(term['words'][tag] for tag in LANGUAGES)} | {term['meaning']} |"
        for term in terms
    ]
    return "\n".join([*rows, ""])


def _replaced(never: dict[str, list[str]]) -> str:
    rows = ["## Words that are not used", "", "| language | words |", "|---|---|"]
    names = {"en": "English", **LANGUAGES}
    rows += [f"| {names[tag]} | {', '.join(words)} |" for tag, words in never.items()]
    return "\n".join([*rows, ""])
