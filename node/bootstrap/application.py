"""The doors put on: one ASGI application with every end point of a node."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from node import __version__
from node.adapters.egress import same_party
from node.base.errors import ForbiddenAddress, HansaError, InvalidInput, MethodNotAllowed, NotFound, RemoteFault
from node.bootstrap.node import HansaNode
from node.bootstrap.operation import scraper_token
from node.bootstrap.pages import portal_for
from node.evidence.proof import ServeEntry
from node.identity.credentials.admissions import IssuerView
from node.identity.documents import sealing_key
from node.identity.model import Caller, DidDocument
from node.policy.document.rendering import render
from node.portal.accept import prefers_page
from node.portal.headers import SecurityHeaders
from node.vocab.dsp import VERSIONS
from node.web import catalogue, data, dcp, deletions, feed, health, ledger, ogc, pushed, sparql, wellknown
from node.web.bodies import BodyLimits
from node.web.dsp import door as dsp
from node.web.management import (
    blocks,
    exchanges,
    keys,
    limits,
    operation,
    people,
    records,
    results,
    scenarios,
    secondfactor,
)
from node.web.problems import answer_failure, answer_nobody, answer_problem
from node.web.scrapers import admit_scraper
from node.web.visitors import VisitorBounds, VisitorLimits


def application(node: HansaNode) -> ASGIApp:
    """The ASGI application of ``node``; its lifespan starts and stops the node."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await node.start()
        try:
            yield
        finally:
            await node.stop()

    app = FastAPI(
        title=f"Hansa: {node.parts.settings.name}",
        version=__version__,
        description="Management and catalogue API of this node. The pages of this node explain it in words.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    counters = health.Counters()
    portal = portal_for(node, app.openapi)
    _open_doors(app, node, portal)
    _participant_doors(app, node)
    _ogc_door(app, node)
    _management_doors(app, node)
    for routers in node.plugins.hook.hansa_routes(host=node.host):
        for router in routers:
            app.include_router(router)
    app.router.routes.extend(
        health.routes(
            health=node.health,
            limited=node.lifecycle.limited,
            ready=node.status.readiness,
            gauges=node.status.gauges,
            admit=admit_scraper(scraper_token(node.parts.settings), node.callers.person),
            counters=counters,
        )
    )
    app.router.routes.extend(portal.routes)
    _answer_head(app.router.routes)
    refuse = _errors(app, portal)
    limited = BodyLimits(app, path=node.parts.path)
    settings = node.parts.settings
    visited = VisitorLimits(
        limited,
        identify=node.callers.identify,
        refuse=dsp.catalog_errors(refuse, path=node.parts.path),
        bounds=VisitorBounds(
            work_per_address=settings.strangers_work_per_address,
            work_in_all=settings.strangers_work,
            open_per_address=settings.strangers_requests_per_address,
        ),
        path=node.parts.path,
    )
    return UnderPath(health.Counting(SecurityHeaders(visited), counters), node.parts.path)


def _answer_head(routes: list[BaseRoute]) -> None:
    """Take HEAD wherever there is a GET (RFC 9110 §9.3.2), as plain routes do. The server leaves the body out."""
    for route in list(routes):
        if (included := getattr(route, "original_router", None)) is not None:
            _answer_head(included.routes)
        elif isinstance(route, APIRoute) and "GET" in (route.methods or ()) and "HEAD" not in (route.methods or ()):
            twin = APIRoute(
                route.path,
                route.endpoint,
                methods=["HEAD"],
                dependencies=route.dependencies,
                response_class=route.response_class,
                include_in_schema=False,
            )
            routes.append(twin)


class UnderPath:
    """ASGI middleware for a node whose public URL has a path: its doors stand below that path.

    A reverse proxy may pass the path on or take it off; both are understood.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._path and scope["type"] == "http" and scope["path"].startswith(f"{self._path}/"):
            scope = {**scope, "root_path": self._path}
        await self._app(scope, receive, send)


def _open_doors(app: FastAPI, node: HansaNode, portal: Any) -> None:
    identify = node.callers.identify

    async def identify_for_us(request: Request) -> Caller:
        """Who asks; and where that is one of our own people, what this node holds now, which they ask with."""
        caller = await identify(request)
        if caller.is_person:
            await node.ourselves.look()
        return caller

    app.include_router(
        catalogue.router(
            node.browse,
            identify=identify_for_us,
            assets=node.parts.assets,
            base=node.parts.base,
            html_view=portal.record_page,
        )
    )
    app.include_router(sparql.router(node.ask, identify=identify, html_form=portal.sparql_page))
    app.include_router(feed.router(node.feed, identify=identify))
    stores = node.parts.stores
    entries = ServeEntry(uow=stores.uow, agreements=stores.agreements, ledger=stores.ledger)
    app.include_router(ledger.router(node.prover, entries=entries.entry, party=entries.party, identify=identify))
    app.router.routes.extend(wellknown.routes(lambda: node.people.document.raw, has_path=bool(node.parts.path)))


def _participant_doors(app: FastAPI, node: HansaNode) -> None:
    people, spoken = node.people, node.protocol
    egress = node.parts.egress

    def check_callback(address: str, caller: Caller, document: DidDocument) -> None:
        egress.check_url(address)
        if not same_party(address, document):
            raise ForbiddenAddress(
                "the callback address is not one of yours",
                remedy="use the host of your DID, or list the address as a service in your DID document",
            )

    app.router.routes.append(dsp.catalogue_route(node.dsp_catalogue, identify=node.callers.identify))
    for version in VERSIONS.values():
        app.router.routes.extend(
            dsp.routes(
                dsp.Doors(
                    version=version,
                    address=node.parts.dsp_address,
                    negotiations=spoken.negotiations,
                    transfers=spoken.transfers,
                    catalogue=node.dsp_catalogue,
                    participant=node.callers.participant,
                    document=spoken.correspondence.document,
                    check_callback=check_callback,
                    seal_key=sealing_key,
                    check_push=egress.check_url,
                )
            )
        )
    issuing = people.issuing
    app.router.routes.extend(
        dcp.routes(
            people.participants,
            people.wallet,
            applications=issuing.receive if issuing else None,
            status_lists=issuing.lists if issuing else None,
            public_url=node.parts.base,
        )
    )
    app.router.routes.extend(pushed.routes(spoken.inbox))
    app.router.routes.extend(
        deletions.routes(
            spoken.deletions, participant=node.callers.participant, document=spoken.correspondence.document
        )
    )
    rate = node.parts.settings.send_bytes_per_second
    app.router.routes.extend(
        data.DataDoor(
            authorise=spoken.authorise,
            deliveries=spoken.deliveries,
            manifests=spoken.manifests,
            refresh=spoken.refresh,
            participant=node.callers.participant,
            pace=data.Pace(bytes_per_second=rate or None),
        ).routes()
    )


def _ogc_door(app: FastAPI, node: HansaNode) -> None:
    app.router.routes.extend(
        ogc.OgcDoor(
            processes=node.models.processes,
            jobs=node.models.jobs,
            assets=node.parts.assets,
            authorise=node.protocol.authorise,
            identify=node.callers.identify,
            changes=node.changes,
            base=node.parts.base,
            title=node.parts.settings.name,
        ).routes()
    )


def _management_doors(app: FastAPI, node: HansaNode) -> None:
    people_parts, spoken, settings = node.people, node.protocol, node.parts.settings
    person = node.callers.person

    def document(body: Mapping[str, Any], language: str) -> str:
        return render(dict(body), language=language)

    app.include_router(
        records.router(
            person=person,
            publish=node.publish,
            withdraw=node.withdraw,
            assets=node.parts.assets,
            upload_limit=settings.upload_limit,
            description_limit=settings.description_limit,
            limits_lapse=spoken.limits.lapse,
        )
    )
    app.include_router(
        exchanges.router(
            person=person,
            acquire=spoken.acquire,
            negotiations=spoken.negotiations,
            transfers=spoken.transfers,
            decisions=spoken.decisions,
            reading=spoken.overview,
            document=document,
            export=node.proofs.export,
            deletions=spoken.deletions,
            received=node.parts.places.received,
            region=spoken.region,
            stuck=lambda pid: bool(node.letters.about(pid)),
            named=node.access.named,
            changes=node.changes,
        )
    )
    app.include_router(limits.router(person=person, limits=spoken.limits))
    app.include_router(
        scenarios.router(person=person, runs=node.scenarios.runs, layers=node.scenarios.layers, changes=node.changes)
    )
    app.include_router(results.router(person=person, runs=node.scenarios.runs, release=node.scenarios.release))
    app.include_router(
        people.router(
            person=person,
            accounts=people_parts.accounts,
            sign_in=people_parts.sign_in,
            join=node.join,
            wallet=people_parts.wallet,
            revoke=people_parts.issuing.revoke if people_parts.issuing else None,
            issuer=IssuerView(node.parts.stores.uow, node.parts.stores.identity) if people_parts.issuing else None,
        )
    )
    app.include_router(
        secondfactor.router(
            person=person,
            accounts=people_parts.accounts,
            sign_in=people_parts.sign_in,
            second_factor=people_parts.second_factor,
            required=settings.second_factor == "required",
        )
    )
    app.include_router(blocks.router(person=person, blocks=people_parts.blocks, suspend=spoken.transfers.suspend_all))
    app.include_router(
        operation.router(
            person=person,
            facts=node.status.facts,
            deliveries=node.letters,
            checks=node.proofs,
            forward=node.region,
        )
    )
    app.include_router(keys.router(person=person, keys=node.keys))


def _errors(app: FastAPI, portal: Any) -> Callable[[Request, Exception], Awaitable[Response]]:
    """One place where errors become answers: a page for a browser, a problem document for everybody else."""

    async def failed(request: Request, error: Exception) -> Response:
        fault = _known(error)
        if prefers_page(request.headers.get("accept", "")):
            page: Response = await portal.error_page(request, fault or error)
            return page
        return await (answer_problem(request, fault) if fault else answer_failure(request, error))

    app.add_exception_handler(HansaError, failed)
    app.add_exception_handler(HTTPException, failed)
    app.add_exception_handler(RequestValidationError, failed)
    app.add_exception_handler(ClientDisconnect, answer_nobody)
    app.add_exception_handler(Exception, failed)
    return failed


def _known(error: Exception) -> HansaError | None:
    if isinstance(error, HansaError):
        return error
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        return InvalidInput(f"{name}: {first['msg']}", remedy="see /docs/api for what this address takes")
    if isinstance(error, HTTPException):
        if error.status_code == 404:
            return NotFound()
        if error.status_code == 400:
            return InvalidInput(str(error.detail), remedy="see /docs/api for what this address takes")
        return MethodNotAllowed() if error.status_code == 405 else RemoteFault(str(error.detail))
    return None
