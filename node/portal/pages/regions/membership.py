"""The regions of this node: its credentials, join a region, leave one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.errors import Conflict, NotAllowed, NotFound, RemoteFault
from node.catalogue.browse import Connections
from node.catalogue.region.terms import RegionTerms
from node.identity.roles import UseCase, allowed
from node.operation.region.departure import LONGEST_REASON, Departure
from node.portal.description.cards import Card, card
from node.portal.description.triples import Description
from node.portal.pages.asset import Names
from node.portal.pages.regions.member_map import map_of_members
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

MEMBERSHIP: Final = "MembershipCredential"
_LONGEST_ADDRESS: Final = 2048


async def membership(responder: Responder, visit: Visit) -> Response:
    """``GET /region``: the regions of this node, its credentials and applications, and a form to join."""
    return await _page(responder, visit)


async def terms(responder: Responder, visit: Visit) -> Response:
    """``POST /region/terms``: the rulebook and the credentials of the region at an address, before applying."""
    address = visit.fields.get("region", "").strip()[:_LONGEST_ADDRESS]
    if not address:
        return await _page(responder, visit, trouble=visit.t("region.address.missing"), address=address)
    try:
        region = await responder.node.region.read.terms(address, visit.caller)
    except NotAllowed:
        raise
    except RemoteFault as error:
        words = visit.explain(error)
        return await _page(responder, visit, trouble=words.text, address=address)
    return _terms_page(responder, visit, region, visit.fields.get("credential", ""))


async def join(responder: Responder, visit: Visit) -> Response:
    """``POST /region/join``: accept the version of the rulebook that was shown, and apply for a credential."""
    fields = visit.fields
    address, credential = fields.get("region", "")[:_LONGEST_ADDRESS], fields.get("credential", "")
    trouble, wrong = "", set[str]()
    if not credential:
        wrong.add("credential")
    if "accept" not in fields:
        wrong.add("accept")
    if not wrong:
        try:
            await responder.node.region.join.join(
                address, credential, visit.caller, rulebook=fields.get("rulebook", "")
            )
            return responder.go(visit, visit.url("/region", done="applied"))
        except NotAllowed:
            raise
        except RemoteFault as error:
            trouble = visit.explain(error).text
    try:
        region = await responder.node.region.read.terms(address, visit.caller)
    except NotAllowed:
        raise
    except RemoteFault as error:
        return await _page(responder, visit, trouble=visit.explain(error).text, address=address)
    return _terms_page(responder, visit, region, credential, trouble=trouble, wrong=wrong)


async def leaving(responder: Responder, visit: Visit) -> Response:
    """``GET /region/leave?issuer=…``: what changes when this node leaves, and the reason."""
    departure = await _departure(responder, visit, visit.request.query_params.get("issuer", ""))
    return _leave_page(responder, visit, departure, {})


async def leave(responder: Responder, visit: Visit) -> Response:
    """``POST /region/leave``: leave, for a reason."""
    fields = visit.fields
    wrong = {
        name
        for name, missing in (("reason", not fields.get("reason", "").strip()), ("sure", "sure" not in fields))
        if missing
    }
    if wrong:
        departure = await _departure(responder, visit, fields.get("issuer", ""))
        return _leave_page(responder, visit, departure, fields, wrong=wrong)
    try:
        await responder.node.region.leave.leave(fields.get("issuer", ""), fields["reason"], visit.caller)
    except Conflict:
        # The form was sent twice, or somebody else was quicker.
        return responder.go(visit, visit.url("/region", done="left-already"))
    return responder.go(visit, visit.url("/region", done="left"))


async def _page(responder: Responder, visit: Visit, *, trouble: str = "", address: str = "") -> Response:
    members = await responder.node.region.members.all(visit.caller)
    places = await responder.node.region.members.places(members)
    return responder.render(
        visit,
        "region.html",
        places=await run_sync(map_of_members, responder, visit, members, places),
        status=422 if trouble else 200,
        issuers=await responder.node.region.membership.issuers(),
        may_join=allowed(visit.caller, UseCase.JOIN),
        trouble=trouble,
        address=address,
        membership=MEMBERSHIP,
    )


def _terms_page(
    responder: Responder,
    visit: Visit,
    region: RegionTerms,
    credential: str,
    *,
    trouble: str = "",
    wrong: set[str] | None = None,
) -> Response:
    rulebook = region.rulebook
    description = Description.read(rulebook.nquads if rulebook else b"")
    rules = card("rulebook", description, rulebook.iri) if rulebook else Card()
    return responder.render(
        visit,
        "region-terms.html",
        status=422 if trouble or wrong else 200,
        region=region,
        rules=rules,
        names=Names(description, Connections(), rules),
        chosen=credential if credential in region.credential_types else "",
        trouble=trouble,
        wrong=wrong or set(),
    )


def _leave_page(
    responder: Responder,
    visit: Visit,
    departure: Departure,
    fields: Mapping[str, str],
    *,
    wrong: set[str] | None = None,
) -> Response:
    return responder.render(
        visit,
        "region-leave.html",
        status=422 if wrong else 200,
        departure=departure,
        fields=fields,
        wrong=wrong or set(),
        longest=LONGEST_REASON,
    )


async def _departure(responder: Responder, visit: Visit, issuer: str) -> Departure:
    try:
        return await responder.node.region.leave.foresee(issuer, visit.caller)
    except Conflict as error:
        raise NotFound from error
