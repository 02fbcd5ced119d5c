"""The page that aligns the terms of two ontologies: a person confirms the pairs, which are published as a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from node.base.errors import Conflict, HansaError, InvalidDescription, InvalidInput, NotFound, TooMany
from node.catalogue.searches import Query
from node.portal.forms import check_csrf, read_form
from node.portal.visit import Visit
from node.semantics.kinds import iri_meant
from node.semantics.ontologies.alignments import PREDICATES, Alignment

if TYPE_CHECKING:
    from node.portal.responder import Responder

SHOWN: Final = 200
MAX_FIELDS: Final = 3 * SHOWN + 20
MAX_BYTES: Final = 1024 * 1024
ONTOLOGIES: Final = 100


async def draft(responder: Responder, visit: Visit) -> Response:
    """``GET /ontology/align?from=…&to=…``: the pairs that are drafted."""
    return await _page(responder, visit, dict(visit.parameters()))


async def publish(responder: Responder, visit: Visit) -> Response:
    """``POST /ontology/align``: publish the pairs that are confirmed: ``pair.N`` names both terms, ``confirm.N``
    confirms them, ``predicate.N`` says how they are related."""
    fields = await read_form(visit.request, most=MAX_FIELDS, size=MAX_BYTES)
    check_csrf(responder.settings.secret, visit.session, fields)
    try:
        alignments = list(_confirmations(fields))
        publication = await responder.node.catalogue.meaning.align.publish(alignments, fields, visit.caller)
    except (InvalidDescription, InvalidInput, Conflict) as error:
        return await _page(responder, visit, fields, error=error, decisions=_decisions(fields))
    return responder.go(visit, visit.asset(publication.record, done="alignment-published"))


def _confirmations(fields: Mapping[str, str]) -> Sequence[Alignment]:
    alignments = []
    for name, value in fields.items():
        number = name.removeprefix("pair.")
        predicate = fields.get(f"predicate.{number}", "")
        if number == name or f"confirm.{number}" not in fields:
            continue
        subject, _, object_ = value.partition(" ")
        if predicate not in PREDICATES:
            raise InvalidInput(f"{predicate[:40]} is no mapping property", remedy=f"one of: {', '.join(PREDICATES)}")
        alignments.append(Alignment(subject=subject, predicate=predicate, object=object_))
    return alignments


def _decisions(fields: Mapping[str, str]) -> Mapping[str, tuple[bool, str]]:
    """Return for each pair of a form whether it was confirmed, and its predicate."""
    numbers = (name.removeprefix("pair.") for name in fields if name.startswith("pair."))
    return {
        fields[f"pair.{number}"]: (f"confirm.{number}" in fields, fields.get(f"predicate.{number}", ""))
        for number in numbers
    }


async def _page(
    responder: Responder,
    visit: Visit,
    values: Mapping[str, str],
    *,
    error: HansaError | None = None,
    decisions: Mapping[str, tuple[bool, str]] | None = None,
) -> Response:
    base = responder.settings.public_url
    source, target = (iri_meant(values.get(name, "").strip(), base) for name in ("from", "to"))
    pairs: Sequence[Alignment] | None = None
    if source and target:
        try:
            align = responder.node.catalogue.meaning.align
            pairs = await align.draft(source, target, visit.caller, language=visit.language)
        except (InvalidInput, NotFound, TooMany) as refusal:
            error = error or refusal
    page = await responder.node.catalogue.browse.search(Query(kinds=("ontology",), limit=ONTOLOGIES), visit.caller)
    return responder.render(
        visit,
        "alignment.html",
        status=200 if error is None else error.status,
        values={name: values.get(name, "") for name in ("from", "to", "id", "title", "description")},
        pairs=None if pairs is None else pairs[:SHOWN],
        more=max(0, len(pairs or ()) - SHOWN),
        decisions=decisions or {},
        predicates=PREDICATES,
        ontologies=[hit.record for hit in page.hits],
        trouble=None if error is None else visit.explain(error),
    )
