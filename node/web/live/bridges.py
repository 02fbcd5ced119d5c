"""Bridges from streams of partners to topics of brokers of this city."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from node.identity.model import Caller
from node.transfer.bridges.usecases import Bridges


class NewBridge(BaseModel):
    """A stream of a partner, and the topic to which it goes."""

    model_config = ConfigDict(extra="forbid")

    agreement: str = Field(min_length=1, max_length=500, description="The agreement under which the stream is read.")
    to: str = Field(
        max_length=600,
        description="`broker:NAME/TOPIC`: a data source of the kind `kafka` or `mqtt`, and a topic.",
        examples=["broker:bus/city/counters"],
    )
    file: str = Field(default="", max_length=500, description="The stream, if the agreement has several.")
    key: str = Field(
        default="", max_length=200, description="The member of an observation whose value is the key of its message."
    )
    start: AwareDatetime | None = Field(
        default=None, alias="from", description="Begin with what was observed from this time on; default: now."
    )


def add_bridges(api: APIRouter, *, person: Callable[[Request], Awaitable[Caller]], bridges: Bridges) -> None:
    """Add the routes."""

    @api.get(
        "/bridges",
        summary="The streams of partners that go on to brokers, and how far they are",
        description="`state` is `starting`, `running`, `failing` (it is tried again) or `ended`: then `error`, "
        "`remedy` and `reasons` say why.",
    )
    async def list_bridges(request: Request, agreement: Annotated[str | None, Query(max_length=500)] = None) -> Any:
        caller = await person(request)
        return [view.to_json() for view in await run_sync(bridges.all, caller, agreement)]

    @api.post(
        "/bridges",
        status_code=201,
        summary="Pass a partner's stream on to a topic of a broker",
        description="Each observation becomes a message of JSON, at least once; the place is kept on disk. "
        "The same stream for the same topic is the same bridge: one that ended goes on where it was.",
    )
    async def begin(request: Request, new: NewBridge) -> Any:
        caller = await person(request)

        def call() -> Any:
            view = bridges.begin(new.agreement, new.to, caller, file=new.file, key=new.key, start=new.start)
            return view.to_json()

        return await run_sync(call)

    @api.delete(
        "/bridges/{bridge_id}", status_code=204, summary="End a bridge, and forget how far it was; the messages stay"
    )
    async def end(request: Request, bridge_id: str) -> None:
        await run_sync(bridges.end, bridge_id, await person(request))
