"""The routes of the catalogue: search and records as JSON, and the IRIs of assets themselves.

An asset's IRI answers in a form that the caller can read: its page for browsers, its description as RDF or JSON for
programs, in a version (``?version=N``) or at a moment (``?asOf=…``), and the bytes of files that are open to
everybody. If the caller may not see an asset, the answer is the same as if it did not exist.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from node.base.clock import moment
from node.base.errors import InvalidInput
from node.catalogue import model
from node.catalogue.browse import Browse
from node.catalogue.export.croissant import FORMAT, croissant
from node.catalogue.export.croissant import MEDIA_TYPE as CROISSANT
from node.catalogue.recordview import record_json, version_json
from node.catalogue.representations import (
    FORMATS,
    HTML,
    JSON,
    RECORD_TYPES,
    asks_for_croissant,
    language_in,
    negotiate,
)
from node.catalogue.versions import memento
from node.catalogue.versions.changes import CompareVersions
from node.catalogue.visibility import absent
from node.exchange.ports import AssetStore
from node.identity.model import Caller
from node.semantics.documents import serialise
from node.semantics.kinds import KINDS, iri_meant
from node.semantics.model import File
from node.web.api_router import PlacedApiRouter
from node.web.replies import is_unchanged, kept_for
from node.web.search import SearchParameters, VersionNumber, check_names, following_page

Identify = Callable[[Request], Awaitable[Caller]]
HtmlView = Callable[[Request, str, Caller], Awaitable[Response]]
"""(request, IRI of the asset, caller) → its page."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9_!#$&^.+-]{0,80}"
_MEDIA_TYPE = re.compile(f"{_NAME}/{_NAME}(?: *;[ -~]{{1,100}})?")


def router(
    browse: Browse,
    *,
    identify: Identify,
    assets: AssetStore,
    base: str,
    html_view: HtmlView | None = None,
) -> APIRouter:
    """Return the routes. ``base`` is the node's public URL: IRIs follow from it and never from the Host header."""
    endpoints = _Endpoints(browse, identify, assets, base.rstrip("/"), html_view)
    routes = PlacedApiRouter(tags=["catalogue"])
    routes.add_api_route("/api/catalogue/search", endpoints.search, methods=["GET"], name="search")
    routes.add_api_route("/api/catalogue/suggestions", endpoints.suggestions, methods=["GET"], name="suggestions")
    routes.add_api_route("/api/catalogue/record", endpoints.record, methods=["GET"], name="record")
    routes.add_api_route("/api/catalogue/versions", endpoints.versions, methods=["GET"], name="versions")
    routes.add_api_route("/api/catalogue/changes", endpoints.changes, methods=["GET"], name="changes")
    routes.add_api_route("/api/catalogue/counts", endpoints.counts, methods=["GET"], name="counts")
    routes.add_api_route("/api/catalogue/publishers", endpoints.publishers, methods=["GET"], name="publishers")
    for kind in KINDS.values():
        for path, show, name in (
            (f"/{kind.plural}/{{slug}}", endpoints.asset(kind.plural), kind.name),
            (f"/{kind.plural}/{{slug}}/files/{{name}}", endpoints.file(kind.plural), f"file of a {kind.name}"),
            (f"/{kind.plural}/{{slug}}/timemap", endpoints.timemap(kind.plural), f"versions of a {kind.name}"),
        ):
            routes.add_api_route(path, show, methods=["GET", "HEAD"], name=name, include_in_schema=False)
    return routes


