"""The page that drafts a mapping between two assets: corrected by a person, and published as a transformation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from node.base.errors import Conflict, HansaError, InvalidDescription, InvalidInput, NotFound, Overloaded, TooMany
from node.catalogue.searches import Query
from node.portal.forms import check_csrf, read_form
from node.portal.visit import Visit
from node.scenarios.transformations.drafts import MappingDraft, MappingOrder
from node.scenarios.transformations.mapping_proposal import text_of
from node.semantics.kinds import iri_meant
from node.semantics.model import Finding

if TYPE_CHECKING:
    from node.portal.responder import Responder

MAX_BYTES: Final = 512 * 1024
SCHEMAS: Final = 100
"""Schemas that are suggested for an end."""
_CHOICE: Final = "column."
_FIELDS: Final = ("from", "to", "from_role", "to_role", "definition", "title", "id", "description")


async def draft(responder: Responder, visit: Visit) -> Response:
    """``GET /transformation/draft?from=…&to=…``: the draft, with ``column.FIELD`` as the choices of a person;
    ``definition=…``: a definition that was drafted elsewhere, to be corrected."""
    values = dict(visit.parameters())
    answer, trouble = None, None
    if values.get("from") and values.get("to"):
        try:
            answer = await responder.node.catalogue.meaning.draft_mapping(_order(responder, values), visit.caller)
        except (InvalidInput, NotFound, TooMany) as error:
            trouble = error
    if answer is not None and answer.proposal.definition:
        values["definition"] = text_of(answer.proposal.definition)
    return await _page(responder, visit, values, answer=answer, trouble=trouble)


async def publish(responder: Responder, visit: Visit) -> Response:
    """``POST /transformation/draft``: publish the corrected definition, or show the form again with the reasons."""
    fields = await read_form(visit.request, size=MAX_BYTES)
    check_csrf(responder.settings.secret, visit.session, fields)
    values = {name: fields.get(name, "") for name in _FIELDS}
    try:
        publication = await responder.node.catalogue.meaning.draft_mapping.publish(values, visit.caller)
    except (InvalidDescription, InvalidInput, Conflict, Overloaded) as error:
        return await _page(responder, visit, values, trouble=error)
    return responder.go(visit, visit.asset(publication.record, done="transformation-published"))


def _order(responder: Responder, values: Mapping[str, str]) -> MappingOrder:
    base = responder.settings.public_url
    return MappingOrder(
        source=iri_meant(values["from"].strip(), base),
        target=iri_meant(values["to"].strip(), base),
        source_role=values.get("from_role", "").strip(),
        target_role=values.get("to_role", "").strip(),
        # A dash leaves a field out; without a value, the draft chooses.
        choices={
            name.removeprefix(_CHOICE): "" if value == "-" else value
            for name, value in values.items()
            if name.startswith(_CHOICE)
        },
    )


async def _page(
    responder: Responder,
    visit: Visit,
    values: Mapping[str, str],
    *,
    answer: MappingDraft | None = None,
    trouble: HansaError | None = None,
) -> Response:
    page = await responder.node.catalogue.browse.search(Query(kinds=("schema",), limit=SCHEMAS), visit.caller)
    faults = trouble.findings if isinstance(trouble, InvalidDescription) else ()
    return responder.render(
        visit,
        "mapping.html",
        status=200 if trouble is None else trouble.status,
        answer=answer,
        schemas=[hit.record for hit in page.hits],
        values={name: values.get(name, "") for name in _FIELDS},
        choices={name: value for name, value in values.items() if name.startswith(_CHOICE)},
        trouble=None if trouble is None else visit.explain(trouble),
        faults=[
            finding_words(visit, Finding.from_json(fault)) for fault in faults if fault["severity"] == "violation"
        ],
    )


def finding_words(visit: Visit, finding: Finding) -> str:
    """Return what is wrong, and how to correct it, in the reader's language."""
    texts: Mapping[str, Any] = finding.translations.get(visit.language) or {}
    return f"{texts.get('message', finding.message)} {texts.get('remedy', '')}".strip()
