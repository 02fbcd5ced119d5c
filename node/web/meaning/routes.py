"""The terms of ontologies: search, one term, and a term at its own address in the form that is asked for; the imports
and the FAIR points of an ontology."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import quote

from fastapi import Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from node.base.errors import InvalidInput, NotFound
from node.catalogue.browse import Browse
from node.catalogue.representations import FORMATS, HTML, JSON, language_in, negotiate
from node.catalogue.visibility import absent
from node.identity.model import Caller
from node.semantics.documents import serialise
from node.semantics.kinds import iri_meant
from node.vocab.versions import LAST_VERSION
from node.web.api_router import PlacedApiRouter
from node.web.replies import kept_for

Identify = Callable[[Request], Awaitable[Caller]]


def router(*, browse: Browse, identify: Identify, base: str) -> PlacedApiRouter:
    """Return the routes. ``base`` is the node's public URL."""
    endpoints = _Endpoints(browse, identify, base.rstrip("/"))
    routes = PlacedApiRouter(tags=["catalogue"])
    routes.add_api_route("/api/catalogue/terms", endpoints.search, methods=["GET"], name="terms")
    routes.add_api_route("/api/catalogue/term", endpoints.term, methods=["GET"], name="term")
    routes.add_api_route("/api/catalogue/fields", endpoints.fields, methods=["GET"], name="fields")
    routes.add_api_route("/api/catalogue/imports", endpoints.imports, methods=["GET"], name="imports")
    routes.add_api_route("/api/catalogue/fairness", endpoints.fairness, methods=["GET"], name="fairness")
    routes.add_api_route(
        "/ontologies/{slug}/{name}",
        endpoints.address,
        methods=["GET", "HEAD"],
        name="term of an ontology",
        include_in_schema=False,
    )
    return routes


class _Endpoints:
    def __init__(self, browse: Browse, identify: Identify, base: str) -> None:
        self._browse = browse
        self._identify = identify
        self._base = base

    async def search(
        self,
        request: Request,
        q: str,
        kind: Annotated[str, Query(pattern="^(|class|property|datatype|concept|scheme|individual)$")] = "",
        ontology: Annotated[str, Query(max_length=2048)] = "",
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        lang: str | None = None,
    ) -> Response:
        """Terms with all words of `q` in their labels, names or definitions, in any language; labels before
        definitions, then those that most assets use. Only terms of ontologies that you may see.

        `kind` is class, property, datatype, concept, scheme or individual; `ontology` is the address of one ontology.
        `uses` counts the assets that use the term and that you may see, up to 50; it is looked for in the 90 nearest
        terms.
        """
        caller = await self._identify(request)
        language = language_in(lang or request.headers.get("accept-language"))
        total, matches = await self._browse.terms.search(q, caller, kind=kind, ontology=ontology, limit=limit)
        terms = [match.to_json(language) for match in matches]
        return JSONResponse({"total": total, "terms": terms}, headers=kept_for(caller))

    async def term(
        self, request: Request, iri: Annotated[str, Query(max_length=2048)], lang: str | None = None
    ) -> Response:
        """One term: labels and definitions in all languages, domain and range, restrictions in words, and the assets
        that use it, as far as you may see them."""
        caller = await self._identify(request)
        language = language_in(lang or request.headers.get("accept-language"))
        view = await self._browse.terms.term(iri, caller)
        return JSONResponse(view.to_json(language), headers=kept_for(caller))

    async def fields(self, request: Request, means: Annotated[str, Query(max_length=300)] = "") -> Response:
        """Fields that mean a term: the address of the term, or a word of its label or the last part of its address
        (`averageVehicleSpeed`). Datasets come first: by their own columns, or by the `schema` that they conform to.
        Terms that are aligned with it count too. At most 200, of the assets that you may see.
        """
        caller = await self._identify(request)
        fields = await self._browse.fields(means, caller)
        return JSONResponse({"fields": [field.to_json() for field in fields]}, headers=kept_for(caller))

    async def imports(
        self,
        request: Request,
        iri: Annotated[str, Query(max_length=2048)],
        version: Annotated[int | None, Query(ge=1, le=LAST_VERSION)] = None,
        form: Annotated[str, Query(alias="format", max_length=20)] = "",
    ) -> Response:
        """The imports of an ontology, direct ones and those of its imports, in the versions of the time when it (or
        its `version`) was published; as far as you may see them. `state` is `found`, `missing`, `erased`, or
        `too-many` beyond 200 addresses, 50 ontologies or 16 MB; without `pinned` there was none yet, and the newest
        counts.

        In a syntax of RDF (`format` or `Accept`), the answer has the statements of the ontology and of all its
        imports, and `dct:requires` names their versions.
        """
        caller = await self._identify(request)
        headers = {**kept_for(caller), "Vary": "Accept, Authorization, Cookie"}
        if form and form not in FORMATS:
            raise InvalidInput("there is no such format", remedy=f"one of: {', '.join(FORMATS)}")
        accept = request.headers.get("accept", "*/*")
        media_type = FORMATS[form] if form else JSON if accept == "*/*" else negotiate(accept)
        address, imports = iri_meant(iri, self._base), self._browse.imports
        if media_type in (HTML, JSON):
            closure = await imports.closure(address, caller, version=version)
            return JSONResponse(closure.to_json(), headers=headers)
        body = await imports.document(address, caller, lambda nquads: serialise(nquads, media_type), version=version)
        return Response(body, media_type=media_type, headers=headers)

    async def fairness(
        self, request: Request, iri: Annotated[str, Query(max_length=2048)], lang: str | None = None
    ) -> Response:
        """FAIR points of an ontology, of 100: how well it can be found, read, combined and used again, as far as its
        record, its header and its terms tell. Nothing is fetched.

        `criteria` has the points of each criterion, the FAIR principle, and what to do for those that are missing;
        `first` names those that bring most. `languages` says how complete labels and definitions are in each
        language, in per cent, and which terms to correct `first`: those that most others refer to. `pitfalls` are
        those that are named before publishing.
        """
        caller = await self._identify(request)
        language = language_in(lang or request.headers.get("accept-language"))
        view = await self._browse.fairness(iri_meant(iri, self._base), caller)
        return JSONResponse(view.to_json(language), headers=kept_for(caller))

    async def address(self, request: Request, slug: str, name: str) -> Response:
        """A term at an address below its ontology: a page, JSON or RDF. A term that is named by a fragment
        (`…/roads#Road`) is at `…/roads/Road` too."""
        caller = await self._identify(request)
        ontology = f"{self._base}/ontologies/{slug}"
        for iri in (f"{ontology}/{name}", f"{ontology}#{name}"):
            try:
                return await self._answer(request, iri, caller)
            except NotFound:
                continue
        raise absent()

    async def _answer(self, request: Request, iri: str, caller: Caller) -> Response:
        form = request.query_params.get("format", "")
        media_type = FORMATS[form] if form in FORMATS else negotiate(request.headers.get("accept"))
        headers = {**kept_for(caller), "Vary": "Accept, Accept-Language, Authorization, Cookie"}
        if media_type in (HTML, JSON):
            view = await self._browse.terms.term(iri, caller)
            if media_type == HTML:
                return RedirectResponse(
                    f"{self._base}/term?iri={quote(iri, safe='')}", status_code=303, headers=headers
                )
            language = language_in(request.headers.get("accept-language"))
            return JSONResponse(view.to_json(language), headers=headers)
        nquads = await self._browse.terms.statements(iri, caller)
        body = await asyncio.to_thread(serialise, nquads, media_type)
        return Response(body, media_type=media_type, headers=headers)
