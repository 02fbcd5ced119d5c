"""One ASGI application with all end points of a node.

The routes of participants and monitors are made at once. Pages, catalogue and management (``api``) are made at the
first request for one of them: they take as long to load as all the rest, and many nodes only serve peers.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from node.adapters.peers.callbacks import CheckCallback
from node.base.lazy import Lazy
from node.bootstrap.node import HansaNode
from node.catalogue.export.sitemap import Sitemap
from node.identity.documents import sealing_key
from node.identity.scrapers import monitor_token
from node.portal.accept import prefers_page
from node.portal.headers import SecurityHeaders
from node.vocab.dsp import VERSIONS, DspVersion
from node.web import crawlers, data, dcp, deletions, health, pushes, wellknown
from node.web.applications import (
    DeferredApplication,
    Refuse,
    UnderPath,
    answer_errors,
    errors_as_answers,
    lifespan_of,
)
from node.web.bodies import BodyLimits
from node.web.callers import count_load
from node.web.dsp import routes as dsp
from node.web.live.entity_subscriptions import EntitySubscriptionDoor
from node.web.live.features import FeatureDoor
from node.web.live.notices import NoticeDoor
from node.web.live.queries import QueryDoor
from node.web.live.routes import LiveDoor
from node.web.questions import notices
from node.web.routers import ROUTES, PlacedRouter
from node.web.short_way import ShortWay, short_routes
from node.web.visitors import VisitorBounds, VisitorLimits

if TYPE_CHECKING:
    from node.bootstrap.api import Api


def application(node: HansaNode) -> ASGIApp:
    """Return the ASGI application of ``node``; its lifespan starts and stops the node."""
    counters = health.Counters()
    api: Lazy[Api] = Lazy(lambda: _api(node, refuse, short_way), lock=ROUTES)

    remaining = DeferredApplication(api)
    refuse = errors_as_answers(page=remaining.error_page, prefers_page=prefers_page)
    app = Starlette()
    dsp_doors = [*chain.from_iterable(_dsp_routes(node, version) for version in VERSIONS.values())]
    app.router = PlacedRouter(
        routes=[*_monitor_doors(node, counters), *_participant_doors(node, dsp_doors)],
        lifespan=lifespan_of(node.start, node.stop),
        default=remaining,
    )
    answer_errors(app, refuse)
    short_way = ShortWay(app, short_routes(dsp_doors), refuse)
    # A plug-in without working routes is reported at the start, to the person who named it in the settings.
    api.make_if(bool(node.parts.settings.plugins))
    app_with_limits = BodyLimits(short_way, path=node.parts.path)
    settings = node.parts.settings
    guarded_app = VisitorLimits(
        app_with_limits,
        identify=node.callers.identify,
        refuse=dsp.catalog_errors(refuse, path=node.parts.path),
        bounds=VisitorBounds(
            work_per_address=settings.strangers_work_per_address,
            work_in_all=settings.strangers_work,
            open_per_address=settings.strangers_requests_per_address,
        ),
        path=node.parts.path,
    )
    note = count_load(node.operation.checkup.consumption)
    return UnderPath(health.RequestCounter(SecurityHeaders(guarded_app), counters, note), node.parts.path)


def _api(node: HansaNode, refuse: Refuse, short_way: ShortWay) -> Api:
    # Imported here, not above: see the first lines of this module.
    from node.bootstrap.api import api_of

    api = api_of(node, refuse)
    short_way.include(api.short_routes)
    return api


def _monitor_doors(node: HansaNode, counters: health.Counters) -> Sequence[BaseRoute]:
    settings = node.parts.settings
    return health.routes(
        health=node.health,
        limitations=node.lifecycle.limitations,
        ready=node.operation.status.readiness,
        gauges=node.operation.status.gauges,
        identify=health.monitor_or_person(
            monitor_token(settings.metrics_token, settings.metrics_token_file), node.callers.person
        ),
        counters=counters,
    )


def _dsp_routes(node: HansaNode, version: DspVersion) -> Sequence[Route]:
    protocol_services, egress = node.protocol, node.parts.egress
    return dsp.routes(
        dsp.DspServices(
            version=version,
            address=node.parts.dsp_address,
            negotiations=protocol_services.negotiation.negotiations,
            transfers=protocol_services.transfer.transfers,
            catalogue=node.catalogue.dsp,
            participant=node.callers.participant,
            document=protocol_services.correspondence.document,
            check_callback=CheckCallback(egress),
            seal_key=sealing_key,
            check_push=egress.check_url,
        )
    )


def _participant_doors(node: HansaNode, dsp_doors: Sequence[Route]) -> list[BaseRoute]:
    people, protocol_services = node.people, node.protocol
    issuing = people.issuing
    stores = node.parts.stores
    sitemap = Sitemap(
        uow=stores.uow,
        records=stores.catalogue.records,
        ledger=stores.ledger,
        visibility=node.foundation.visibility,
        node=node.catalogue.node,
    )
    rate = node.parts.settings.send_bytes_per_second
    live = LiveDoor(
        authorise=protocol_services.transfer.authorise,
        reads=node.datasources.reads,
        glances=node.datasources.windows.notifications.glances,
        base=node.parts.base,
    )
    return [
        *wellknown.routes(lambda: people.document.raw, has_path=bool(node.parts.path)),
        *crawlers.routes(sitemap, path=node.parts.path),
        dsp.catalogue_route(node.catalogue.dsp, identify=node.callers.identify),
        *dsp_doors,
        *dcp.routes(
            people.participants,
            people.wallet,
            applications=issuing.receive if issuing else None,
            status_lists=issuing.lists if issuing else None,
            templates=node.foundation.templates.sign if issuing else None,
            public_url=node.parts.base,
        ),
        *pushes.routes(protocol_services.transfer.inbox),
        *deletions.routes(
            protocol_services.transfer.deletions.receive,
            participant=node.callers.participant,
            document=protocol_services.correspondence.document,
        ),
        *notices.routes(node.questions.receive, participant=node.callers.participant),
        *data.DataDoor(
            authorise=protocol_services.transfer.authorise,
            deliveries=protocol_services.transfer.deliveries,
            manifests=protocol_services.transfer.manifests,
            refresh=protocol_services.transfer.refresh,
            participant=node.callers.participant,
            pace=data.Pace(bytes_per_second=rate or None),
        ).routes(),
        *EntitySubscriptionDoor(
            authorise=protocol_services.transfer.authorise,
            subscriptions=node.datasources.windows.notifications.subscriptions,
            data=live.answer,
        ).routes(),
        *live.routes(),
        *NoticeDoor(node.datasources.notices).routes(),
        *QueryDoor(
            authorise=protocol_services.transfer.authorise,
            answers=node.datasources.questions.answers,
            graphs=node.datasources.questions.graphs,
            features=FeatureDoor(
                authorise=protocol_services.transfer.authorise,
                answers=node.datasources.questions.answers,
                base=node.parts.base,
                clock=node.parts.clock,
            ),
            base=node.parts.base,
        ).routes(),
    ]
