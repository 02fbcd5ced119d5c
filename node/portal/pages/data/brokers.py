"""On the page of data sources: the streams that take the messages of a broker, connected and disconnected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.errors import ForbiddenAddress, InvalidInput, NotFound
from node.datasources.brokers.model import Form
from node.portal.pages.data.sources import source_page
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder


async def connect(responder: Responder, visit: Visit) -> Response:
    """``POST /sources/{name}/streams``: let a stream take the messages of a topic, or show the form again with the
    reason."""
    name = visit.request.path_params["name"]
    stream, topic = visit.fields.get("stream", ""), visit.fields.get("topic", "").strip()
    form, lines = visit.fields.get("form", Form.JSON), visit.fields.get("take", "").splitlines()
    try:
        members = dict(_member(line.strip()) for line in lines if line.strip())
        await run_sync(
            lambda: responder.node.operation.broker_subscriptions.subscribe(
                stream, name, topic, visit.caller, form=form, members=members
            )
        )
    except (InvalidInput, ForbiddenAddress, NotFound) as error:
        return await source_page(responder, visit, trouble=error, place=name)
    return responder.go(visit, visit.url("/sources", done="broker-connected") + f"#source-{name}")


async def disconnect(responder: Responder, visit: Visit) -> Response:
    """``POST /sources/{name}/streams/{stream}/remove``: take no more messages for a stream."""
    name, stream = visit.request.path_params["name"], visit.request.path_params["stream"]
    await run_sync(responder.node.operation.broker_subscriptions.unsubscribe, stream, visit.caller)
    return responder.go(visit, visit.url("/sources", done="broker-disconnected") + f"#source-{name}")


def _member(line: str) -> tuple[str, str]:
    name, mark, place = line.partition("=")
    if not mark or not name.strip():
        raise InvalidInput(f"{line[:80]!r} names no member", remedy="one in each line, such as station=topic:3")
    return name.strip(), place.strip()
