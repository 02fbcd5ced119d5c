"""The page that compares two versions of an asset."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from node.base.errors import InvalidInput
from node.catalogue.nquads import iri_of, is_iri, is_literal, language_of, text_of
from node.catalogue.versions.changes import CompareVersions
from node.catalogue.versions.statements import Difference
from node.portal.description.changes import label_of
from node.portal.visit import Visit
from node.vocab.namespaces import HANSA, ODRL

if TYPE_CHECKING:
    from node.portal.responder import Responder


_CONDITIONS: Final = ((f"{ODRL}hasPolicy",), (f"{HANSA}conditions",))
"""Properties in whose place the page shows the sentences of both versions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermView:
    """A value as the page shows it: it has a ``link`` if it is an IRI, a ``language`` if it is text in a language."""

    text: str
    language: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedProperty:
    """A property that differs. ``label`` is a key of the texts, or empty. ``about`` is the address of the statements'
    subject, or empty."""

    name: str
    label: str
    about: str
    removals: tuple[TermView, ...]
    additions: tuple[TermView, ...]


async def differences(responder: Responder, visit: Visit) -> Response:
    """``/record/changes?iri=…&from=…&to=…``: the differences; by default between the two newest versions."""
    iri = visit.request.query_params.get("iri", "")
    comparison = await CompareVersions(responder.node.catalogue.browse)(
        iri, visit.caller, before=_number(visit, "from"), after=_number(visit, "to")
    )
    subject = comparison.after.subject
    before, after = (
        responder.node.catalogue.access.sentences(side, visit.language)
        for side in (comparison.before, comparison.after)
    )
    rows = [_row(difference) for difference in comparison.statements if difference.path[:1] not in _CONDITIONS]
    return responder.render(
        visit,
        "differences.html",
        record=comparison.after,
        compared=comparison,
        conditions=(
            [sentence for sentence in before if sentence not in after],
            [sentence for sentence in after if sentence not in before],
        ),
        rows=[row for row in rows if row.about == subject],
        parts=[
            (about.removeprefix(subject), list(part))
            for about, part in groupby((row for row in rows if row.about != subject), key=lambda row: row.about)
        ],
    )


def _number(visit: Visit, name: str) -> int | None:
    text = visit.request.query_params.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidInput("the version is not a number", remedy=f"write {name}=1", facts={"case": "version-number"})
    return int(text)


def _row(difference: Difference) -> ChangedProperty:
    return ChangedProperty(
        name=difference.name,
        label=label_of(difference.path[0]) if len(difference.path) == 1 else "",
        about=difference.subject,
        removals=tuple(map(_term_view, difference.removals)),
        additions=tuple(map(_term_view, difference.additions)),
    )


def _term_view(term: str) -> TermView:
    if is_iri(term):
        return TermView(text=iri_of(term), link=iri_of(term))
    if is_literal(term):
        return TermView(text=text_of(term), language=language_of(term))
    return TermView(text=term)
