"""Streams of partners, for the people of this node: what has come, and what comes."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from node.base.clock import stamp
from node.base.errors import HansaError
from node.identity.model import Caller
from node.transfer.live.feeds import FeedState, SeenObservation
from node.transfer.live.partner_streams import PartnerStreams, PartnerStreamView
from node.transfer.notifications.parts import StreamUseCases
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.live.bridges import add_bridges
from node.web.live.subscribers import add_subscribers

_CHECK_SECONDS: Final = 5.0
"""Between two looks at whether the person may still read it."""
_PULSE_SECONDS: Final = 15.0
Person = Callable[[Request], Awaitable[Caller]]
_File = Annotated[str | None, Query(max_length=500)]


def router(*, person: Person, uses: StreamUseCases) -> APIRouter:
    """Return the routes."""
    streams = uses.moving
    api = PlacedApiRouter(prefix="/api", tags=["exchange"], route_class=knowing(person))

    @api.get(
        "/agreements/{agreement_id}/stream",
        summary="The newest observations of a partner's stream, as this node sees them",
        description="The node reads the stream from the first request on, once for all of its people, until nobody "
        "has asked for half a minute. `feed.newest` are the newest that came since then, `feed.latest` the latest of "
        "each subject; long texts are cut. `feed` is null if there is no running transfer, or if each read is a use "
        "of the agreement: open it with POST. `feed.end` is why it has ended. `eventStream` is the address of the "
        "stream as a Linked Data Event Stream (LDES); `POST /api/transfers/{pid}/access` has the token for it.",
    )
    async def show(request: Request, agreement_id: str, file: _File = None) -> Any:
        return stream_json(await streams.view(agreement_id, await person(request), file=file))

    @api.post(
        "/agreements/{agreement_id}/stream",
        summary="Open a partner's stream, or open it again after its end",
        description="Where the agreement limits the number of uses, this is one.",
    )
    async def open_stream(request: Request, agreement_id: str, file: _File = None) -> Any:
        return stream_json(await streams.open(agreement_id, await person(request), file=file))

    @api.get(
        "/agreements/{agreement_id}/stream/events",
        summary="A partner's stream as it moves, as server-sent events",
        description="An event `news` has the state as `feed` of `GET`, at most twice a second; `end` is the last.",
    )
    async def events(request: Request, agreement_id: str, file: _File = None) -> Response:
        states = streams.follow(agreement_id, await person(request), file=file)
        # Refusals have a status of their own.
        first = await anext(states)
        return StreamingResponse(
            _events(request, person, streams, first, states),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    add_bridges(api, person=person, bridges=uses.bridges)
    add_subscribers(api, person=person, subscriptions=uses.subscriptions, resend=uses.resend)
    return api


async def _events(
    request: Request,
    person: Person,
    streams: PartnerStreams,
    first: FeedState | None,
    states: AsyncGenerator[FeedState | None, None],
) -> AsyncGenerator[bytes, None]:
    """Yield the events of a feed as long as its reader is there and may read it."""
    sent_at = checked_at = time.monotonic()
    async with aclosing(states):
        yield _news(first)
        async for state in states:
            now = time.monotonic()
            if await request.is_disconnected():
                return
            if now - checked_at > _CHECK_SECONDS:
                checked_at = now
                try:
                    streams.require_role(await person(request))
                except HansaError as error:
                    yield _event("end", {"code": error.code, "reason": error.detail, "remedy": error.remedy})
                    return
            if state is not None:
                sent_at = now
                yield _news(state)
            elif now - sent_at > _PULSE_SECONDS:
                sent_at = now
                yield b": waiting\n\n"
        yield _event("end", {})


def _news(state: FeedState | None) -> bytes:
    return b"" if state is None else _event("news", feed_json(state))


def _event(name: str, content: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n".encode()


def stream_json(view: PartnerStreamView) -> dict[str, Any]:
    """Return a stream as JSON."""
    transfer = view.transfer
    process = None
    if transfer is not None:
        process = {"pid": transfer.pid, "state": transfer.state, "reasons": list(transfer.reason)}
    return {
        "agreementId": view.agreement.id,
        "dataset": view.agreement.dataset,
        "transfer": process,
        "countsUses": view.is_counted,
        "eventStream": view.event_stream,
        "feed": None if view.feed is None else feed_json(view.feed),
    }


def feed_json(feed: FeedState) -> dict[str, Any]:
    """Return what a feed shows as JSON."""
    end = feed.ending
    return {
        "since": stamp(feed.since),
        "count": feed.count,
        "gap": feed.has_gap,
        "connected": feed.is_connected,
        "time": feed.time or None,
        "subject": feed.subject or None,
        "newest": _rows(feed.newest),
        "latest": _rows(feed.latest),
        "moreSubjects": feed.has_more_subjects,
        "end": None
        if end is None
        else {"code": end.code, "reason": end.reason, "remedy": end.remedy, "reasons": list(end.reasons)},
    }


def _rows(observations: Iterable[SeenObservation]) -> list[dict[str, Any]]:
    return [{"received": stamp(each.received), "observation": dict(each.members)} for each in observations]
