"""Services of sensors, mobility and linked data that a test scripts, over real HTTP on loopback.

Their answers have the form of recorded ones: FROST (SensorThings), systems of GBFS 2.3 and 3.0, a timetable.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from typing import Any

from pyoxigraph import Literal, NamedNode, Quad, QueryBoolean, QueryResultsFormat, QuerySolutions, RdfFormat, Store
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

ROADS = "https://city.example/graphs/roads"
SECRETS = "https://city.example/graphs/secrets"


def observation(number: int) -> dict[str, Any]:
    """An observation as FROST sends it, with the address of the service in ``HOST``."""
    stream = number % 2
    return {
        "@iot.selfLink": f"HOST/v1.1/Observations({number})",
        "@iot.id": number,
        "phenomenonTime": f"2026-11-20T08:{number:02}:00Z",
        "resultTime": None,
        "result": number * 1.5,
        "Datastream@iot.navigationLink": f"HOST/v1.1/Observations({number})/Datastream",
        "Datastream": {"@iot.id": stream, "name": "nobody asked"},
    }


@dataclass
class Sensors:
    """Two datastreams with ten observations each; ``lies`` are sent for every set."""

    lies: dict[str, Any] | None = None
    requests: list[Request] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1.1/", self.root), Route("/v1.1/{item:path}", self.list)])

    async def root(self, request: Request) -> Response:
        names = ("Things", "Datastreams", "Observations", "Tasks")
        return JSONResponse({"value": [{"name": name, "url": f"{request.base_url}v1.1/{name}"} for name in names]})

    async def list(self, request: Request) -> Response:
        self.requests.append(request)
        if self.lies is not None:
            return JSONResponse(self.lies)
        item, query = request.path_params["item"], request.query_params
        match = re.fullmatch(r"(?:Datastreams\((\d)\)/)?(Things|Datastreams|Observations)", item)
        if match is None:
            return JSONResponse({"message": "not there"}, 404)
        entities = [observation(number) for number in range(20)] if match[2] == "Observations" else []
        if match[2] == "Datastreams":
            entities = [{"@iot.id": number, "name": f"Stream {number}"} for number in range(2)]
        if match[1]:
            entities = [entity for entity in entities if entity["@iot.id"] % 2 == int(match[1])]
        if wanted := query.get("$filter"):
            comparison = re.fullmatch(r"(id|result) (eq|gt) ([0-9.]+)", wanted)
            if comparison is None:
                return JSONResponse({"message": "bad filter"}, 400)
            name, number = "@iot.id" if comparison[1] == "id" else "result", float(comparison[3])
            equal = comparison[2] == "eq"
            entities = [one for one in entities if (one[name] == number if equal else one[name] > number)]
        start, top = int(query.get("$skip", 0)), int(query.get("$top", 4))
        host = str(request.base_url).rstrip("/")
        page: dict[str, Any] = {"value": entities[start : start + top]}
        if query.get("$count") == "true":
            page["@iot.count"] = len(entities)
        if start + top < len(entities):
            page["@iot.nextLink"] = f"{host}/v1.1/{item}?$top={top}&$skip={start + top}&token=of-the-source"
        text = json.dumps(page).replace("HOST", host)
        return Response(text, media_type="application/json")


@dataclass
class EndPoint:
    """A SPARQL end point with two graphs; ``keeps_to_graph`` is false for one that ignores which graph is named."""

    keeps_to_graph: bool = True
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store()
        name = NamedNode("https://city.example/name")
        for graph, text in ((ROADS, "Coupure"), (SECRETS, "top-secret")):
            node = NamedNode(f"https://city.example/{text}")
            self.store.add(Quad(node, name, Literal(text), NamedNode(graph)))

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/sparql", self.ask)])

    async def ask(self, request: Request) -> Response:
        self.requests.append(request)
        graph = request.query_params.get("default-graph-uri")
        choice: dict[str, Any] = {"use_default_graph_as_union": True}
        if graph is not None and self.keeps_to_graph:
            choice = {"default_graph": NamedNode(graph), "named_graphs": []}
        try:
            answer = self.store.query(request.query_params["query"], **choice)
        except SyntaxError as error:
            return Response(str(error), 400)
        if isinstance(answer, QueryBoolean | QuerySolutions):
            is_csv = "text/csv" in request.headers["accept"]
            form = QueryResultsFormat.CSV if is_csv else QueryResultsFormat.JSON
            return Response(answer.serialize(format=form), media_type=form.media_type)
        return Response(answer.serialize(format=RdfFormat.TURTLE), media_type="text/turtle")


@dataclass
class Mobility:
    """A system of shared bicycles in GBFS 2.3 and 3.0, and a timetable with its state."""

    other_host: str = ""
    requests: list[Request] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{name:path}", self.file)])

    async def file(self, request: Request) -> Response:
        self.requests.append(request)
        name, host = request.path_params["name"], str(request.base_url)
        feeds = [
            {"name": "station_status", "url": f"{host}en/station_status.json"},
            {"name": "vehicle_status", "url": f"{self.other_host or host}en/vehicle_status.json"},
            {"name": "gbfs_versions", "url": f"{host}gbfs_versions.json"},
            {"name": "inside", "url": "http://10.0.0.1/inside.json"},
        ]
        head = {"last_updated": 1795000000, "ttl": 60}
        match name:
            case "gbfs.json":
                return JSONResponse(
                    {**head, "version": "2.3", "data": {"en": {"feeds": feeds}, "nl": {"feeds": feeds}}}
                )
            case "v3/gbfs.json":
                return JSONResponse({**head, "version": "3.0", "data": {"feeds": feeds}})
            case "en/station_status.json":
                stations = [{"station_id": "1", "num_bikes_available": 4, "is_renting": True}]
                return JSONResponse({**head, "version": "2.3", "data": {"stations": stations}})
            case "en/vehicle_status.json":
                return JSONResponse({**head, "version": "2.3", "data": {"bikes": []}})
            case "timetable.zip":
                return Response(timetable(), media_type="application/octet-stream")
            case "trips.pb":
                return Response(b"\x0a\x07\x0a\x032.0\x18\x01" * 3, media_type="application/octet-stream")
            case "page.pb" | "page.zip":
                return Response("<p>sign in</p>", media_type="application/zip")
            case "moved.zip":
                return RedirectResponse("http://169.254.169.254/latest/meta-data")
            case _:
                return Response(status_code=404)


def timetable() -> bytes:
    """A timetable of one line."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "agency.txt", "agency_id,agency_name,agency_url,agency_timezone\n1,Tram,https://t.example,CET\n"
        )
        archive.writestr("routes.txt", "route_id,agency_id,route_short_name,route_type\n1,1,T1,0\n")
    return buffer.getvalue()
