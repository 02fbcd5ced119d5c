"""What all pages are made of: tables, code, docstrings, short names."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; line ends and bars inside cells are made harmless."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(heads), "|" + "---|" * len(heads), *(line(row) for row in rows)]) + "\n"


def code(text: object) -> str:
    """``text`` as code, or nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def first_paragraph(text: str | None) -> str:
    """The first paragraph of a docstring on one line, with Markdown's single backticks."""
    return paragraphs(text).partition("\n\n")[0]


def paragraphs(text: str | None) -> str:
    """A docstring with one line for each paragraph, with Markdown's single backticks."""
    parts = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(" ".join(part.split()).replace("``", "`") for part in parts)


def short(iri: str) -> str:
    """An IRI with the prefix that we print, where there is one."""
    from node.vocab.namespaces import HANSA_POLICY, PREFIXES

    prefixes = {**PREFIXES, "hz": HANSA_POLICY}
    for prefix, namespace in sorted(prefixes.items(), key=lambda item: -len(item[1])):
        if iri.startswith(namespace):
            return f"{prefix}:{iri.removeprefix(namespace)}"
    return iri
