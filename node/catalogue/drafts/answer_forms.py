"""The forms in which answers of a person are stored: a place as a name and four edges, a code as its code.

A control may send the IRI, the name or the code of a term, and a draft of an earlier release has the edges of a place
in one text. All of them become one form here, so that an answer that nobody changed is no change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

from node.semantics.codelists.frequencies import FREQUENCIES
from node.semantics.codelists.languages import LANGUAGES
from node.semantics.codelists.legal_bases import LEGAL_BASES
from node.semantics.codelists.licences import LICENCES
from node.semantics.codelists.lookup import CodeList
from node.semantics.codelists.themes import THEMES

EDGES: Final = ("west", "south", "east", "north")
"""Answers with the four edges of a place, in degrees (WGS 84)."""
CODE_LISTS: Final[Mapping[str, CodeList]] = MappingProxyType(
    {
        "license": LICENCES,
        "theme": THEMES,
        "frequency": FREQUENCIES,
        "language": LANGUAGES,
        "personal_basis": LEGAL_BASES,
    }
)
"""Answers that are terms of a code list."""

_SEPARATOR: Final = re.compile(r"\s*[,;]\s*|\s+")
_MINUTE: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)")
_NUMBER: Final = re.compile(r"[+-]?\d{1,4}(?:[.,]\d{1,20})?")


def uniform(answers: Mapping[str, str]) -> dict[str, str]:
    """Return the answers in the form in which drafts store them; what cannot be read stays as it was typed."""
    form = dict(answers)
    for name, codes in CODE_LISTS.items():
        if code := codes.find(form.get(name, "")):
            form[name] = code.code
    for name in ("from", "until"):
        if match := _MINUTE.fullmatch(form.get(name, "").strip()):
            form[name] = f"{match[1]}T{match[2]}:00"
    edges = _SEPARATOR.split(form.get("spatial", "").strip("[] \t"))
    if len(edges) == len(EDGES) and all(map(_NUMBER.fullmatch, edges)) and not any(map(form.get, EDGES)):
        del form["spatial"]
        form |= dict(zip(EDGES, edges, strict=True))
    for edge in EDGES:
        if edge in form:
            form[edge] = plain_degrees(form[edge])
    if "through" in form:
        form["through"] = " ".join(addresses_of(form["through"]))
    return form


def addresses_of(answer: str) -> list[str]:
    """Return the addresses in an answer, each once, in order."""
    return sorted(set(answer.split()))


def plain_degrees(text: str) -> str:
    """Return a number of degrees with a point and without closing zeros; another text as it is."""
    number = degrees(text)
    if number is None:
        return " ".join(text.split())
    plain = format(number, "f")
    return (plain.rstrip("0").rstrip(".") if "." in plain else plain) or "0"


def degrees(text: str) -> Decimal | None:
    """Return the number in ``text``, which may have a decimal comma; None if it is none."""
    text = text.strip().replace("−", "-")
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text.replace(",", ".")) + 0
    except InvalidOperation:
        return None


def edges_of(answers: Mapping[str, str]) -> list[Decimal] | None:
    """Return west, south, east and north; None unless they are the edges of an area on the earth."""
    edges = [number for name in EDGES if (number := degrees(answers.get(name, ""))) is not None]
    if len(edges) != len(EDGES):
        return None
    west, south, east, north = edges
    return edges if -180 <= west < east <= 180 and -90 <= south < north <= 90 else None


def place_field(answers: Mapping[str, str], iri: str = "") -> Any:
    """Return the field ``spatial`` of a description: a name, edges, or both with the ``iri`` of the place; None if
    nothing was answered."""
    name, edges = answers.get("spatial", "").strip(), edges_of(answers)
    if edges is None:
        return {"name": name, "iri": iri} if name and iri else name or None
    numbers = [float(edge) for edge in edges]
    return {"name": name, "bbox": numbers, **({"iri": iri} if iri else {})} if name else numbers
