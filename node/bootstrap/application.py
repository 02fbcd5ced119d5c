"""The doors put on: one ASGI application with every end point of a node."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

from fastapi import FastAPI
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from node import __version__
from node.adapters.peers.callbacks import CheckCallback
from node.bootstrap.node import HansaNode
from node.bootstrap.operation import scraper_token
from node.bootstrap.portal import portal_for
from node.evidence.proof import ServeEntry
from node.identity.credentials.admissions import IssuerView
from node.identity.documents import sealing_key
from node.policy.document.rendering import render
from node.portal.accept import prefers_page
from node.portal.headers import SecurityHeaders
from node.vocab.dsp import VERSIONS, DspVersion
from node.web import catalogue, data, dcp, deletions, feed, health, ledger, ogc, pushed, sparql, wellknown
from node.web.applications import UnderPath, answer_errors, answer_head, include_all, lifespan_of
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
from node.web.scrapers import admit_scraper
from node.web.visitors import VisitorBounds, VisitorLimits


def application(node: HansaNode) -> ASGIApp:
    """The ASGI application of ``node``; its lifespan starts and stops the node."""

    app = FastAPI(
        title=f"Hansa: {node.parts.settings.name}",
        version=__version__,
        description="Management and catalogue API of this node. The pages of this node explain it.",
        lifespan=lifespan_of(node.start, node.stop),
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
    include_all(app, chain.from_iterable(node.plugins.hook.hansa_routes(host=node.host)))
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
    answer_head(app.router.routes)
    refuse = answer_errors(app, page=portal.error_page, prefers_page=prefers_page)
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


def _open_doors(app: FastAPI, node: HansaNode, portal: Any) -> None:
    identify = node.callers.identify

    app.include_router(
        catalogue.router(
            node.browse,
            identify=node.callers.identify_and(node.ourselves.look),
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


def _dsp_routes(node: HansaNode, version: DspVersion) -> Sequence[BaseRoute]:
    spoken, egress = node.protocol, node.parts.egress
    return dsp.routes(
        dsp.Doors(
            version=version,
            address=node.parts.dsp_address,
            negotiations=spoken.negotiations,
            transfers=spoken.transfers,
            catalogue=node.dsp_catalogue,
            participant=node.callers.participant,
            document=spoken.correspondence.document,
            check_callback=CheckCallback(egress),
            seal_key=sealing_key,
            check_push=egress.check_url,
        )
    )


def _participant_doors(app: FastAPI, node: HansaNode) -> None:
    people, spoken = node.people, node.protocol
    app.router.routes.append(dsp.catalogue_route(node.dsp_catalogue, identify=node.callers.identify))
    app.router.routes.extend(chain.from_iterable(_dsp_routes(node, version) for version in VERSIONS.values()))
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
            transfer_requests=spoken.transfer_requests,
            decisions=spoken.decisions,
            reading=spoken.overview,
            document=lambda body, language: render(dict(body), language=language),
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