class _Endpoints:
    def __init__(
        self, browse: Browse, identify: Identify, assets: AssetStore, base: str, html_view: HtmlView | None
    ) -> None:
        self._browse = browse
        self._compare = CompareVersions(browse)
        self._mementos = memento.Mementos(browse)
        self._identify = identify
        self._assets = assets
        self._base = base
        self._html_view = html_view

    # the API ------------------------------------------------------------------------------------------------

    async def search(self, request: Request, parameters: Annotated[SearchParameters, Query()]) -> Response:
        """Search the catalogue by text, facets, place and time; `facets` counts all hits that you may see.

        `facets` has the 100 most frequent keywords and places, and up to 1,000 values of each other facet.
        `kind`, `theme`, `keyword`, `publisher`, `access`, `format`, `license`, `node`, `spatial`, `year` and
        `quality` may be repeated: values of one facet are alternatives. `spatial` is the name of a place that
        the description names, else its IRI; `year` a year that the data are about; `quality` a band of the
        points of data.europa.eu: `excellent`, `good`, `sufficient` or `bad`. `points` of a hit are these, 405
        at most. `bbox` is west,south,east,north in degrees; `from` and `to` are a day, a month or a year
        (`2024`, `2024-05`, `2024-05-17`), and match assets whose data are about that time.

        The search also looks for other labels that ontologies have for the words, at most eight, which you may see:
        `widened` lists them, with the words that they stand for and the ontology. `widen=false` looks for the words
        only.

        `sort` is `best` (relevance), `newest` (date), `quality`, or `published`. `next` is the address of the
        next page, in every order; `cursor` is the place where it continues. What is published between two
        pages moves no other hit. To read everything, ask for `sort=published`, the order of publication here,
        and follow `next`: each asset comes once, also while others change and are withdrawn, and the last
        page costs as much as the first.

        `partial` is true while the index is being filled, as after an upgrade: results are missing then.
        """
        check_names(request.query_params)
        caller = await self._identify(request)
        language = _language(request, parameters.lang)
        page = await self._browse.search(parameters.query(language), caller)
        following = following_page(request.query_params.multi_items(), page)
        link = following and f"{self._base}/api/catalogue/search?{following}"
        return _json({**page.to_json(language), "next": link}, caller)

    async def suggestions(
        self, request: Request, q: Annotated[str, Query(max_length=300)], lang: str | None = None
    ) -> Response:
        """Suggestions for a search that is being typed: at most ten keywords and titles of assets that you may see.

        The last word of `q` may be the beginning of a word, from two letters on.
        """
        caller = await self._identify(request)
        matches = await self._browse.suggest(q, caller, language=_language(request, lang))
        return _json({"suggestions": [match.to_json() for match in matches]}, caller)

    async def record(
        self,
        request: Request,
        iri: str,
        version: VersionNumber = None,
        asOf: str | None = None,  # noqa: N803 - the name of the parameter on the wire
        lang: str | None = None,
    ) -> Response:
        """One asset, as it is now, as version `version`, or as it was at `asOf` (XSD dateTime or date).

        `iri` is its address; `kind/name`, such as `dataset/road-network`, is one of this node's own.
        """
        caller = await self._identify(request)
        wanted = iri_meant(iri, self._base)
        found = await self._browse.record(wanted, caller, version=version, as_of=_moment(asOf))
        return await self._record_answer(request, found, caller, lang)

    async def versions(self, request: Request, iri: str) -> Response:
        """All versions of an asset, newest first.

        `files` says whether the files of a version are kept: `current`, `always`, `counted` (while it is among so
        many `versions` before the newest), `until` (the moment `at`; agreements in force keep them longer) or
        `removed`. A version whose content was `erased` has neither `files` nor a `sha256`.
        """
        caller = await self._identify(request)
        address = iri_meant(iri, self._base)
        versions = await self._browse.versions(address, caller)
        keepings = await self._browse.keepings(versions)
        members = [version_json(record, keepings.get(record.version)) for record in versions]
        return _json({"iri": address, "versions": members}, caller)

    async def changes(
        self,
        request: Request,
        iri: str,
        older: Annotated[VersionNumber, Query(alias="from")] = None,
        newer: Annotated[VersionNumber, Query(alias="to")] = None,
    ) -> Response:
        """The differences between the versions `from` and `to` of an asset, in both directions: statements, files,
        conditions, audience. By default the newest version and the one before it."""
        caller = await self._identify(request)
        wanted = iri_meant(iri, self._base)
        found = await self._compare(wanted, caller, before=older, after=newer)
        return _json(found.to_json(), caller)

    async def counts(self, request: Request) -> Response:
        """The number of assets of each kind that you may see."""
        caller = await self._identify(request)
        return _json(await self._browse.counts(caller), caller)

    async def publishers(self, request: Request) -> Response:
        """The publishers here, with the number of assets of each kind that you may see."""
        caller = await self._identify(request)
        found = await self._browse.publishers(caller)
        return _json(
            [{"id": one.id, "name": one.name, "total": one.total, "kinds": one.kinds} for one in found], caller
        )

    # assets by their IRI --------------------------------------------------------------------------------------

    def asset(self, plural: str) -> Callable[..., Awaitable[Response]]:
        async def show(
            request: Request,
            slug: str,
            version: VersionNumber = None,
            asOf: str | None = None,  # noqa: N803 - the name of the parameter on the wire
            lang: str | None = None,
            form: Annotated[str | None, Query(alias="format")] = None,
        ) -> Response:
            caller = await self._identify(request)
            iri = f"{self._base}/{plural}/{slug}"
            media_type = _choose_type(form, request.headers.get("accept"))
            header = request.headers.get("accept-datetime")
            is_newest = version is None and asOf is None
            if header is not None and is_newest:
                return await self._redirect_to_version(request, iri, caller, header)
            if media_type == HTML and self._html_view is not None:
                return await self._html_view(request, iri, caller)
            record = await self._browse.record(iri, caller, version=version, as_of=_moment(asOf))
            if media_type in (HTML, JSON):
                answer = await self._record_answer(request, record, caller, lang)
                return _as_memento(answer, record, is_newest=is_newest)
            if media_type == CROISSANT:
                body, mark = await asyncio.to_thread(croissant, record), FORMAT
            else:
                # Canonical N-Quads are the bytes that were hashed and signed; other syntaxes are derived from them.
                body = await asyncio.to_thread(serialise, record.nquads, media_type)
                mark = str(RECORD_TYPES.index(media_type))
            tag = f'"{record.sha256}.{mark}"'
            headers = {**kept_for(caller), "ETag": tag}
            if is_unchanged(request, tag):
                answer = Response(status_code=304, headers=headers)
            else:
                answer = Response(body, media_type=media_type, headers=headers)
            return _as_memento(answer, record, is_newest=is_newest)

        return show

    async def _redirect_to_version(self, request: Request, iri: str, caller: Caller, time: str) -> Response:
        """Return the answer of a TimeGate that is the original resource itself (RFC 7089 §4.1.1)."""
        record = await self._mementos.at(iri, caller, memento.time_of(time))
        return RedirectResponse(
            memento.address(record),
            status_code=302,
            headers={**kept_for(caller), "Vary": memento.VARY, "Link": memento.links(record)},
        )

    def timemap(self, plural: str) -> Callable[..., Awaitable[Response]]:
        async def show(request: Request, slug: str) -> Response:
            caller = await self._identify(request)
            iri = f"{self._base}/{plural}/{slug}"
            versions = await self._mementos.versions(iri, caller)
            text = memento.timemap(iri, versions)
            return Response(text, media_type=memento.LINK_FORMAT, headers=kept_for(caller))

        return show

    def file(self, plural: str) -> Callable[..., Awaitable[Response]]:
        async def send(request: Request, slug: str, name: str, version: VersionNumber = None) -> Response:
            caller = await self._identify(request)
            found = await self._browse.record(f"{self._base}/{plural}/{slug}", caller, version=version)
            file = _open_file(found, name)
            await self._browse.require_files(found)
            headers = {
                **kept_for(caller),
                "ETag": f'"{file.sha256}"',
                "Content-Length": str(file.size),
                # Content of another publisher must never run at this node's origin.
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name, safe='')}",
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'; sandbox",
            }
            if is_unchanged(request, headers["ETag"]):
                del headers["Content-Length"]
                return Response(status_code=304, headers=headers)
            # The stated media type becomes a header field: an invalid one must not spoil the download.
            media_type = file.media_type if _MEDIA_TYPE.fullmatch(file.media_type) else "application/octet-stream"
            if request.method == "HEAD":
                return Response(headers=headers, media_type=media_type)
            chunks: AsyncIterator[bytes] = await self._assets.open(file.sha256)
            return StreamingResponse(chunks, headers=headers, media_type=media_type)

        return send

    async def _record_answer(
        self, request: Request, record: model.Record, caller: Caller, lang: str | None
    ) -> Response:
        connections = await self._browse.connections(record, caller)
        copies = await self._browse.copies(record, caller)
        return _json(
            record_json(
                record,
                access=self._browse.access,
                caller=caller,
                language=_language(request, lang),
                connections=connections,
                copies=copies,
            ),
            caller,
        )


