"""Streams: describe them, send observations to them, look at what arrived and at what was refused."""

from __future__ import annotations

from typing import Annotated, Any, Final

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.clock import stamp
from node.base.plaintext import word
from node.datasources.brokers.model import BrokerSubscriptionView, Form
from node.datasources.brokers.register import BrokerSubscriptions
from node.datasources.errors import NonconformingObservations
from node.datasources.streams.intake import TakeObservations
from node.datasources.streams.model import Fault, Stream
from node.datasources.streams.observations import entry_json, lines_of
from node.datasources.streams.register import StreamDescription, Streams, read_keep
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person

_Member = Annotated[str, Field(max_length=200)]
PATH: Final = "/api/streams"


class NewStream(BaseModel):
    """A stream: the schema of its observations, and how long they are kept."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_: dict[str, Any] = Field(alias="schema", description="JSON Schema of one observation.")
    time: _Member = Field("at", description="The member of an observation with its time, in ISO 8601 with a zone.")
    subject: _Member = Field("", description="The member that names what was observed, such as a counter.")
    key: list[_Member] = Field(
        default_factory=list,
        max_length=20,
        description="Members that tell observations apart. Two that agree in them are one that was sent again. "
        "Without it, all members.",
    )
    keep: str = Field("7d", max_length=8, description="How long observations are kept: `30m`, `12h`, `7d`, `2w`.")
    most: int = Field(10_000_000, description="How many observations are kept at most.")

    def to_description(self) -> StreamDescription:
        """Return it as the register takes it."""
        return StreamDescription(
            schema=self.schema_,
            time=self.time,
            subject=self.subject,
            key=self.key,
            keep=read_keep(self.keep),
            most=self.most,
        )


class NewBrokerSubscription(BaseModel):
    """The topic of a broker whose messages a stream takes."""

    model_config = ConfigDict(extra="forbid")

    source: _Member = Field(description="The data source of the kind `mqtt`, `amqp` or `kafka`.")
    topic: str = Field(
        max_length=1000,
        description="A topic filter, such as `city/counters/+`; of AMQP an exchange with a routing key, "
        "such as `amq.topic/city.counters.*`, or a queue; of Kafka the name of a topic.",
    )
    format: Form = Field(
        Form.JSON, description="The form of a payload: `json` (one observation or a list), `ndjson`, `csv`, `text`."
    )
    take: dict[_Member, Annotated[str, Field(max_length=300)]] = Field(
        default_factory=dict,
        max_length=50,
        description="Where the members of an observation are: `payload`, `payload:count/value`, `topic`, `topic:2` "
        "(a level), `key` (of Kafka), `text:VALUE`, "
        "`arrival`. `*` stands for all members of an object. Without it, the payload is the "
        "observation.",
    )


def router(
    *, person: Person, streams: Streams, take: TakeObservations, subscriptions: BrokerSubscriptions
) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix=PATH, tags=["publishing"], route_class=knowing(person))

    @api.get("", summary="Streams of this node")
    async def list_streams(request: Request) -> Any:
        caller = await person(request)
        everything = await run_sync(streams.all, caller)
        views = {view.subscription.stream: view for view in await run_sync(subscriptions.all, caller)}
        return [stream_json(stream, views.get(stream.name)) for stream in everything]

    @api.put(
        "/{name}",
        summary="Describe a stream, or change its description",
        description="Observations that are there stay. Later ones are checked by the new schema.",
    )
    async def describe(request: Request, name: str, new: NewStream) -> Any:
        caller = await person(request)
        stream = await run_sync(lambda: streams.describe(name, new.to_description(), caller))
        return stream_json(stream, await run_sync(subscriptions.of_stream, name, caller))

    @api.get(
        "/{name}",
        summary="A stream, with its counts",
        description="`broker` is null, or the topic of a broker whose messages it takes, with the state of the "
        "connection: `connectedSince` is null without one; `messages` counts since then.",
    )
    async def show(request: Request, name: str) -> Any:
        caller = await person(request)
        stream = await run_sync(streams.stream, name, caller)
        return stream_json(stream, await run_sync(subscriptions.of_stream, name, caller))

    @api.put(
        "/{name}/broker",
        summary="Let a stream take the messages of a broker",
        description="The node connects at once, with a lasting session. A message is acknowledged when its "
        "observations are on disk, and the broker repeats what was not acknowledged.",
    )
    async def subscribe(request: Request, name: str, new: NewBrokerSubscription) -> Any:
        caller = await person(request)
        view = await run_sync(
            lambda: subscriptions.subscribe(name, new.source, new.topic, caller, form=new.format, members=new.take)
        )
        return view.to_json()

    @api.delete("/{name}/broker", status_code=204, summary="Take no more messages of a broker: the observations stay")
    async def unsubscribe(request: Request, name: str) -> None:
        await run_sync(subscriptions.unsubscribe, name, await person(request))

    @api.delete("/{name}", status_code=204, summary="Remove a stream with its observations: open reads of it end")
    async def remove(request: Request, name: str) -> None:
        await run_sync(streams.remove, name, await person(request))

    @api.post(
        "/{name}/observations",
        summary="Send observations",
        description=(
            "The body is one observation or a list of them (`application/json`), a notification of a context broker "
            "(`application/json`, `application/ld+json`: each entity is an observation), one in each line "
            "(`application/x-ndjson`), or rows of CSV (`text/csv`); at most 1 MB and 10,000 observations. When the "
            "answer comes, `accepted` ones are stored on disk under the numbers from `first` to `last`; `repeated` "
            "ones had been stored before, so sending again does no harm; `refused` ones do not conform, and `faults` "
            "has the reasons of the first twenty, with their places in the body, from 0. Status 422 if all are "
            "refused."
        ),
    )
    async def send(request: Request, name: str) -> Any:
        caller = await person(request)
        receipt = await take(name, await request.body(), request.headers.get("content-type", ""), caller)
        if receipt.refusals and not receipt.acceptances and not receipt.repeats:
            first = receipt.faults[0][1].reason
            raise NonconformingObservations(
                f"no observation conforms to the schema of the stream: {first}",
                remedy=f"compare it with the schema: hansa stream show {word(name)}",
                facts=receipt.to_json(),
            )
        return receipt.to_json()

    @api.get(
        "/{name}/latest",
        summary="The latest observation of each subject",
        description="By subject; `after` is a subject, and those after it follow.",
    )
    async def latest(
        request: Request,
        name: str,
        after: Annotated[str, Query(max_length=200)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Any:
        caller = await person(request)
        heads = await run_sync(lambda: streams.latest(name, caller, after=after, limit=limit))
        return [entry_json(head.number, head.received, *lines_of([head.text])) for head in heads]

    @api.get("/{name}/faults", summary="Observations that were refused, newest first, with the reasons")
    async def faults(request: Request, name: str, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Any:
        caller = await person(request)
        return [fault_json(fault) for fault in await run_sync(lambda: streams.faults(name, caller, limit=limit))]

    return api


def stream_json(stream: Stream, view: BrokerSubscriptionView | None) -> dict[str, Any]:
    """Return a stream as JSON, for API and terminal."""
    return {
        "name": stream.name,
        "schema": dict(stream.schema),
        "time": stream.time_member,
        "subject": stream.subject_member,
        "key": list(stream.key_members),
        "keepSeconds": stream.keep_seconds,
        "most": stream.most,
        "accepted": stream.last,
        "repeated": stream.repeats,
        "refused": stream.faults,
        "broker": None if view is None else view.to_json(),
        "by": stream.by,
        "at": stamp(stream.at),
    }


def fault_json(fault: Fault) -> dict[str, Any]:
    """Return an observation that was refused as JSON."""
    return {"at": stamp(fault.at), "reason": fault.reason, "text": fault.text}
