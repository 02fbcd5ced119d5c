"""The page of a partner's stream: the newest observations that this node has received, and why no more come."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import Response

from node.portal.reasons import whys
from node.portal.views.partner_streams import table_of
from node.portal.visit import Visit
from node.transfer.bridges.model import BROKER
from node.transfer.openings import is_open

if TYPE_CHECKING:
    from node.portal.responder import Responder

SECONDS: Final = 10
"""Without scripts the page loads itself again so often."""


async def stream(responder: Responder, visit: Visit) -> Response:
    """``/agreements/{id}/stream``: the stream now. ``?hold=1``: the page does not reload itself."""
    agreement_id = visit.request.path_params["id"]
    view = await responder.node.contracts.partner_streams.show(
        agreement_id, visit.caller, file=visit.request.query_params.get("file", "")
    )
    feed, transfer = view.stream.feed, view.stream.transfer
    ending = feed.ending if feed is not None else None
    reasons = [reason for reason in ending.reasons if reason != ending.reason] if ending is not None else []
    segment = quote(agreement_id, safe="")
    bridges, brokers = await responder.node.contracts.partner_streams.bridges(
        agreement_id, visit.caller, file=view.file
    )
    return responder.render(
        visit,
        "partner-stream.html",
        shown=view,
        agreed=view.view,
        feed=feed,
        transfer=transfer,
        transfer_reasons=whys(transfer.reason) if transfer is not None and not is_open(transfer) else (),
        reasons=whys(reasons),
        latest=table_of(feed.latest, feed.subject, feed.time) if feed is not None else None,
        newest=table_of(feed.newest, feed.subject, feed.time) if feed is not None else None,
        live=feed is not None and feed.ending is None,
        bridges=bridges,
        brokers=brokers,
        seconds=SECONDS,
        paused=visit.request.query_params.get("hold") == "1",
        events=visit.url(f"/api/agreements/{segment}/stream/events", file=view.file),
        quoted=segment,
        command=shlex.join(["hansa", "stream", "follow", agreement_id]),
        event_stream=view.stream.event_stream if feed is not None and feed.ending is None else None,
        event_stream_command=shlex.join(["hansa", "stream", "ldes", agreement_id]),
    )


async def open_stream(responder: Responder, visit: Visit) -> Response:
    """``POST /agreements/{id}/stream``: open the stream, or open it again after its end."""
    agreement_id, file = visit.request.path_params["id"], visit.fields.get("file", "")
    await responder.node.contracts.partner_streams.open(agreement_id, visit.caller, file=file)
    return responder.go(visit, visit.url(f"/agreements/{quote(agreement_id, safe='')}/stream", file=file))


async def begin_bridge(responder: Responder, visit: Visit) -> Response:
    """``POST /agreements/{id}/bridges``: pass the stream on to a topic of a broker."""
    agreement_id, fields = visit.request.path_params["id"], visit.fields
    file = fields.get("file", "")
    address = f"{BROKER}{fields.get('source', '')}/{fields.get('topic', '').strip()}"
    await responder.node.contracts.partner_streams.begin_bridge(
        agreement_id, address, visit.caller, file=file, key=fields.get("key", "").strip()
    )
    return responder.go(visit, visit.url(f"/agreements/{quote(agreement_id, safe='')}/stream", file=file))


async def end_bridge(responder: Responder, visit: Visit) -> Response:
    """``POST /agreements/{id}/bridges/{bridge}/end``: end a bridge."""
    agreement_id = visit.request.path_params["id"]
    await responder.node.contracts.partner_streams.end_bridge(visit.request.path_params["bridge"], visit.caller)
    place = f"/agreements/{quote(agreement_id, safe='')}/stream"
    return responder.go(visit, visit.url(place, file=visit.fields.get("file", "")))