def _choose_type(form: str | None, accept: str | None) -> str:
    """Return the media type that the address names, else the one that fits the Accept header best. Raises
    ``InvalidInput`` and ``NotAcceptable``."""
    if form is None:
        return CROISSANT if asks_for_croissant(accept) else negotiate(accept)
    names = {**FORMATS, FORMAT: CROISSANT}
    if form not in names:
        raise InvalidInput("there is no such format", remedy=f"one of: {', '.join(names)}")
    return names[form]


def _open_file(record: model.Record, name: str) -> File:
    for file in record.files:
        # The name is compared with the published ones, never used as a path.
        if file.name == name and file.open and file.source is None:
            return file
    raise absent()


def _as_memento(answer: Response, record: model.Record, *, is_newest: bool) -> Response:
    answer.headers.update(memento.headers(record, is_newest=is_newest, link=answer.headers.get("Link")))
    return answer


def _json(value: Any, caller: Caller) -> Response:
    return JSONResponse(value, headers=kept_for(caller))


def _language(request: Request, lang: str | None) -> str:
    return language_in(lang or request.headers.get("accept-language"))


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return moment(text)
    except ValueError as error:
        raise InvalidInput(
            "asOf is not a date or a time", remedy="write it as 2026-11-20 or 2026-11-20T12:00:00Z"
        ) from error
