"""The place of this node: stated and withdrawn by its people, shown by other nodes on their maps of members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.errors import InvalidInput, NotFound
from node.catalogue.region.place import LONGEST_NAME
from node.identity.roles import UseCase, allowed
from node.portal.answers import place_names
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

_LONGEST: Final = 20
_FIELDS: Final = ("name", "longitude", "latitude")
_NOT_DEGREES: Final = "place-degrees"


async def place(responder: Responder, visit: Visit) -> Response:
    """``GET /operate/place``: the place of this node, and a form to state it."""
    return await _page(responder, visit, {})


async def state(responder: Responder, visit: Visit) -> Response:
    """``POST /operate/place``: state the place."""
    answers = {name: visit.fields.get(name, "").strip()[: LONGEST_NAME + 1] for name in _FIELDS}
    own_place = responder.node.region.members.own_place
    try:
        longitude, latitude = _degrees(answers["longitude"]), _degrees(answers["latitude"])
        await run_sync(lambda: own_place.state(answers["name"], visit.caller, longitude=longitude, latitude=latitude))
    except InvalidInput as error:
        return await _page(responder, visit, answers, case=str(error.facts.get("case", _NOT_DEGREES)))
    return responder.go(visit, visit.url("/operate/place", done="place-stated"))


async def withdraw(responder: Responder, visit: Visit) -> Response:
    """``POST /operate/place/withdraw``: state no place any more."""
    try:
        await run_sync(responder.node.region.members.own_place.withdraw, visit.caller)
    except NotFound:
        return responder.go(visit, visit.url("/operate/place"))
    return responder.go(visit, visit.url("/operate/place", done="place-withdrawn"))


def _degrees(text: str) -> float | None:
    """Return a number as people write it, with a point or a comma. Raises ``InvalidInput``."""
    if not text:
        return None
    try:
        return float(text[:_LONGEST].replace(",", "."))
    except ValueError as error:
        raise InvalidInput(
            "this is no number of degrees", remedy="write a number such as 3.72", facts={"case": _NOT_DEGREES}
        ) from error


async def _page(responder: Responder, visit: Visit, answers: dict[str, str], *, case: str = "") -> Response:
    own_place = await run_sync(responder.node.region.members.own_place.read)
    if not answers and own_place is not None:
        answers = {name: str(value) for name, value in own_place.to_json().items()}
    return responder.render(
        visit,
        "node-place.html",
        status=422 if case else 200,
        stated=own_place,
        answers=answers,
        case=case,
        names=place_names(),
        longest=LONGEST_NAME,
        may_state=allowed(visit.caller, UseCase.STATE_PLACE),
    )
