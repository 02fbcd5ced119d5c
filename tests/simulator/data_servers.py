"""Servers of data that a test scripts, over real HTTP on loopback: files, a bucket, a GIS server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def ranged(request: Request, body: bytes, media_type: str) -> Response:
    """Answer a request for a file, with ranges as RFC 9110 has them."""
    headers = {"etag": f'"{hash(body) & 0xFFFFFFFF:x}"', "accept-ranges": "bytes"}
    match = RANGE.fullmatch(request.headers.get("range", ""))
    if match is None:
        return Response(body, media_type=media_type, headers=headers)
    first, last = match.groups()
    start = int(first) if first else max(0, len(body) - int(last))
    end = min(int(last) + 1, len(body)) if first and last else len(body)
    if start >= end:
        return Response(status_code=416, headers={"content-range": f"bytes */{len(body)}"})
    headers["content-range"] = f"bytes {start}-{end - 1}/{len(body)}"
    return Response(body[start:end], 206, media_type=media_type, headers=headers)


@dataclass
class FileServer:
    """Files, and an API below ``api/`` whose documents link to themselves; open to ``authorization`` only."""

    files: dict[str, bytes]
    authorization: str | None = None
    requests: list[Request] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self.answer)])

    async def answer(self, request: Request) -> Response:
        self.requests.append(request)
        if self.authorization is not None and request.headers.get("authorization") != self.authorization:
            return Response(status_code=401)
        path = request.path_params["path"]
        if path.startswith("api/"):
            here = str(request.url)
            links = [{"href": f"{request.base_url}api/rest?page=2"}, {"href": f"{request.base_url}secret/place"}]
            return JSONResponse({"self": here, "query": dict(request.query_params), "links": links})
        if path not in self.files:
            return Response(status_code=404)
        return ranged(request, self.files[path], "text/csv")


@dataclass
class Bucket:
    """A bucket named ``city``, with S3's list and objects."""

    files: dict[str, bytes]
    requests: list[Request] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/city", self.list), Route("/city/{key:path}", self.get)])

    async def list(self, request: Request) -> Response:
        self.requests.append(request)
        prefix, most = request.query_params["prefix"], int(request.query_params["max-keys"])
        keys = [key for key in sorted(self.files) if key.startswith(prefix)][:most]
        objects = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.files[key])}</Size></Contents>" for key in keys
        )
        text = f'<?xml version="1.0"?><ListBucketResult><Name>city</Name>{objects}</ListBucketResult>'
        return Response(text, media_type="application/xml")

    async def get(self, request: Request) -> Response:
        self.requests.append(request)
        key = request.path_params["key"]
        if key not in self.files:
            return Response("<Error><Code>NoSuchKey</Code></Error>", 404, media_type="application/xml")
        return ranged(request, self.files[key], "binary/octet-stream")


@dataclass
class GisServer:
    """OGC API - Features with two collections, ``points`` of which is to be shared."""

    count: int = 25
    requests: list[Request] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/gis/conformance", self.conformance),
                Route("/gis/collections", self.collections),
                Route("/gis/collections/{name}", self.collection),
                Route("/gis/collections/{name}/queryables", self.queryables),
                Route("/gis/collections/{name}/items", self.items),
                Route("/gis/collections/{name}/items/{id}", self.item),
            ]
        )

    async def conformance(self, request: Request) -> Response:
        self.requests.append(request)
        spec = "http://www.opengis.net/spec/ogcapi-features-"
        return JSONResponse({"conformsTo": [f"{spec}1/1.0/conf/core", f"{spec}4/1.0/conf/create-replace-delete"]})

    async def collections(self, request: Request) -> Response:
        self.requests.append(request)
        found = [self.describe(request, name) for name in ("points", "staff")]
        return JSONResponse({"collections": found, "links": [{"href": str(request.url), "rel": "self"}]})

    async def collection(self, request: Request) -> Response:
        self.requests.append(request)
        name = request.path_params["name"]
        if name not in ("points", "staff"):
            return JSONResponse({"code": "NotFound"}, 404)
        return JSONResponse(self.describe(request, name))

    def describe(self, request: Request, name: str) -> dict[str, Any]:
        extent = {
            "spatial": {"bbox": [[3.6, 51.0, 3.8, 51.1]], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}
        }
        links = [{"href": f"{request.base_url}gis/collections/{name}/items", "rel": "items"}]
        return {"id": name, "title": name.title(), "extent": extent, "itemType": "feature", "links": links}

    def feature(self, number: int) -> dict[str, Any]:
        place = {"type": "Point", "coordinates": [3.6 + number / 1000, 51.0]}
        kind = "berth" if number % 2 else "secret-depot"
        properties = {"number": number, "kind": kind, "guard": f"guard-{number}", "day": f"2026-01-{number + 1:02d}"}
        return {"type": "Feature", "id": number, "geometry": place, "properties": properties}

    async def queryables(self, request: Request) -> Response:
        self.requests.append(request)
        columns: dict[str, Any] = {name: {"type": "string"} for name in ("number", "guard", "day")}
        columns["kind"] = {"type": "string", "enum": ["berth", "secret-depot"]}
        return JSONResponse({"title": "Points", "properties": columns})

    def matching(self, request: Request) -> list[int]:
        """The features that a query asks for: a column with a value, and a box."""
        query = request.query_params
        features = [self.feature(number) for number in range(self.count)]
        for name in ("number", "kind", "guard", "day"):
            if name in query:
                features = [one for one in features if str(one["properties"][name]) == query[name]]
        if "bbox" in query:
            west, _, east, _ = map(float, query["bbox"].split(","))
            features = [one for one in features if west <= one["geometry"]["coordinates"][0] <= east]
        return [one["id"] for one in features]

    async def items(self, request: Request) -> Response:
        self.requests.append(request)
        start, limit = int(request.query_params.get("offset", 0)), int(request.query_params.get("limit", 10))
        if limit < 1:
            return JSONResponse({"code": "InvalidParameterValue"}, 400)
        matching = self.matching(request)
        numbers = matching[start : start + limit]
        place = f"{request.base_url}gis/collections/{request.path_params['name']}/items"
        links = [{"href": f"{request.base_url}gis/", "rel": "root"}]
        if start + limit < len(matching):
            others = [
                (name, value) for name, value in request.query_params.items() if name not in ("offset", "limit")
            ]
            query = urlencode([*others, ("offset", str(start + limit)), ("limit", str(limit))])
            links.append({"href": f"{place}?{query}", "rel": "next"})
        return JSONResponse(
            {
                "type": "FeatureCollection",
                "features": [{**self.feature(number), "links": [{"href": place}]} for number in numbers],
                "numberMatched": len(matching),
                "numberReturned": len(numbers),
                "links": links,
                "admin": place,
            },
            media_type="application/geo+json",
        )

    async def item(self, request: Request) -> Response:
        self.requests.append(request)
        number = request.path_params["id"]
        if not number.isdigit() or int(number) >= self.count:
            return JSONResponse({"code": "NotFound"}, 404)
        return JSONResponse(self.feature(int(number)))
