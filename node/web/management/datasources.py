"""Data sources: register, test and remove them. Credentials go in and never come out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.clock import stamp
from node.datasources.checkup import Report, TryDataSource
from node.datasources.model import Credentials, DataSource, Scheme
from node.datasources.register import DataSources
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person, language_of

_Short = Annotated[str, Field(max_length=200)]
PATH: Final = "/api/sources"


class NewCredentials(BaseModel):
    """The node's own access to a data source. It is stored sealed, and never returned."""

    model_config = ConfigDict(extra="forbid")

    scheme: Scheme = Field(description="`basic`: a user and a password, or an access key and its secret.")
    name: _Short = Field("", description="The user, the access key, or the name of the header.")
    secret: str = Field("", max_length=4096, repr=False)

    def to_credentials(self) -> Credentials:
        """Return them as the register takes them."""
        return Credentials(scheme=self.scheme, name=self.name, secret=self.secret)


class NewDataSource(BaseModel):
    """A data source."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(
        max_length=40,
        description="`http`, `folder`, `s3`, `features`, `wfs`, `wms`, `wmts`, `ngsi-ld`, `ngsi-v2`, "
        "`sensorthings`, `sparql`, `gtfs`, `gbfs`, `postgis`, `mqtt`, `amqp`, `kafka`, or that of a plug-in.",
    )
    address: str = Field(max_length=2048)
    options: dict[_Short, _Short] = Field(
        default_factory=dict,
        max_length=20,
        description="`sink` (`yes`: received data may be sent there; folder, s3, postgis, "
        "http, ngsi-ld), "
        "`region` (s3), `schema` (postgis), `version` (mqtt: 5 by default, or 3.1.1), "
        "`start` (kafka: where a new subscription begins, `new` by default, or `oldest`), "
        "`sasl` (kafka: `plain` by default, `scram-sha-256` or `scram-sha-512`), "
        "`tenant` and `context` (ngsi-ld: a tenant of the broker, and the address of the JSON-LD context of its "
        "names), "
        "`tenant` and `service_path` (ngsi-v2: the headers Fiware-Service and Fiware-ServicePath), "
        "`map` (wfs, wms, wmts: the project of the server, if its address needs `?map=`), "
        "`schedule`, `trip_updates`, `vehicle_positions` and `alerts` (gtfs: files below the address), "
        "`reads_per_minute` (how often one transfer "
        "may read: 600 by default, 0 for no limit).",
    )
    credentials: NewCredentials | None = Field(
        None, description="If it is left out, and kind and address are as before, the credentials stay."
    )


def router(*, person: Person, sources: DataSources, trial: TryDataSource) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix=PATH, tags=["publishing"], route_class=knowing(person))

    @api.get("", summary="Data sources of this node, with the kinds that it can read")
    async def list_sources(request: Request) -> Any:
        everything = await run_sync(sources.all, await person(request))
        return {"sources": [source_json(source) for source in everything], "kinds": list(sources.kinds)}

    @api.put(
        "/{name}",
        summary="Register a data source, or replace it",
        description=(
            "Nothing is fetched: `POST /api/sources/{name}/test` does that. The credentials are sealed, and no "
            "answer contains them."
        ),
    )
    async def register(request: Request, name: str, new: NewDataSource) -> Any:
        caller = await person(request)
        entered = new.credentials
        credentials = None if entered is None else entered.to_credentials()
        source = await run_sync(
            lambda: sources.register(
                name, new.kind, new.address, caller, options=new.options, credentials=credentials
            )
        )
        return source_json(source)

    @api.get("/{name}", summary="A data source, without its credentials")
    async def show(request: Request, name: str) -> Any:
        return source_json(await run_sync(sources.source, name, await person(request)))

    @api.delete("/{name}", status_code=204, summary="Forget a data source: what it shares can no longer be read")
    async def remove(request: Request, name: str) -> None:
        await run_sync(sources.remove, name, await person(request))

    @api.post(
        "/{name}/test",
        summary="Try a data source: what works, and what this node could offer from it",
        description="`item` is one to be read, by default the first; of a broker, a topic. Faults of the source are "
        "steps of the answer.",
    )
    async def test(
        request: Request,
        name: str,
        item: Annotated[str, Query(max_length=1024)] = "",
        language: Annotated[str, Query(max_length=16)] = "",
    ) -> Any:
        caller = await person(request)
        return report_json(await trial(name, caller, item=item, language=language_of(request, language)))

    return api


def source_json(source: DataSource) -> dict[str, Any]:
    """Return a data source as JSON, for API and terminal, without its secret."""
    return {
        "name": source.name,
        "kind": source.kind,
        "address": source.address,
        "options": dict(source.options),
        "credentials": _credentials_json(source.shown),
        "by": source.by,
        "at": stamp(source.at),
    }


def report_json(report: Report) -> dict[str, Any]:
    """Return the result of a trial as JSON, for API and terminal."""
    return {
        **source_json(report.source),
        "passed": report.is_passed,
        "steps": [step.to_json() for step in report.steps],
        "items": [
            {
                "item": item.path,
                "title": item.title,
                "mediaType": item.media_type,
                "size": item.size,
                "entries": item.entries,
            }
            for item in report.items
        ],
    }


def _credentials_json(public: Mapping[str, str]) -> dict[str, str] | None:
    return None if public.get("scheme", "none") == "none" else dict(public)
