"""Get the data under an agreement, watch it come, and download what was received."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from anyio.to_thread import run_sync
from starlette.responses import FileResponse, Response

from node.base.errors import InvalidInput, NotFound
from node.identity.roles import UseCase, allowed
from node.negotiation.messages import TERMS
from node.policy.odrl import parse
from node.policy.words import sentences
from node.portal.pages.data.maps import ENDINGS as MAP_ENDINGS
from node.portal.pages.data.received_tables import ENDINGS
from node.portal.reasons import whys
from node.portal.views.receipts import ReceivedData
from node.portal.visit import Visit
from node.semantics.conversions import Wish
from node.transfer.conversions.losses import concealment_sentences, loss_sentences
from node.transfer.process_status import status_of
from node.transfer.receiving.data_checks import CONVERSION, read_checks
from node.vocab.versions import LAST_VERSION

if TYPE_CHECKING:
    from node.portal.responder import Responder

SECONDS: Final = 2
"""Between two looks of a page at data under way, without scripts."""

_BYTES: Final = {
    # What others sent is never shown here, whatever it is: a browser saves it.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}


async def get_data(responder: Responder, visit: Visit) -> Response:
    """``POST /agreements/{id}/get``: request the data, and show them coming."""
    file = visit.fields.get("file", "").strip() or None
    transfer = await responder.node.work.data_receipts.begin(
        visit.request.path_params["id"],
        visit.caller,
        file=file,
        version=_version(visit),
        wish=Wish.of(
            visit.fields.get("format", "").strip() or None,
            visit.fields.get("crs", "").strip() or None,
            visit.fields.get("through", "").split(),
        ),
    )
    return responder.go(visit, visit.url(f"/received/{quote(transfer.pid, safe='')}"))


def _version(visit: Visit) -> int | None:
    """Return the number of the earlier version that the form names. Raises ``InvalidInput``."""
    text = visit.fields.get("version", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:11]) <= LAST_VERSION):
        raise InvalidInput("the version is not a number", remedy="write ?version=1", facts={"case": "version-number"})
    return int(text)


async def receipts(responder: Responder, visit: Visit) -> Response:
    """``/received``: everything that was received, newest first."""
    page = visit.request.query_params.get("page", "")
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 5 else 1
    items, more = await responder.node.work.data_receipts.page(visit.caller, number)
    return responder.render(
        visit,
        "receipts.html",
        items=[(item, _promises(visit, item), _ends(item)) for item in items],
        number=number,
        more=more,
    )


async def receipt(responder: Responder, visit: Visit) -> Response:
    """``/received/{pid}``: progress, verification, and the download. ``?hold=1``: the page does not reload itself."""
    item = await responder.node.work.data_receipts.get(visit.request.path_params["pid"])
    conversation = item.conversation
    shipping = responder.node.work.shipments
    may_send = allowed(visit.caller, UseCase.RECEIVE)
    facts = (item.reception.facts if item.reception is not None and item.has_file else None) or {}
    conversion = facts.get(CONVERSION)
    return responder.render(
        visit,
        "receipt.html",
        item=item,
        live=item.is_live,
        seconds=SECONDS,
        paused=visit.request.query_params.get("hold") == "1",
        waits=status_of(conversation.process, conversation.exchanges, stuck=bool(conversation.dead_messages)).waits,
        reasons=whys(conversation.process.reason),
        checks=read_checks(item.reception.facts) if item.reception is not None and item.has_file else (),
        conversion=conversion,
        concealed=concealment_sentences(conversion, visit.language) if conversion else (),
        losses=loss_sentences(conversion, visit.language) if conversion else (),
        promises=_promises(visit, item),
        may_read=allowed(visit.caller, UseCase.READ_RECEIVED),
        is_table=item.reception is not None and item.reception.name.lower().endswith(ENDINGS),
        has_scene=await responder.node.work.data_receipts.has_scene(item),
        has_map=item.reception is not None and item.reception.name.lower().endswith(MAP_ENDINGS),
        may_get=allowed(visit.caller, UseCase.RECEIVE) and item.agreement.in_force,
        quoted=quote(conversation.process.pid, safe=""),
        ends=_ends(item),
        may_send=may_send and item.agreement.in_force,
        sent=await run_sync(shipping.of_transfer, conversation.process.pid, visit.caller) if may_send else (),
        sinks=await run_sync(shipping.sinks, visit.caller) if may_send else (),
    )


async def content(responder: Responder, visit: Visit) -> Response:
    """``/received/{pid}/file``: the received file, from the disk and in parts, never shown by the browser."""
    path, known = await responder.node.work.data_receipts.file(visit.request.path_params["pid"], visit.caller)
    return FileResponse(path, filename=known.name, media_type="application/octet-stream", headers=_BYTES)


async def manifest(responder: Responder, visit: Visit) -> Response:
    """``/received/{pid}/manifest``: the statement about the file that the provider signed."""
    item = await responder.node.work.data_receipts.get(visit.request.path_params["pid"])
    if item.reception is None or not item.reception.manifest:
        raise NotFound("the provider signed no manifest", remedy="the received file can still be downloaded")
    name = quote(f"{item.reception.name}.manifest.jws", safe="")
    disposition = {"Content-Disposition": f"attachment; filename*=utf-8''{name}"}
    return Response(item.reception.manifest, media_type="application/jose", headers={**_BYTES, **disposition})


def _promises(visit: Visit, item: ReceivedData) -> list[str]:
    """Return the conditions under which the data were received, as sentences."""
    body = item.agreement.body
    kind = str(((body.get(TERMS) or {}).get("asset") or {}).get("kind") or "dataset")
    return list(sentences(parse(body), visit.language, kind=kind))


def _ends(item: ReceivedData) -> bool:
    """Return whether the agreement asks for a deletion that nobody confirmed since the data came."""
    return item.has_file and item.deletion is not None and item.deletion.received is not None
