"""Erase versions of an asset for good: which ones, why, and what happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.responses import Response

from node.catalogue.model import Record
from node.catalogue.publication.withdraw import LONGEST_REASON
from node.catalogue.visibility import absent
from node.identity.roles import UseCase, allowed
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder


async def erasure(responder: Responder, visit: Visit) -> Response:
    """``GET /record/erase?iri=…``: the versions that can be erased, and what happens then."""
    return await _form(responder, visit, {"iri": visit.request.query_params.get("iri", "")})


async def erase(responder: Responder, visit: Visit) -> Response:
    """``POST /record/erase``: erase all versions, or the chosen ones."""
    fields = visit.fields
    every = fields.get("which") == "all"
    numbers = [int(name[8:]) for name in fields if name.startswith("version-") and name[8:].isdecimal()]
    wrong = {
        name
        for name, missing in (
            ("which", not every and not numbers),
            ("reason", not fields.get("reason", "").strip()),
            ("sure", "sure" not in fields),
        )
        if missing
    }
    if wrong:
        return await _form(responder, visit, fields, wrong=wrong)
    iri = fields.get("iri", "")
    result = await responder.node.catalogue.changes.erase.erase(
        iri, visit.caller, reason=fields["reason"], versions=None if every else numbers
    )
    head = result.publication.record
    return responder.go(
        visit, visit.url("/search", done="erased") if head.withdrawn else visit.asset(head, done="erased")
    )


async def _form(
    responder: Responder, visit: Visit, fields: Mapping[str, str], *, wrong: set[str] | None = None
) -> Response:
    responder.node.catalogue.changes.erase.require_role(visit.caller)
    versions = await responder.node.catalogue.browse.versions(fields.get("iri", ""), visit.caller)
    if versions[0].origin != visit.caller.did:
        raise absent()
    return responder.render(
        visit,
        "erase.html",
        status=422 if wrong else 200,
        newest=versions[0],
        last=_last_title(versions),
        earlier=[version for version in versions[1:] if not version.withdrawn],
        fields=fields,
        wrong=wrong or set(),
        longest=LONGEST_REASON,
    )


def may_erase(visit: Visit, record: Record) -> bool:
    """Return whether the reader may erase versions of the asset: shown to nobody else."""
    return visit.caller.did == record.origin and allowed(visit.caller, UseCase.ERASE)


def _last_title(versions: Sequence[Record]) -> Record:
    """Return the newest version that has a title, else the newest."""
    return next((version for version in versions if version.titles), versions[0])
