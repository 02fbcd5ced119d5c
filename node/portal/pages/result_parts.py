"""The origin of a result, for its page: the run, and every version and layer that it used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from node.base.errors import NotFound
from node.catalogue.model import Record
from node.portal.description.triples import Description
from node.portal.markup import web_address
from node.portal.visit import Visit
from node.scenarios.model import Texts
from node.semantics.kinds import KINDS
from node.vocab.namespaces import PROV, RDFS

if TYPE_CHECKING:
    from node.portal.responder import Responder

MOST_USED: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedThing:
    """A thing that a run used. ``kind`` is empty for a change layer, ``link`` if it has no page."""

    titles: Texts
    iri: str
    kind: str = ""
    version: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOrigin:
    """The origin of a result: ``run`` is the page of the run, for people of the node that ran it."""

    titles: Texts
    run: str
    sources: tuple[UsedThing, ...]


async def making_of(
    responder: Responder, visit: Visit, record: Record, description: Description
) -> ResultOrigin | None:
    """Return the record's statements (PROV-O) about the run that made it; None if no run made it."""
    activity = description.value(record.iri, f"{PROV}wasGeneratedBy")
    sources = description.terms(activity, f"{PROV}used") if activity else []
    if not sources:
        return None
    here = responder.node.scenarios is not None and visit.signed_in and visit.owns(record.iri)
    things = [await _thing(responder, visit, description, term.value, here=here) for term in sources[:MOST_USED]]
    order = list(KINDS)
    things.sort(key=lambda one: (order.index(one.kind) if one.kind else len(order), one.iri))
    run = visit.url(f"/runs/{quote(activity, safe='')}") if here and activity.startswith("urn:") else ""
    return ResultOrigin(titles=description.texts(activity, f"{RDFS}label"), run=run, sources=tuple(things))


async def _thing(
    responder: Responder, visit: Visit, description: Description, source: str, *, here: bool
) -> UsedThing:
    iri, _, state = source.partition("#")
    layer = description.texts(source, f"{RDFS}label")
    if layer:
        return UsedThing(titles=layer, iri=source, link=visit.url(f"/layers/{quote(iri, safe='')}") if here else "")
    version = state[1:] if state.startswith("v") and state[1:].isdecimal() else ""
    kind = next((name for name, one in KINDS.items() if f"/{one.plural}/" in iri), "")
    link, titles = await page_of(responder, visit, iri, version)
    return UsedThing(titles=titles, iri=iri, kind=kind, version=version, link=link)


async def page_of(responder: Responder, visit: Visit, iri: str, version: int | str = "") -> tuple[str, Texts]:
    """Return the best page about an asset, and its titles: our page if our catalogue has the asset, else the page at
    the city that publishes it; empty if that is not a web address."""
    try:
        record = await responder.node.catalogue.browse.record(iri, visit.caller)
    except NotFound:
        return (f"{iri}?version={version}" if version else iri) if web_address(iri) else "", {}
    return visit.asset(record, version=version), record.titles
